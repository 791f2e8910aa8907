#include "launcher/recovery/run_comparison.h"

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/base/error.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& value) {
    if (value.is_null()) return "";
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The member of an object, or of an object within it; null where it is not there.
Json member(const Json& json, std::string_view key, std::string_view within = "") {
    const auto found = json.is_object() ? json.find(std::string(key)) : json.end();
    if (found == json.end()) return nullptr;
    return within.empty() ? *found : member(*found, within);
}

/// The value or the values of a key, without its origin.
Json value_of(const Json& option) {
    Json value = member(option, "value");
    return value.is_null() ? member(option, "values") : value;
}

}  // namespace

std::vector<RunDifference> run_differences(const Json& a, const Json& b) {
    std::vector<RunDifference> differences;
    const auto compare = [&](std::string_view of, std::string_view what, const Json& in_a, const Json& in_b) {
        if (in_a != in_b)
            differences.push_back({std::string(of), std::string(what), text_of(in_a), text_of(in_b)});
    };
    const Json options_a = member(a, "options");
    const Json options_b = member(b, "options");
    std::vector<std::string> keys;
    std::set<std::string> seen;
    for (const Json* options : {&options_a, &options_b}) {
        for (const auto& [key, ignored] : options->items()) {
            if (seen.insert(key).second) keys.push_back(key);
        }
    }
    for (const std::string& key : keys) {
        if (key == "run.dir" || key == "run.overwrite") continue;
        compare("configuration", key, value_of(member(options_a, key)), value_of(member(options_b, key)));
    }
    for (const std::string_view key : {"member", "seed"}) {
        compare("configuration", key, member(a, key), member(b, key));
    }
    constexpr std::array<std::array<std::string_view, 2>, 3> kSets{
        {{"train_data", "training set"}, {"validation_data", "validation set"}, {"test_data", "test set"}}};
    for (const auto& [key, name] : kSets) {
        compare("data", name, member(a, key, "digest"), member(b, key, "digest"));
    }
    compare("data", "inputs", member(a, "inputs"), member(b, "inputs"));
    for (const std::string_view key : {"lockstep", "build_type", "compiler", "mpi_library"}) {
        compare("program", key, member(a, key), member(b, key));
    }
    for (const std::string_view key : {"instruction_set", "cpu_model", "ranks", "threads", "hosts"}) {
        compare("machine", key, member(a, key), member(b, key));
    }
    return differences;
}

}  // namespace lockstep
