#include "launcher/options/options_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/data/open_data.h"
#include "core/network/layers/layer_kind.h"
#include "core/training/learning_rate.h"
#include "launcher/options/duration.h"

namespace lockstep {

namespace {

using enum OptionKind;

std::string whole_number_fault(const OptionSpec& spec, const std::string& text) {
    const auto number = parse_number<std::uint64_t>(text);
    const bool fits =
        number && static_cast<double>(*number) >= spec.least && static_cast<double>(*number) <= spec.most;
    return fits ? "" : fmt::format("must be {}{}", rule_text(spec), digits_hint(text));
}

/// What a number is that no float holds.
std::string size_hint(std::string_view text) {
    const auto reading = read_number<float>(text);
    if (reading.fault == NumberFault::kTooLarge)
        return "; it is too large for a float, which holds up to 3.4e38";
    const bool vanished =
        reading.fault == NumberFault::kNone && reading.value == 0.0F &&
        text.substr(0, text.find_first_of("eE")).find_first_of("123456789") != std::string_view::npos;
    return vanished ? "; it is too small for a float, where it is 0" : "";
}

std::string real_number_fault(const OptionSpec& spec, const std::string& text) {
    // Read as the float that will be used: a value that only fits a double is out of range.
    const auto number = parse_number<float>(text);
    const bool fits = number && (spec.above ? *number > spec.least : *number >= spec.least) &&
                      (spec.below ? *number < spec.most : *number <= spec.most);
    return fits ? "" : fmt::format("must be {}{}{}", rule_text(spec), decimal_hint(text), size_hint(text));
}

/// A comma without a blank behind it may be a decimal comma, so that it is neither that nor a list's.
std::string rates_fault(const OptionSpec& spec, const std::string& text) {
    if (parse_rates(text)) return "";
    std::string spaced;
    std::string pointed;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool tight = text[i] == ',' && i + 1 < text.size() && text[i + 1] != ' ';
        pointed += tight ? '.' : text[i];
        spaced += text[i];
        if (tight) spaced += ' ';
    }
    std::string fault = fmt::format("must be {}{}", rule_text(spec), size_hint(text));
    const bool decimal = parse_rates(pointed).has_value();
    if (decimal) fault += "; write a decimal point: " + pointed;
    if (parse_rates(spaced))
        fault += fmt::format("; {} a blank behind each comma: {}",
                             decimal ? "or, for several rates," : "write", spaced);
    return fault;
}

}  // namespace

const OptionSpec* find_option(std::string_view key) {
    const auto found = std::ranges::find(option_table(), key, &OptionSpec::key);
    return found == option_table().end() ? nullptr : &*found;
}

std::string help_of(const OptionSpec& spec) {
    if (spec.kind == kLayer) return fmt::format("{}: {}", spec.help, layer_help());
    if (spec.key == "data.source") {
        std::vector<std::string> words;
        for (const DataSource* source : data_sources())
            words.push_back(fmt::format("{}: {}", source->name, source->what));
        return fmt::format("{}; {}", spec.help, fmt::join(words, ", "));
    }
    if (!spec.key.starts_with("data.")) return std::string(spec.help);
    const auto readers = data_sources_reading(spec.key.substr(5));
    return readers.empty() ? std::string(spec.help)
                           : fmt::format("{}: {}", fmt::join(readers, ", "), spec.help);
}

std::string variable_name(std::string_view key) {
    std::string name = "LOCKSTEP_";
    for (const char c : key)
        name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

std::string nearest_key(std::string_view key) {
    std::vector<std::string_view> keys;
    std::vector<std::string_view> names;
    for (const OptionSpec& spec : option_table()) {
        keys.push_back(spec.key);
        names.push_back(spec.key.substr(spec.key.find('.') + 1));
    }
    // The right name in the wrong section, or in none.
    const std::string_view name =
        key.substr(key.rfind('.') == std::string_view::npos ? 0 : key.rfind('.') + 1);
    const auto same = std::ranges::find(names, name);
    if (same != names.end()) return std::string(keys[static_cast<std::size_t>(same - names.begin())]);
    if (std::string nearest = nearest_spelling(key, keys); !nearest.empty()) return nearest;
    const std::string nearest = nearest_spelling(name, names);
    const auto found = std::ranges::find(names, nearest);
    return found == names.end() ? "" : std::string(keys[static_cast<std::size_t>(found - names.begin())]);
}

std::string rule_text(const OptionSpec& spec) {
    switch (spec.kind) {
        case kText:
            return "text";
        case kWhole:
        case kWholeOrAll:
        case kWholeOrAuto: {
            const std::string or_all = spec.kind == kWholeOrAll    ? ", or all"
                                       : spec.kind == kWholeOrAuto ? ", or auto"
                                                                   : "";
            if (spec.most == kMostSeed) return "a whole number from 0 to 18446744073709551615";
            if (spec.most == kMostWhole)
                return fmt::format("a whole number from {:.0f} up{}", spec.least, or_all);
            return fmt::format("a whole number from {:.0f} to {:.0f}{}", spec.least, spec.most, or_all);
        }
        case kReal:
            if (spec.most == kMostReal && spec.least == -kMostReal) return "a number";
            if (spec.most == kMostReal)
                return spec.above ? fmt::format("a number above {}", spec.least)
                                  : fmt::format("a number from {} up", spec.least);
            return fmt::format("a number {} {} and {} {}", spec.above ? "above" : "from", spec.least,
                               spec.below ? "below" : "up to", spec.most);
        case kRates:
            return "a number above 0, or several by epoch, separated by a comma and a blank";
        case kChoice:
        case kSwitch:
            return fmt::format("one of {}", fmt::join(spec.choices, ", "));
        case kLayer:
            return "a layer";
        case kDuration:
            return "a length of time from 0 to a year, as in 300, 90s, 5min or 1h";
        case kInterval:
            return "a whole number of steps, or a length of time with its unit, as in 500, 90s, 5min or 1h";
    }
    return "";
}

std::string fault_of(const OptionSpec& spec, const std::string& text) {
    switch (spec.kind) {
        case kText:
            return "";
        case kWholeOrAll:
        case kWholeOrAuto:
            if (text == (spec.kind == kWholeOrAll ? "all" : "auto")) return "";
            [[fallthrough]];
        case kWhole:
            return whole_number_fault(spec, text);
        case kReal:
            return real_number_fault(spec, text);
        case kRates:
            return rates_fault(spec, text);
        case kChoice:
        case kSwitch:
            if (std::ranges::find(spec.choices, text) != spec.choices.end()) return "";
            return fmt::format("must be {}{}", rule_text(spec), did_you_mean(text, spec.choices));
        case kLayer:
            try {
                parse_layer(text);
                return "";
            } catch (const ConfigError& error) {
                return error.what();
            }
        case kDuration:
            return parse_duration(text) ? "" : fmt::format("must be {}", rule_text(spec));
        case kInterval:
            return parse_interval(text) ? "" : fmt::format("must be {}", rule_text(spec));
    }
    return "";
}

}  // namespace lockstep
