// `lockstep eval`: loss and accuracy of a trained model on a data set.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "launcher/commands.h"
#include "launcher/evaluation.h"
#include "launcher/prepare.h"
#include "launcher/trained_network.h"

namespace lockstep {

namespace {

/// The set that --set names; it must have targets to be scored against.
const Dataset& scored_set(const CommandInput& input, const DataSets& data) {
    const Dataset& set = input.set == "train" ? *data.train : *data.test;
    if (!set.has_targets()) {
        throw DataError(
            fmt::format("{}: there are no labels to score against; use lockstep predict, or --set train",
                        set.description()));
    }
    return set;
}

void print(const CommandInput& input, const Score& score) {
    if (input.json) {
        nlohmann::json json{{"set", input.set}, {"loss", score.loss}, {"samples", score.samples}};
        if (score.accuracy) json["accuracy"] = *score.accuracy;
        fmt::print("{}\n", json.dump());
        return;
    }
    fmt::print("{} loss {:.6f}", input.set, score.loss);
    if (score.accuracy) fmt::print("  accuracy {:.2f} %", 100.0 * *score.accuracy);
    fmt::print("  ({} samples)\n", score.samples);
}

}  // namespace

int command_eval(Communicator& comm, const CommandInput& input) {
    const Prepared prepared = agree(comm, [&] { return prepare(input); });
    const auto trained = agree(comm, [&] {
        return std::make_unique<TrainedNetwork>(input.model, prepared.network,
                                                input.config.training.arithmetic);
    });
    const Dataset* set = agree(comm, [&] { return &scored_set(input, prepared.data); });
    WholeArena parameters(trained->network().layout(), trained->parameters());
    const Score score = evaluate(comm, trained->network(), parameters, *set, input.config.training.leaf);
    if (comm.rank() == 0) print(input, score);
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
