#include "launcher/options/options_json.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/base/number.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

Json value_json(const OptionSpec& spec, const std::string& text) {
    switch (spec.kind) {
        case OptionKind::kWhole:
        case OptionKind::kWholeOrAll:
        case OptionKind::kWholeOrAuto:
            if (const auto number = parse_number<std::uint64_t>(text)) return *number;
            return text;
        case OptionKind::kReal:
            return parse_number<double>(text).value();
        case OptionKind::kRates:
            if (const auto rate = parse_number<double>(text)) return *rate;
            return text;
        case OptionKind::kSwitch:
            return text == "true";
        default:
            return text;
    }
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

}  // namespace lockstep
