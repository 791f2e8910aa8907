// `lockstep eval`: loss and accuracy of a trained model on a data set.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "comm/agreement.h"
#include "core/network/network_learner.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/models/eval_confusion.h"
#include "launcher/commands/models/eval_digraph.h"
#include "launcher/commands/models/model_use.h"
#include "launcher/run/printing.h"
#include "launcher/run/warning.h"
#include "launcher/score/ensemble.h"
#include "launcher/score/evaluation.h"
#include "launcher/score/forward_run.h"
#include "launcher/score/prepare.h"
#include "launcher/score/trained_network.h"

namespace lockstep {

namespace {

/// The set that --set names; it must have targets to be scored against.
const std::shared_ptr<const Dataset>& scored_set(const CommandInput& input, const DataSets& data) {
    const std::shared_ptr<const Dataset>& set = chosen_set(input.set, data);
    if (!set->has_targets()) {
        throw DataError(
            fmt::format("{}: there are no labels to score against; use lockstep predict, or --set train",
                        set->description()));
    }
    return set;
}

/// A sample of a table, and what the network makes of it.
struct TableRow {
    std::vector<float> inputs, outputs, targets;
};

std::vector<TableRow> table_rows(const TrainedNetwork& trained, const Dataset& set) {
    const auto copied = [](std::span<const float> values) {
        return std::vector<float>(values.begin(), values.end());
    };
    const Network& network = trained.network();
    WholeArena parameters(network.layout(), trained.parameters());
    std::vector<TableRow> rows;
    forward_run(network, parameters, set, 0, set.size(),
                [&](std::size_t, const Samples& samples, Matrix outputs, Workspace& work) {
                    network.objective().finish_outputs(outputs, work.scratch());
                    for (std::size_t r = 0; r < outputs.rows; ++r) {
                        rows.push_back({copied(samples.x.row(r)), copied(outputs.row(r)),
                                        copied(samples.targets.values.row(r))});
                    }
                });
    return rows;
}

/// Several networks' common answers.
int eval_together(const Communicator& comm, const CommandInput& input, const Prepared& prepared,
                  const std::vector<std::filesystem::path>& models) {
    const Ensemble ensemble =
        agree(comm, [&] { return Ensemble(models, prepared, input.config, input.combination); });
    const std::shared_ptr<const Dataset> set = agree(comm, [&] { return scored_set(input, prepared.data); });
    agree(comm, [&] { check_confusion(comm, input, *set); });
    for (const std::string& text : ensemble.scale_advice(*set)) warn(comm, text);
    const EnsembleScore score = ensemble.score(comm, set, input.config.training.leaf);
    const std::optional<Confusion> confusion = confusion_of(comm, input, ensemble, set);
    if (comm.rank() != 0) return static_cast<int>(ExitCode::kDone);
    if (input.json) {
        nlohmann::json json{{"set", input.set}, {"models", models.size()}, {"samples", set->size()}};
        if (score.loss) json["loss"] = *score.loss;
        if (score.accuracy) json["accuracy"] = *score.accuracy;
        if (confusion) add_confusion(input, *confusion, json);
        print_json(json);
        return static_cast<int>(ExitCode::kDone);
    }
    say(input, "{}", input.set);
    if (score.loss) say(input, " loss {:.6f}", *score.loss);
    if (score.accuracy) say(input, "  accuracy {:.2f} %", 100.0 * *score.accuracy);
    say(input, "  ({} samples, {} models, {})\n", set->size(), models.size(),
        input.combination == Combination::kVote ? "vote" : "average");
    if (confusion) print_confusion(input, *confusion);
    return static_cast<int>(ExitCode::kDone);
}

void print(const CommandInput& input, const Score& score, const std::vector<TableRow>& rows,
           const std::optional<Confusion>& confusion) {
    if (input.json) {
        nlohmann::json json{{"set", input.set}, {"loss", score.loss}, {"samples", score.samples}};
        if (score.accuracy) json["accuracy"] = *score.accuracy;
        for (const TableRow& row : rows) {
            json["table"].push_back(
                {{"inputs", row.inputs}, {"outputs", row.outputs}, {"targets", row.targets}});
        }
        if (confusion) add_confusion(input, *confusion, json);
        print_json(json);
        return;
    }
    for (const TableRow& row : rows) {
        print_out("{} -> {}  (target {})\n", fmt::join(row.inputs, " "), fmt::join(row.outputs, " "),
                  fmt::join(row.targets, " "));
    }
    say(input, "{} loss {:.6f}", input.set, score.loss);
    if (score.accuracy) say(input, "  accuracy {:.2f} %", 100.0 * *score.accuracy);
    say(input, "  ({} samples)\n", score.samples);
    if (confusion) print_confusion(input, *confusion);
}

}  // namespace

int command_eval(Communicator& comm, const CommandInput& given) {
    if (!given.config.digraph.empty()) return eval_digraph(comm, given);
    const CommandInput input = with_models(comm, given);
    const std::vector<std::filesystem::path>& models = input.models;
    const Prepared prepared = prepare(comm, input.config, input.options);
    if (models.size() > 1) return eval_together(comm, input, prepared, models);
    const auto trained =
        agree(comm, [&] { return open_trained(models, input.config, input.options, prepared); });
    const auto raw = agree(comm, [&] { return scored_set(input, prepared.data); });
    const auto set = agree(comm, [&] { return trained->seen(raw); });
    agree(comm, [&] { check_confusion(comm, input, *set); });
    warn(comm, trained->scale_advice(*raw));
    WholeArena parameters(trained->network().layout(), trained->parameters());
    NetworkScorer scorer(trained->network(), kPiece_samples);
    const Score score = evaluate(comm, scorer, parameters, *set, input.config.training.leaf);
    const std::optional<Confusion> confusion = confusion_of(comm, input, *trained, *set);
    if (comm.rank() == 0) {
        const bool small = input.config.data.source == "table";
        print(input, score, small ? table_rows(*trained, *set) : std::vector<TableRow>{}, confusion);
    }
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
