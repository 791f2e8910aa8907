// `lockstep diff`: the first difference of two models (of two runs: runs/diff_runs.cpp). As diff(1): exit
// code 0 where they are equal, 1 where not.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/exchange/open_model.h"
#include "launcher/files/model_difference.h"
#include "launcher/run/printing.h"
#include "launcher/score/ensemble.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kEqual = 0;

std::string ulps_text(const std::optional<std::uint64_t>& ulps) {
    return ulps ? fmt::format("{} ulps apart", *ulps) : "one is no number";
}

void print(const CommandInput& input, const std::string& networks,
           const std::optional<ModelDifference>& values) {
    const std::string a = input.positional[0].string();
    const std::string b = input.positional[1].string();
    if (!networks.empty()) {
        print_out("{} and {} are different networks: {}\n", a, b, networks);
    } else if (!values) {
        print_out("{} and {} are equal, bit for bit\n", a, b);
    } else {
        print_out("{} and {} differ first in {} [{}, {}]: {} against {}, {}\n", a, b, values->block,
                  values->row, values->col, values->a, values->b, ulps_text(values->ulps));
        print_out("{} of {} values differ", values->different_count, values->value_count);
        if (values->most_ulps) print_out(", by at most {} ulps", *values->most_ulps);
        print_out("\n");
    }
}

Json to_json(const CommandInput& input, const std::string& networks,
             const std::optional<ModelDifference>& values) {
    Json json{{"a", input.positional[0].string()},
              {"b", input.positional[1].string()},
              {"equal", networks.empty() && !values}};
    if (!networks.empty()) json["network"] = networks;
    if (values) {
        const auto or_null = [](const auto& number) { return number ? Json(*number) : Json(nullptr); };
        json["first"] = {{"block", values->block},       {"layer", values->layer}, {"row", values->row},
                         {"col", values->col},           {"a", values->a},         {"b", values->b},
                         {"ulps", or_null(values->ulps)}};
        json["different_values"] = values->different_count;
        json["values"] = values->value_count;
        json["most_ulps"] = or_null(values->most_ulps);
    }
    return json;
}

}  // namespace

int command_diff(const CommandInput& input) {
    const auto is_directory = [](const std::filesystem::path& path) {
        std::error_code ignored;
        return std::filesystem::is_directory(path, ignored);
    };
    if (std::ranges::all_of(input.positional, is_directory)) return diff_runs(input);
    const Model a = open_model(one_model_file(input.positional[0], ""));
    const Model b = open_model(one_model_file(input.positional[1], ""));
    const std::string networks = network_difference(a.record.network, b.record.network);
    const std::optional<ModelDifference> values = networks.empty() ? first_difference(a, b) : std::nullopt;
    if (input.json) {
        print_json(to_json(input, networks, values));
    } else {
        print(input, networks, values);
    }
    return networks.empty() && !values ? kEqual : kModelsDiffer;
}

}  // namespace lockstep
