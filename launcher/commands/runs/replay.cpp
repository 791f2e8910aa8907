// `lockstep replay`: recomputes one step of a run on one process and compares it with the run's ledger. Exit
// code 0 where they are equal, or the ledger has nothing to compare; 7 where they differ.
#include "launcher/commands/runs/replay.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "core/arithmetic/elementwise.h"
#include "core/arithmetic/value_digest.h"
#include "core/base/number.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/runs/ledger_words.h"
#include "launcher/commands/runs/step_replay.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

double norm_of(std::span<const float> values) {
    std::vector<double> blocks(square_blocks(values.size()));
    return std::sqrt(square_sum(values, blocks));
}

/// Norm and digest of each layer's part of an arena.
struct LayerFacts {
    std::string name;
    double norm;
    std::string digest;
};

std::vector<LayerFacts> facts_of(const ParameterLayout& layout, std::span<const float> arena) {
    std::vector<LayerFacts> facts;
    for (std::size_t l = 0; l < layout.layer_count(); ++l) {
        const auto [first, count] = layout.layer_range(l);
        if (count == 0) continue;
        const std::span<const float> values = arena.subspan(first, count);
        DigestSums sums{};
        add_to_digest(values, 0, sums);
        facts.push_back({fmt::format("layer{}", l), norm_of(values), digest_of(sums).hex()});
    }
    return facts;
}

struct Replayed {
    std::vector<LayerFacts> gradient, parameters;
    std::vector<LayerFacts> leaf;        ///< the gradient of the leaf that was asked for
    std::vector<std::uint64_t> samples;  ///< its samples
    LedgerCheck ledger;
};

std::string ledger_text(const StepReplay& replay, const Replayed& replayed) {
    const LedgerCheck& ledger = replayed.ledger;
    if (ledger.difference.kind != LedgerComparison::kEqual)
        return fmt::format("the ledger differs at {}", difference_text(ledger.difference));
    if (ledger.has_step)
        return fmt::format("the ledger has the same digests for all {} of the recomputed steps that it has",
                           ledger.compared);
    return fmt::format("the ledger has no digests by layer of step {}; run.ledger = step writes them",
                       replay.step());
}

void print_facts(std::string_view what, const std::vector<LayerFacts>& facts) {
    for (const LayerFacts& layer : facts)
        print_out("{:<10}  {:<8}  {:>14.7g}  {}\n", what, layer.name, layer.norm, layer.digest);
}

void print(const StepReplay& replay, const Replayed& replayed) {
    print_out("step {} (epoch {}), {} samples in {} leaves, replayed from {}\n", replay.step(),
              replay.epoch(), replay.batch().samples, replay.batch().leaves,
              replay.from_step() == 0 ? "the beginning"
                                      : fmt::format("the checkpoint of step {}", replay.from_step()));
    print_out("{:<10}  {:<8}  {:>14}  {}\n", "", "", "norm", "digest");
    print_facts("gradient", replayed.gradient);
    print_facts("parameters", replayed.parameters);
    print_facts("leaf", replayed.leaf);
    if (!replayed.samples.empty()) print_out("samples of the leaf: {}\n", fmt::join(replayed.samples, " "));
    print_out("{}\n", ledger_text(replay, replayed));
}

Json facts_json(const std::vector<LayerFacts>& facts) {
    Json json = Json::object();
    for (const LayerFacts& layer : facts) json[layer.name] = {{"norm", layer.norm}, {"digest", layer.digest}};
    return json;
}

Json to_json(const StepReplay& replay, const Replayed& replayed) {
    Json json{{"step", replay.step()},
              {"epoch", replay.epoch()},
              {"samples", replay.batch().samples},
              {"leaves", replay.batch().leaves},
              {"from_step", replay.from_step()},
              {"gradient", facts_json(replayed.gradient)},
              {"parameters", facts_json(replayed.parameters)}};
    if (!replayed.samples.empty())
        json["leaf"] = {{"samples", replayed.samples}, {"gradient", facts_json(replayed.leaf)}};
    json["ledger"] = {{"has_step", replayed.ledger.has_step},
                      {"compared_lines", replayed.ledger.compared},
                      {"equal", replayed.ledger.difference.kind == LedgerComparison::kEqual},
                      {"first_difference", difference_json(replayed.ledger.difference)}};
    return json;
}

/// Whether the ledger, where it has something to compare, is equal.
bool replay_and_print(const Communicator& comm, const CommandInput& input) {
    StepReplay replay(comm, input.positional.front(), input.replay.step, input.replay.step - 1);
    for (const std::string& remark : replay.remarks()) print_warning(remark);
    Replayed replayed;
    if (const auto leaf = input.replay.leaf) {
        if (*leaf >= replay.batch().leaves) {
            throw ConfigError(fmt::format("--leaf {}: the batch of step {} has {} leaves, from 0", *leaf,
                                          replay.step(), replay.batch().leaves));
        }
        const auto samples = replay.samples_of(*leaf);
        replayed.samples.assign(samples.begin(), samples.end());
        replayed.leaf = facts_of(replay.layout(), replay.gradient_of(*leaf));
    }
    replay.take();
    replayed.gradient = facts_of(replay.layout(), replay.gradient());
    replayed.parameters = facts_of(replay.layout(), replay.parameters());
    replayed.ledger = replay.check_ledger();
    if (input.json) {
        print_json(to_json(replay, replayed));
    } else {
        print(replay, replayed);
    }
    return replayed.ledger.difference.kind == LedgerComparison::kEqual;
}

}  // namespace

void set_replay_flag(ReplayInput& replay, std::string_view name, const std::string& value) {
    const auto number = parse_number<std::size_t>(value);
    if (name == "step") {
        if (!number || *number == 0) {
            throw ConfigError(fmt::format("--step {}: must be a whole number, the first step is 1", value));
        }
        replay.step = *number;
    }
    if (name == "leaf") {
        if (!number)
            throw ConfigError(fmt::format("--leaf {}: must be a whole number, the first leaf is 0", value));
        replay.leaf = number;
    }
}

int command_replay(Communicator& comm, const CommandInput& input) {
    if (comm.size() > 1) {
        throw CollectiveError(
            ExitCode::kUsage,
            "lockstep replay is one process, whatever ranks the run had; start it without mpirun");
    }
    bool equal = true;
    agree(comm, [&] { equal = replay_and_print(comm, input); });
    return static_cast<int>(equal ? ExitCode::kDone : ExitCode::kReplicasDiffer);
}

}  // namespace lockstep
