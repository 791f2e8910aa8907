#include "launcher/several/sweep_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/philox.h"
#include "core/base/spelling.h"
#include "core/data/permutation.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

// More networks than a sweep could train, and no more than memory holds a description of.
constexpr std::size_t kMostPoints = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& flag, const std::string& what) {
    throw ConfigError(fmt::format("{}: {}", flag, what));
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(separator, begin), text.size());
        parts.emplace_back(trimmed(text.substr(begin, end - begin)));
        begin = end + 1;
    }
    return parts;
}

/// Why the key cannot be varied, or "".
std::string reason_against(std::string_view key) {
    if (key == "training.seed") return "--seeds N trains each point from N seeds, training.seed and the next";
    constexpr std::array<std::string_view, 5> kOfAll{"run.dir", "run.overwrite", "run.max_wall_time",
                                                     "run.hang_timeout", "network.digraph"};
    if (std::ranges::find(kOfAll, key) != kOfAll.end() || key.starts_with("resampling."))
        return "is the same for all networks of a sweep; give it as a flag of its own";
    return "";
}

const OptionSpec& find_key(const std::string& flag, std::string_view key) {
    const OptionSpec* spec = find_option(key);
    if (spec == nullptr) {
        const std::string nearest = nearest_key(key);
        refuse(flag, fmt::format("unknown key {}{}", key,
                                 nearest.empty() ? "; `lockstep sweep --help` lists the keys"
                                                 : fmt::format("; did you mean {}?", nearest)));
    }
    if (const std::string reason = reason_against(key); !reason.empty())
        refuse(flag, fmt::format("{} {}", key, reason));
    return *spec;
}

void check_value(const std::string& flag, const OptionSpec& spec, const std::string& text) {
    if (const std::string fault = fault_of(spec, text); !fault.empty())
        refuse(flag, fmt::format("{}: {}", text.empty() ? "an empty value" : text, fault));
}

bool is_whole(const OptionSpec& spec) {
    return spec.kind == OptionKind::kWhole || spec.kind == OptionKind::kWholeOrAll ||
           spec.kind == OptionKind::kWholeOrAuto;
}

/// "log:0.001..0.1"; nothing where the text is no range.
std::optional<SweepRange> parse_range(const std::string& flag, const OptionSpec& spec,
                                      std::string_view text) {
    const bool logarithmic = text.starts_with("log:");
    if (!logarithmic && !text.starts_with("lin:")) return std::nullopt;
    if (!is_whole(spec) && spec.kind != OptionKind::kReal && spec.kind != OptionKind::kRates)
        refuse(flag, fmt::format("{} is no number, so that there is no range of it", spec.key));
    text.remove_prefix(4);
    const std::size_t dots = text.find("..");
    const auto least = parse_number<double>(trimmed(text.substr(0, dots)));
    const auto most =
        dots == std::string_view::npos ? std::nullopt : parse_number<double>(trimmed(text.substr(dots + 2)));
    if (!least || !most || *least >= *most)
        refuse(flag, "a range has two numbers, the smaller one first, as in log:0.001..0.1 or lin:0.5..0.9");
    if (logarithmic && *least <= 0.0) refuse(flag, "a logarithmic range begins above 0");
    for (const std::string_view end : {text.substr(0, dots), text.substr(dots + 2)})
        check_value(flag, spec, std::string(trimmed(end)));
    return SweepRange{*least, *most, logarithmic, is_whole(spec)};
}

std::vector<std::vector<std::string>> parse_alternatives(const OptionSpec& spec, std::string_view text) {
    const auto has = [&](char separator) { return text.find(separator) != std::string_view::npos; };
    std::vector<std::vector<std::string>> alternatives;
    if (spec.repeated) {
        for (const std::string& alternative : split(text, '|'))
            alternatives.push_back(split(alternative, ';'));
        return alternatives;
    }
    for (std::string& value : split(text, has('|') ? '|' : has(';') ? ';' : ','))
        alternatives.push_back({std::move(value)});
    return alternatives;
}

SweepKey parse_key(const std::string& text) {
    SweepKey key;
    key.flag = fmt::format("--grid {}", text);
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
        refuse(key.flag, "write KEY=VALUES, as in optimizer.learning_rate=0.01,0.1");
    key.key = trimmed(std::string_view(text).substr(0, equals));
    const OptionSpec& spec = find_key(key.flag, key.key);
    const std::string_view values = trimmed(std::string_view(text).substr(equals + 1));
    key.range = parse_range(key.flag, spec, values);
    if (key.range) return key;
    key.alternatives = parse_alternatives(spec, values);
    for (std::size_t i = 0; i < key.alternatives.size(); ++i) {
        const auto& alternative = key.alternatives[i];
        for (const std::string& value : alternative) check_value(key.flag, spec, value);
        if (std::ranges::find(key.alternatives, alternative) - key.alternatives.begin() !=
            static_cast<std::ptrdiff_t>(i))
            refuse(key.flag, fmt::format("{} is given twice", fmt::join(alternative, "; ")));
    }
    return key;
}

/// least · (most / least)^u by square roots and products alone, which are IEEE's and so the same on every
/// machine, as those of the C library need not be.
double on_logarithmic_scale(const SweepRange& range, double u) {
    double value = range.least;
    double factor = range.most / range.least;
    constexpr int kDigits = 40;  // binary ones of u, more than the four decimal ones that stay
    for (int digit = 0; digit < kDigits; ++digit) {
        factor = std::sqrt(factor);
        u *= 2.0;
        if (u < 1.0) continue;
        u -= 1.0;
        value *= factor;
    }
    return value;
}

/// As text, which is all of it: the number is what the text says.
std::string drawn(const SweepRange& range, const PhiloxCounter& words) {
    const double u = (static_cast<double>(words[0]) + static_cast<double>(words[1]) * 0x1p-32) * 0x1p-32;
    if (range.whole) {
        // Each whole number has the interval up to the next one.
        const SweepRange wide{range.least, range.most + 1.0, range.logarithmic, true};
        const double value =
            range.logarithmic ? on_logarithmic_scale(wide, u) : wide.least + u * (wide.most - wide.least);
        return fmt::format("{:.0f}", std::min(std::floor(value), range.most));
    }
    const double value =
        range.logarithmic ? on_logarithmic_scale(range, u) : range.least + u * (range.most - range.least);
    std::string text = fmt::format("{:.4g}", value);
    const double rounded = parse_number<double>(text).value();
    if (rounded >= range.least && rounded <= range.most) return text;
    return fmt::format("{}", rounded < range.least ? range.least : range.most);
}

void add(SweepPoint& point, const SweepKey& key, const std::vector<std::string>& values) {
    for (const std::string& value : values) point.values.emplace_back(key.key, value);
}

SweepPoint drawn_point(const std::vector<SweepKey>& keys, const RandomStream& stream, std::uint64_t number) {
    SweepPoint point;
    for (std::size_t k = 0; k < keys.size(); ++k) {
        const PhiloxCounter words = stream.block(number, static_cast<std::uint32_t>(k));
        if (keys[k].range) {
            add(point, keys[k], {drawn(*keys[k].range, words)});
        } else {
            add(point, keys[k], keys[k].alternatives[draw_below(keys[k].alternatives.size(), words)]);
        }
    }
    return point;
}

std::vector<SweepPoint> drawn_points(const std::vector<SweepKey>& keys, std::size_t count,
                                     std::uint64_t seed) {
    const RandomStream stream(seed, RandomPurpose::kSweep);
    std::vector<SweepPoint> points;
    std::set<SweepPoint> known;
    // Where that many draws bring nothing new, there is hardly anything left.
    constexpr std::size_t kIdleDraws = 10000;
    std::size_t idle = 0;
    for (std::uint64_t number = 0; points.size() < count; ++number) {
        SweepPoint point = drawn_point(keys, stream, number);
        if (known.insert(point).second) {
            points.push_back(std::move(point));
            idle = 0;
        } else if (++idle == kIdleDraws) {
            throw ConfigError(
                fmt::format("--random {}: the --grid flags give {} different points; ask for "
                            "no more, or leave --random out to train all",
                            count, points.size()));
        }
    }
    return points;
}

}  // namespace

std::vector<SweepKey> parse_sweep_keys(const std::vector<std::string>& grid) {
    std::vector<SweepKey> keys;
    for (const std::string& text : grid) {
        SweepKey key = parse_key(text);
        if (std::ranges::find(keys, key.key, &SweepKey::key) != keys.end())
            refuse(key.flag, fmt::format("{} has a --grid already; give all its values in one", key.key));
        keys.push_back(std::move(key));
    }
    return keys;
}

std::vector<SweepPoint> sweep_points(const std::vector<SweepKey>& keys, std::size_t random,
                                     std::uint64_t seed) {
    if (random > 0) return drawn_points(keys, random, seed);
    std::vector<SweepPoint> points(1);
    for (const SweepKey& key : keys) {
        if (key.range) refuse(key.flag, "a range is drawn from: say how many points, by --random N");
        std::vector<SweepPoint> more;
        if (points.size() * key.alternatives.size() > kMostPoints)
            refuse(key.flag, fmt::format("makes more than {} combinations; try --random N", kMostPoints));
        for (const SweepPoint& point : points) {
            for (const auto& values : key.alternatives) add(more.emplace_back(point), key, values);
        }
        points = std::move(more);
    }
    return points;
}

std::string to_string(const SweepPoint& point) {
    std::string text;
    std::string_view before;
    for (const auto& [key, value] : point.values) {
        text += key == before ? "; " : fmt::format("{}{} = ", text.empty() ? "" : ", ", key);
        text += value;
        before = key;
    }
    return text;
}

std::string to_string(const SweepKey& key) {
    if (key.range) return key.flag.substr(key.flag.find_first_not_of(' ', key.flag.find(' ')));
    std::vector<std::string> texts;
    for (const auto& values : key.alternatives) texts.push_back(fmt::format("{}", fmt::join(values, "; ")));
    return fmt::format("{} = {}", key.key, fmt::join(texts, " | "));
}

}  // namespace lockstep
