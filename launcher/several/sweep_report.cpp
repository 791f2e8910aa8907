#include "launcher/several/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <tuple>

#include "launcher/run/text.h"
#include "launcher/several/several_networks.h"

namespace lockstep {

namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 6> kScores{"validation_accuracy", "validation_loss", "test_accuracy",
                                                  "test_loss",           "train_accuracy",  "train_loss"};

/// Also one whose last loss is no number: it was evaluated after its last step.
bool has_diverged(const Json& network) {
    if (network.contains("diverged")) return true;
    return std::ranges::any_of(kScores, [&](std::string_view score) {
        const auto found = network.find(score);
        return found != network.end() && (!found->is_number() || !std::isfinite(found->get<double>()));
    });
}

/// The values of a point by key; of a repeated key the list.
Json values_of(const SweepPoint& point, const std::vector<SweepKey>& keys) {
    Json values = Json::object();
    for (const SweepKey& key : keys) {
        std::vector<std::string> texts;
        for (const auto& [name, value] : point.values)
            if (name == key.key) texts.push_back(value);
        values[key.key] = fmt::format("{}", fmt::join(texts, "; "));
    }
    return values;
}

/// The scores that rank, most telling first.
std::vector<std::string> judging_scores(const Json& networks, bool by_loss) {
    std::vector<const Json*> whole;
    for (const Json& network : networks)
        if (!has_diverged(network)) whole.push_back(&network);
    const auto all_have = [&](const std::string& score) {
        return std::ranges::all_of(whole, [&](const Json* network) { return network->contains(score); });
    };
    const std::string set = all_have("validation_loss") ? "validation" : "test";
    std::vector<std::string> scores;
    if (!by_loss && all_have(set + "_accuracy")) scores.push_back(set + "_accuracy");
    scores.push_back(set + "_loss");
    return scores;
}

/// Less is better.
std::vector<double> order_of(const Json& point, const std::vector<std::string>& scores) {
    std::vector<double> order;
    for (const std::string& score : scores) {
        const double mean = point.contains(score) ? point[score]["mean"].get<double>() : INFINITY;
        order.push_back(score.ends_with("_accuracy") ? -mean : mean);
    }
    return order;
}

std::string score_of(const Json& point, const std::string& score) {
    if (!point.contains(score)) return "";
    const bool accuracy = score.ends_with("_accuracy");
    const double factor = accuracy ? 100.0 : 1.0;
    const double mean = factor * point[score]["mean"].get<double>();
    std::string text = accuracy ? fmt::format("{:.2f}", mean) : fmt::format("{:.5g}", mean);
    if (point[score].contains("standard_deviation")) {
        const double deviation = factor * point[score]["standard_deviation"].get<double>();
        text += accuracy ? fmt::format(" ± {:.2f}", deviation) : fmt::format(" ± {:.2g}", deviation);
    }
    return accuracy ? text + " %" : text;
}

/// The scores that any point has.
std::vector<std::string> scores_in(const Json& report) {
    std::vector<std::string> scores;
    for (const std::string_view score : kScores) {
        const auto& points = report["points"];
        if (std::ranges::any_of(points, [&](const Json& point) { return point.contains(score); }))
            scores.emplace_back(score);
    }
    return scores;
}

std::string in_shell_quotes(const std::string& text) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-:=@%,";
    if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
    std::string inside;
    for (const char c : text) {
        if (c == '\'') inside += "'\\'";
        inside += c;
    }
    return fmt::format("'{}'", inside);
}

}  // namespace

void rank_points(Json& report, const std::vector<SweepKey>& keys, const std::vector<SweepPoint>& points,
                 std::size_t seeds, bool by_loss) {
    Json& networks = report["networks"];
    std::vector<Json> ranked;
    for (std::size_t p = 0; p < points.size(); ++p) {
        Json own = Json::array();
        std::size_t diverged = 0;
        for (std::size_t s = 0; s < seeds; ++s) {
            Json& network = networks[p * seeds + s];
            network["point"] = p + 1;
            network["seed"] = s + 1;
            diverged += has_diverged(network) ? 1 : 0;
            own.push_back(network);
        }
        Json point{{"point", p + 1},
                   {"values", values_of(points[p], keys)},
                   {"seeds", seeds},
                   {"diverged", diverged}};
        for (const std::string_view name : kScores) {
            const std::string score(name);
            if (Json mean = diverged > 0 ? Json() : spread(own, score); !mean.is_null())
                point[score] = std::move(mean);
        }
        ranked.push_back(std::move(point));
    }
    const std::vector<std::string> scores = judging_scores(networks, by_loss);
    std::ranges::stable_sort(ranked, {}, [&](const Json& point) {
        return std::tuple(point["diverged"] > 0, order_of(point, scores));
    });
    for (std::size_t place = 0; place < ranked.size(); ++place) ranked[place]["place"] = place + 1;
    report["points"] = std::move(ranked);
    report["judged_by"] = scores;
}

std::vector<std::string> sweep_table(const Json& report, const std::vector<SweepKey>& keys) {
    std::vector<std::string> scores = scores_in(report);
    std::erase_if(scores, [](const std::string& score) { return score.starts_with("train_"); });
    std::vector<std::vector<std::string>> rows(1, {"place", "point"});
    for (const SweepKey& key : keys) rows[0].push_back(key.key);
    for (std::string score : scores) {
        std::ranges::replace(score, '_', ' ');
        rows[0].push_back(std::move(score));
    }
    for (const Json& point : report["points"]) {
        std::vector<std::string>& row = rows.emplace_back();
        row = {fmt::format("{}", point["place"].get<std::size_t>()),
               fmt::format("{}", point["point"].get<std::size_t>())};
        for (const SweepKey& key : keys) row.push_back(point["values"][key.key].get<std::string>());
        for (const std::string& score : scores) row.push_back(score_of(point, score));
        const auto diverged = point["diverged"].get<std::size_t>();
        const auto seeds = point["seeds"].get<std::size_t>();
        if (diverged == 0) continue;
        const std::string word =
            seeds == 1 ? "diverged" : fmt::format("diverged: {} of {} seeds", diverged, seeds);
        if (scores.empty())
            row.push_back(word);
        else
            row[2 + keys.size()] = word;
    }
    std::vector<std::size_t> widths(rows[0].size() + 1);
    for (const auto& row : rows)
        for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], character_count(row[c]));
    std::vector<std::string> lines;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c)
            line +=
                fmt::format("{}{}{:{}}", c > 0 ? "  " : "", row[c], "", widths[c] - character_count(row[c]));
        line.erase(line.find_last_not_of(' ') + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string sweep_csv(const Json& report, const std::vector<SweepKey>& keys) {
    const std::vector<std::string> scores = scores_in(report);
    std::string text = "place,point";
    for (const SweepKey& key : keys) text += fmt::format(",{}", key.key);
    text += ",seeds,diverged";
    for (const std::string& score : scores) text += fmt::format(",{0},{0}_sd", score);
    text += "\n";
    for (const Json& point : report["points"]) {
        text += fmt::format("{},{}", point["place"].get<std::size_t>(), point["point"].get<std::size_t>());
        for (const SweepKey& key : keys)
            text += fmt::format(",{}", csv_field(point["values"][key.key].get<std::string>()));
        text +=
            fmt::format(",{},{}", point["seeds"].get<std::size_t>(), point["diverged"].get<std::size_t>());
        for (const std::string& score : scores) {
            const Json of = point.value(score, Json::object());
            for (const char* part : {"mean", "standard_deviation"})
                text += of.contains(part) ? fmt::format(",{}", of[part].get<double>()) : ",";
        }
        text += "\n";
    }
    return text;
}

std::string best_flags(const Json& report, const std::vector<SweepPoint>& points) {
    const Json& best = report["points"].front();
    if (best["diverged"] > 0) return "";
    std::vector<std::string> words;
    for (const auto& [key, value] : points[best["point"].get<std::size_t>() - 1].values)
        words.push_back(fmt::format("--{} {}", key, in_shell_quotes(value)));
    return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace lockstep
