// `lockstep diff` of two run directories: the first step and layer where their ledgers part, and in what the
// runs differ.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/commands/runs/diff_replay.h"
#include "launcher/commands/runs/ledger_words.h"
#include "launcher/recovery/ledger.h"
#include "launcher/recovery/run_comparison.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/printing.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

void print(const std::string& a, const std::string& b, const LedgerComparison& ledgers) {
    if (ledgers.kind != LedgerComparison::kEqual) {
        print_out("{} and {} part at {}\n", a, b, difference_text(ledgers));
        if (ledgers.last_equal_step > 0) print_out("  they are equal at step {}\n", ledgers.last_equal_step);
        return;
    }
    const std::uint64_t common = std::min(ledgers.last_step_a, ledgers.last_step_b);
    print_out("{} and {} are equal in all {} lines that their ledgers share, to step {}\n", a, b,
              ledgers.compared, ledgers.last_equal_step);
    if (ledgers.last_step_a == ledgers.last_step_b) return;
    const bool a_is_longer = ledgers.last_step_a > common;
    print_out("  {} goes on to step {}\n", a_is_longer ? a : b,
              std::max(ledgers.last_step_a, ledgers.last_step_b));
}

/// What replaying the step has shown, or why it was not possible.
struct Replays {
    std::optional<ReplayComparison> found;
    std::string failure;
};

/// Where the ledgers part at a step, in values that this network has too.
Replays replay_step(const CommandInput& input, const LedgerComparison& ledgers) {
    using Ledgers = LedgerComparison;
    if (input.ledger_only || ledgers.kind == Ledgers::kEqual || ledgers.kind == Ledgers::kLayers) return {};
    try {
        return {compare_by_replay(input.positional[0], input.positional[1], ledgers.last_equal_step,
                                  ledgers.step),
                ""};
    } catch (const Error& error) {
        return {std::nullopt, error.what()};
    }
}

std::string where_text(const ReplayComparison& found) {
    switch (found.where) {
        case ReplayComparison::kLeaf:
            return fmt::format("the gradient of leaf {}", found.leaf);
        case ReplayComparison::kGradient:
            return "the gradient of the batch";
        case ReplayComparison::kParameters:
            return "the parameters after the step";
        case ReplayComparison::kNowhere:
            break;
    }
    return "nothing";
}

void print(const std::string& a, const std::string& b, const Replays& replays) {
    if (!replays.failure.empty()) print_out("  no replay: {}\n", replays.failure);
    if (!replays.found) return;
    const ReplayComparison& found = *replays.found;
    if (found.value) {
        print_out("  replayed, they differ first in step {}, in {}: {} [{}, {}], {:.9g} against {:.9g}",
                  found.step, where_text(found), found.value->block, found.value->row, found.value->col,
                  found.value->a, found.value->b);
        if (found.value->ulps) print_out(", {} ulps apart", *found.value->ulps);
        print_out("\n");
        if (!found.samples_a.empty() && found.samples_a != found.samples_b) {
            print_out("  samples of the leaf: {}\n", fmt::join(found.samples_a, " "));
            print_out("              against: {}\n", fmt::join(found.samples_b, " "));
        }
    } else {
        print_out("  replayed, both are equal: a machine has erred\n");
    }
    for (const auto& [run, fault] : {std::pair(a, found.fault_a), std::pair(b, found.fault_b)}) {
        if (!fault.empty()) print_out("  the ledger of {} is not what its replay says, at {}\n", run, fault);
    }
}

Json to_json(const Replays& replays) {
    if (!replays.failure.empty()) return {{"failure", replays.failure}};
    if (!replays.found) return nullptr;
    const ReplayComparison& found = *replays.found;
    Json json{{"equal", !found.value}, {"fault_a", found.fault_a}, {"fault_b", found.fault_b}};
    if (!found.value) return json;
    const ModelDifference& value = *found.value;
    json["first"] = {{"step", found.step},
                     {"of", where_text(found)},
                     {"block", value.block},
                     {"layer", value.layer},
                     {"row", value.row},
                     {"col", value.col},
                     {"a", value.a},
                     {"b", value.b},
                     {"ulps", value.ulps ? Json(*value.ulps) : Json(nullptr)}};
    if (found.where == ReplayComparison::kLeaf) {
        json["leaf"] = found.leaf;
        json["samples_a"] = found.samples_a;
        json["samples_b"] = found.samples_b;
    }
    return json;
}

Json to_json(const std::string& a, const std::string& b, bool equal, const LedgerComparison& ledgers,
             const std::vector<RunDifference>& differences) {
    Json json{{"a", a},
              {"b", b},
              {"equal", equal},
              {"first_difference", difference_json(ledgers)},
              {"compared_lines", ledgers.compared},
              {"last_equal_step", ledgers.last_equal_step}};
    if (ledgers.kind == LedgerComparison::kEqual) {
        json["last_step_a"] = ledgers.last_step_a;
        json["last_step_b"] = ledgers.last_step_b;
    }
    json["differences"] = Json::array();
    for (const RunDifference& each : differences) {
        json["differences"].push_back({{"of", each.of}, {"what", each.what}, {"a", each.a}, {"b", each.b}});
    }
    return json;
}

}  // namespace

int diff_runs(const CommandInput& input) {
    const std::string a = input.positional[0].string();
    const std::string b = input.positional[1].string();
    const std::vector<RunDifference> differences =
        run_differences(read_run_record(files_of_run(a)), read_run_record(files_of_run(b)));
    LedgerReader ledger_a(ledger_of(a));
    LedgerReader ledger_b(ledger_of(b));
    const LedgerComparison ledgers = compare_ledgers(ledger_a, ledger_b);
    if (ledgers.compared == 0) {
        throw ConfigError(fmt::format(
            "the ledgers of {} and {} have no step in common; train both with run.ledger = step", a, b));
    }
    const bool equal = ledgers.kind == LedgerComparison::kEqual && ledgers.last_step_a == ledgers.last_step_b;
    if (input.json) {
        Json json = to_json(a, b, equal, ledgers, differences);
        json["replay"] = to_json(replay_step(input, ledgers));
        print_json(json);
    } else {
        print(a, b, ledgers);
        for (const RunDifference& each : differences) {
            print_out("  {}: {} {} against {}\n", each.of, each.what, each.a.empty() ? "none" : each.a,
                      each.b.empty() ? "none" : each.b);
        }
        // What is known comes before what takes its time.
        flush(stdout);
        print(a, b, replay_step(input, ledgers));
    }
    return equal ? static_cast<int>(ExitCode::kDone) : kModelsDiffer;
}

}  // namespace lockstep
