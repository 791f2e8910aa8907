// `lockstep predict`: one prediction a line, in the samples' order.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "comm/agreement.h"
#include "core/data/batch_plan.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/models/model_use.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/output_target.h"
#include "launcher/run/printing.h"
#include "launcher/run/warning.h"
#include "launcher/score/ensemble.h"
#include "launcher/score/forward_run.h"
#include "launcher/score/prepare.h"
#include "launcher/score/trained_network.h"

namespace lockstep {

namespace {

/// A class number, or the outputs, separated by commas.
void append_prediction(std::string& text, std::span<const float> outputs, bool as_class,
                       const Objective& objective) {
    if (as_class) {
        fmt::format_to(std::back_inserter(text), "{}\n", objective.predicted_class(outputs));
    } else {
        fmt::format_to(std::back_inserter(text), "{}\n", fmt::join(outputs, ","));
    }
}

/// The lines of this rank's share of the set.
std::string predictions(const Communicator& comm, const TrainedNetwork& trained, const Dataset& set,
                        std::size_t leaf, bool as_class) {
    const Network& network = trained.network();
    const BatchPlan plan(set.size(), set.size(), leaf, 0);
    const Shard shard = plan.shard(plan.batch(0, 0), comm.rank(), comm.size());
    std::string text;
    WholeArena parameters(network.layout(), trained.parameters());
    forward_run(network, parameters, set, shard.first, shard.samples,
                [&](std::size_t, const Samples&, Matrix outputs, Workspace& work) {
                    network.objective().finish_outputs(outputs, work.scratch());
                    for (std::size_t r = 0; r < outputs.rows; ++r) {
                        append_prediction(text, outputs.row(r), as_class, network.objective());
                    }
                });
    return text;
}

/// The same of several networks' common answers.
std::string predictions(const Communicator& comm, const Ensemble& ensemble,
                        const std::shared_ptr<const Dataset>& set, std::size_t leaf, bool as_class) {
    Answers answers = ensemble.answer(comm, set, leaf);
    std::string text;
    for (std::size_t r = 0; r < answers.shard.samples; ++r) {
        append_prediction(text, answers.matrix().row(r), as_class, ensemble.objective());
    }
    return text;
}

/// "" where a network's outputs lie between 0 and 1.
std::string no_probabilities_advice(const NetworkSpec& network) {
    const LayerSpec& last = network.layers.back();
    if (last.softmax || last.activation.kind == ActivationKind::kSigmoid) return {};
    return fmt::format("the outputs of {} are no probabilities; they are written as they are",
                       to_string(last));
}

/// The lines of every rank.
std::vector<std::string> predict(const Communicator& comm, const CommandInput& input,
                                 const Prepared& prepared, const std::shared_ptr<const Dataset>& set,
                                 const std::vector<std::filesystem::path>& models) {
    const std::size_t leaf = input.config.training.leaf;
    // Real targets have no class: their outputs are written in any case.
    const bool as_class = set->classes() > 0 && !input.probabilities;
    if (models.size() > 1) {
        const Ensemble ensemble =
            agree(comm, [&] { return Ensemble(models, prepared, input.config, input.combination); });
        for (const std::string& text : ensemble.scale_advice(*set)) warn(comm, text);
        return comm.allgather(predictions(comm, ensemble, set, leaf, as_class));
    }
    const auto trained =
        agree(comm, [&] { return open_trained(models, input.config, input.options, prepared); });
    const auto seen = agree(comm, [&] { return trained->seen(set); });
    warn(comm, trained->scale_advice(*set));
    if (input.probabilities) warn(comm, no_probabilities_advice(trained->network().spec()));
    return comm.allgather(predictions(comm, *trained, *seen, leaf, as_class));
}

}  // namespace

int command_predict(Communicator& comm, const CommandInput& given) {
    const CommandInput input = with_models(comm, given);
    const std::vector<std::filesystem::path>& models = input.models;
    const Prepared prepared = prepare(comm, input.config, input.options);
    const auto set = agree(comm, [&] { return chosen_set(input.set, prepared.data); });
    agree(comm, [&] {
        if (comm.rank() == 0) check_output(input.out, files_given(input), input.json);
    });
    const std::vector<std::string> shares = predict(comm, input, prepared, set, models);
    agree(comm, [&] {
        if (comm.rank() != 0) return;
        AtomicFile file(input.out, ExitCode::kUsage);
        for (const std::string& share : shares) file.write(share);
        file.commit();
        if (input.json) {
            print_json(
                nlohmann::json{{"set", input.set}, {"samples", set->size()}, {"out", input.out.string()}});
        } else {
            print_beside(input.out, fmt::format("{} predictions in {}\n", set->size(), input.out.string()));
        }
    });
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
