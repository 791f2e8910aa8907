#include "launcher/score/prepare.h"

#include <fmt/format.h>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/base/threads.h"
#include "launcher/files/weights_file.h"
#include "launcher/options/config.h"
#include "launcher/run/launch_environment.h"
#include "launcher/score/same_inputs.h"
#include "launcher/train/memory_check.h"

namespace lockstep {

namespace {

/// The data alone, once the configuration is known to have a network for it.
Prepared open(const CommandInput& input) {
    if (!input.config.digraph.empty()) {
        throw ConfigError(fmt::format(
            "{}: a network with cycles is not trained and has no model file; lockstep eval alone runs it",
            input.options.place("network.digraph")));
    }
    set_thread_count(static_cast<int>(input.config.training.threads));
    check_drawn_samples(input.config.data, input.options, launched_processes());
    Prepared prepared;
    prepared.data = open_data(input.config.data);
    return prepared;
}

void check_network(const CommandInput& input, Prepared& prepared) {
    prepared.network =
        check_against_data(input.config, input.options, *prepared.data.train, *prepared.data.test);
    if (const auto& weights = input.config.weights; !weights.empty()) {
        prepared.weights = read_weights_file(weights, prepared.network);
    }
}

}  // namespace

Prepared prepare(const CommandInput& input) {
    Prepared prepared = open(input);
    check_network(input, prepared);
    return prepared;
}

Prepared prepare(const Communicator& comm, const CommandInput& input) {
    check_same_files(comm, input.config);
    Prepared prepared = agree(comm, [&] { return open(input); });
    // Before anything goes by the number of samples.
    check_same_data(comm, prepared.data);
    agree(comm, [&] { check_network(input, prepared); });
    return prepared;
}

void fit_inputs(Prepared& prepared, const PreprocessingOptions& options) {
    if (options.inputs == InputScaling::kNone) return;
    prepared.preprocessing =
        std::make_shared<Preprocessing>(fit_preprocessing(options, *prepared.data.train));
    for (auto* set : {&prepared.data.train, &prepared.data.validation, &prepared.data.test}) {
        if (*set) *set = std::make_shared<PreprocessedDataset>(*set, prepared.preprocessing);
    }
}

const std::shared_ptr<const Dataset>& chosen_set(const CommandInput& input, const DataSets& data) {
    if (input.set == "train") return data.train;
    if (input.set == "test") return data.test;
    if (data.validation) return data.validation;
    throw ConfigError(
        "--set validation: data.split = none cuts out no validation part; set data.split, as in 80/20 or "
        "60/20/20");
}

}  // namespace lockstep
