#include "launcher/options/options_json.h"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/number.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// Decimals that a double keeps.
constexpr std::size_t kMostDigits = 15;

Json value_json(const OptionSpec& spec, const std::string& text) {
    switch (spec.kind) {
        case OptionKind::kWhole:
        case OptionKind::kWholeOrAll:
        case OptionKind::kWholeOrAuto:
            if (const auto number = parse_number<std::uint64_t>(text)) return *number;
            return text;
        case OptionKind::kReal:
            if (text.size() > kMostDigits) return text;
            return parse_number<double>(text).value();
        case OptionKind::kRates:
            if (const auto rate = parse_number<double>(text); rate && text.size() <= kMostDigits)
                return *rate;
            return text;
        case OptionKind::kSwitch:
            return text == "true";
        default:
            return text;
    }
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// An option's value, or those of one that is repeated.
std::vector<OptionValue> values_of(const OptionSpec& spec, const Json& entry) {
    std::vector<OptionValue> values;
    if (!spec.repeated) {
        values.push_back({text_of(entry.at("value")), entry.at("origin").get<std::string>()});
        return values;
    }
    for (std::size_t i = 0; i < entry.at("values").size(); ++i) {
        values.push_back({text_of(entry.at("values").at(i)), entry.at("origins").at(i).get<std::string>()});
    }
    return values;
}

}  // namespace

Json to_json(const ResolvedOptions& options) {
    Json json = Json::object();
    for (const ResolvedOption& option : options.all()) {
        const OptionSpec& spec = *find_option(option.key);
        if (!spec.repeated) {
            const OptionValue& value = option.values.front();
            json[option.key] = {{"value", value_json(spec, value.text)}, {"origin", value.origin}};
            continue;
        }
        Json values = Json::array();
        Json origins = Json::array();
        for (const OptionValue& value : option.values) {
            values.push_back(value_json(spec, value.text));
            origins.push_back(value.origin);
        }
        json[option.key] = {{"values", values}, {"origins", origins}};
    }
    return json;
}

ResolvedOptions options_from_json(const std::string& config_name, const Json& json) {
    for (const auto& [key, entry] : json.items()) {
        if (find_option(key) == nullptr)
            throw ConfigError(fmt::format("{} is no key of this lockstep; use the one that wrote it", key));
    }
    std::vector<ResolvedOption> options;
    for (const OptionSpec& spec : option_table()) {
        const std::string key(spec.key);
        ResolvedOption& option = options.emplace_back(ResolvedOption{key, {}});
        // A key that is newer than the file has its default.
        if (!json.contains(key) && !spec.required)
            option.values.push_back({std::string(spec.default_text), "default"});
        if (!json.contains(key)) continue;
        try {
            option.values = values_of(spec, json.at(key));
        } catch (const Json::exception& error) {
            throw ConfigError(fmt::format("{}: {}", key, error.what()));
        }
        for (const OptionValue& value : option.values) {
            if (value.origin == "default" && value.text == spec.default_text) continue;  // may be empty
            if (const std::string fault = fault_of(spec, value.text); !fault.empty())
                throw ConfigError(fmt::format("{} = {}: {}", key, value.text, fault));
        }
    }
    ResolvedOptions resolved(config_name, std::move(options));
    for (const OptionSpec& spec : option_table()) {
        if (!spec.required || !resolved.text(spec.key).empty()) continue;
        if (!spec.unless.empty() && !resolved.text(spec.unless).empty()) continue;
        throw ConfigError(fmt::format("{} is missing", spec.key));
    }
    return resolved;
}

}  // namespace lockstep
