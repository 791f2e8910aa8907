#include "launcher/score/prepare.h"
#include "launcher/score/data_check.h"

#include <fmt/format.h>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/base/threads.h"
#include "launcher/files/weights_file.h"
#include "launcher/options/config.h"
#include "launcher/run/launch_environment.h"
#include "launcher/score/memory_check.h"
#include "launcher/score/same_inputs.h"

namespace lockstep {

namespace {

/// The data alone, once the configuration is known to have a network for it.
Prepared open(const Config& config, const ResolvedOptions& options) {
    if (!config.digraph.empty()) {
        throw ConfigError(fmt::format(
            "{}: a network with cycles is not trained and has no model file; lockstep eval alone runs it",
            options.place("network.digraph")));
    }
    set_thread_count(static_cast<int>(config.training.threads));
    check_drawn_samples(config.data, options, launched_processes());
    Prepared prepared;
    prepared.data = open_data(config.data);
    return prepared;
}

void check_network(const Config& config, const ResolvedOptions& options, Prepared& prepared) {
    prepared.network = check_against_data(config, options, *prepared.data.train, *prepared.data.test);
    if (const auto& weights = config.weights; !weights.empty()) {
        prepared.weights = read_weights_file(weights, prepared.network);
    }
}

}  // namespace

Prepared prepare(const Config& config, const ResolvedOptions& options) {
    Prepared prepared = open(config, options);
    check_network(config, options, prepared);
    return prepared;
}

Prepared prepare(const Communicator& comm, const Config& config, const ResolvedOptions& options) {
    check_same_files(comm, config);
    Prepared prepared = agree(comm, [&] { return open(config, options); });
    // Before anything goes by the number of samples.
    check_same_data(comm, prepared.data);
    agree(comm, [&] { check_network(config, options, prepared); });
    return prepared;
}

Prepared prepare_on(const Communicator& comm, const DataSets& data, const Config& config,
                    const ResolvedOptions& options) {
    check_same_files(comm, config);
    return agree(comm, [&] {
        set_thread_count(static_cast<int>(config.training.threads));
        Prepared prepared;
        prepared.data = data;
        check_network(config, options, prepared);
        return prepared;
    });
}

void fit_inputs(Prepared& prepared, const PreprocessingOptions& options) {
    if (prepared.start && prepared.start->inputs()) {
        const ModelInputs& inputs = *prepared.start->inputs();
        prepared.preprocessing = inputs.preprocessing;
        for (auto* set : {&prepared.data.train, &prepared.data.validation, &prepared.data.test}) {
            if (*set) *set = inputs.seen(*set);
        }
        return;
    }
    if (options.inputs == InputScaling::kNone) return;
    prepared.preprocessing =
        std::make_shared<Preprocessing>(fit_preprocessing(options, *prepared.data.train));
    for (auto* set : {&prepared.data.train, &prepared.data.validation, &prepared.data.test}) {
        if (*set) *set = std::make_shared<PreprocessedDataset>(*set, prepared.preprocessing);
    }
}

const std::shared_ptr<const Dataset>& chosen_set(std::string_view name, const DataSets& data) {
    if (name == "train") return data.train;
    if (name == "test") return data.test;
    if (data.validation) return data.validation;
    throw ConfigError(
        "--set validation: data.split = none cuts out no validation part; set data.split, as in 80/20 or "
        "60/20/20");
}

}  // namespace lockstep
