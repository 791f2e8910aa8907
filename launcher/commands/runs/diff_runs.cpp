// `lockstep diff` of two run directories: the first step and layer where their ledgers part, and in what the
// runs differ.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/commands/runs/ledger_words.h"
#include "launcher/recovery/ledger.h"
#include "launcher/recovery/run_comparison.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/printing.h"

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
    const std::vector<RunDifference> differences = run_differences(read_run_record(a), read_run_record(b));
    LedgerReader ledger_a(ledger_of(a));
    LedgerReader ledger_b(ledger_of(b));
    const LedgerComparison ledgers = compare_ledgers(ledger_a, ledger_b);
    if (ledgers.compared == 0) {
        throw ConfigError(fmt::format(
            "the ledgers of {} and {} have no step in common; train both with run.ledger = step", a, b));
    }
    const bool equal = ledgers.kind == LedgerComparison::kEqual && ledgers.last_step_a == ledgers.last_step_b;
    if (input.json) {
        print_json(to_json(a, b, equal, ledgers, differences));
    } else {
        print(a, b, ledgers);
        for (const RunDifference& each : differences) {
            print_out("  {}: {} {} against {}\n", each.of, each.what, each.a.empty() ? "none" : each.a,
                      each.b.empty() ? "none" : each.b);
        }
    }
    return equal ? static_cast<int>(ExitCode::kDone) : kModelsDiffer;
}

}  // namespace lockstep
