#include "launcher/telemetry/phase_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>

namespace lockstep {

namespace {

constexpr std::array kComputing{Phase::kData, Phase::kForward, Phase::kBackward, Phase::kOptimizer};
constexpr std::array kOfSteps{Phase::kData, Phase::kForward, Phase::kBackward, Phase::kCommunicationExposed,
                              Phase::kOptimizer};
/// Shares of a step below which a straggler is the noise of any machine.
constexpr double kNoStraggler = 0.05;

double sum_of(const PhaseSeconds& seconds, std::span<const Phase> phases) {
    double sum = 0.0;
    for (const Phase phase : phases) sum += seconds[phase];
    return sum;
}

/// Of seconds_of(rank), over the ranks.
template <class SecondsOf>
PhaseReport::Row row_of(std::span<const RankPhases> ranks, double all, const SecondsOf& seconds_of) {
    PhaseReport::Row row;
    row.min = row.max = seconds_of(ranks.front());
    for (const RankPhases& rank : ranks) {
        const double seconds = seconds_of(rank);
        row.min = std::min(row.min, seconds);
        row.max = std::max(row.max, seconds);
        row.mean += seconds / static_cast<double>(ranks.size());
    }
    row.share = all > 0.0 ? row.mean / all : 0.0;
    row.imbalance = row.mean > 0.0 ? row.max / row.mean - 1.0 : 0.0;
    return row;
}

std::string text_of(std::string_view phase, const PhaseReport::Row& row) {
    return fmt::format("  {:<22}{:>11.3f}{:>11.3f}{:>11.3f}{:>8.1f} %{:>10.1f} %", phase, row.min, row.mean,
                       row.max, 100.0 * row.share, 100.0 * row.imbalance);
}

}  // namespace

PhaseReport make_phase_report(std::span<const RankPhases> ranks, std::span<const std::string> hosts,
                              std::size_t steps, std::optional<double> reduction_alone) {
    PhaseReport report;
    report.ranks = ranks.size();
    report.steps = steps;
    report.all = row_of(ranks, 0.0, [](const RankPhases& rank) { return rank.all; }).mean;
    for (std::size_t phase = 0; phase < kPhases; ++phase) {
        report.phases[phase] =
            row_of(ranks, report.all, [&](const RankPhases& rank) { return rank.phases.of[phase]; });
    }
    report.other = row_of(ranks, report.all, [](const RankPhases& rank) {
        double named = 0.0;
        for (const double seconds : rank.phases.of) named += seconds;
        return std::max(0.0, rank.all - named);
    });
    report.imbalance = row_of(ranks, report.all, [](const RankPhases& rank) {
                           return sum_of(rank.phases, kComputing);
                       }).imbalance;
    if (ranks.size() < 2 || steps == 0) return report;
    const auto waits = [](const RankPhases& rank) { return rank.phases[Phase::kCommunicationExposed]; };
    const auto least = std::ranges::min_element(ranks, {}, waits);
    const auto others = static_cast<double>(ranks.size() - 1);
    const double mean = report.phases[static_cast<std::size_t>(Phase::kCommunicationExposed)].mean;
    const double of_others = (mean * static_cast<double>(ranks.size()) - waits(*least)) / others;
    const double step =
        row_of(ranks, report.all, [](const RankPhases& rank) { return sum_of(rank.phases, kOfSteps); }).max /
        static_cast<double>(steps);
    PhaseReport::Straggler straggler;
    straggler.rank = static_cast<std::size_t>(least - ranks.begin());
    straggler.host = hosts[straggler.rank];
    straggler.seconds_per_step = (of_others - waits(*least)) / static_cast<double>(steps);
    straggler.share = step > 0.0 ? straggler.seconds_per_step / step : 0.0;
    report.straggler = std::move(straggler);
    // What the rank that waits least is exposed to is communication alone, no waiting for others.
    if (reduction_alone)
        report.hidden_share = hidden_share(*reduction_alone, waits(*least) / static_cast<double>(steps));
    return report;
}

PhaseReport gather_phases(const Communicator& comm, const RankPhases& own, std::size_t steps,
                          std::optional<double> reduction_alone) {
    return make_phase_report(comm.allgather_value(own), comm.hosts(), steps, reduction_alone);
}

PhaseSeconds mean_phases(const Communicator& comm, const PhaseSeconds& own) {
    PhaseSeconds mean;
    for (const PhaseSeconds& rank : comm.allgather_value(own)) mean += rank;
    for (double& seconds : mean.of) seconds /= static_cast<double>(comm.size());
    return mean;
}

nlohmann::ordered_json to_json(const PhaseReport& report) {
    const auto json_of = [](const PhaseReport::Row& row) {
        return nlohmann::ordered_json{{"min", row.min},
                                      {"mean", row.mean},
                                      {"max", row.max},
                                      {"share", row.share},
                                      {"imbalance", row.imbalance}};
    };
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (std::size_t phase = 0; phase < kPhases; ++phase)
        json[std::string(names_of<Phase>[phase])] = json_of(report.phases[phase]);
    json["other"] = json_of(report.other);
    return json;
}

nlohmann::ordered_json to_json(const PhaseReport::Straggler& straggler) {
    return {{"rank", straggler.rank},
            {"host", straggler.host},
            {"seconds_per_step", straggler.seconds_per_step},
            {"share", straggler.share}};
}

std::vector<std::string> table_of(const PhaseReport& report) {
    std::vector<std::string> lines{fmt::format("  {:<22}{:>11}{:>11}{:>11}{:>10}{:>12}", "seconds by phase",
                                               "min rank", "mean", "max rank", "share", "imbalance")};
    for (std::size_t phase = 0; phase < kPhases; ++phase) {
        std::string name(names_of<Phase>[phase]);
        std::ranges::replace(name, '_', ' ');
        if (report.phases[phase].max > 0.0) lines.push_back(text_of(name, report.phases[phase]));
    }
    lines.push_back(text_of("other", report.other));
    if (report.ranks < 2) return lines;
    lines.push_back(fmt::format("  imbalance of what the ranks compute: {:.1f} %", 100.0 * report.imbalance));
    if (report.hidden_share) {
        lines.push_back(
            fmt::format("  communication hidden behind computation: {:.0f} %", 100.0 * *report.hidden_share));
    }
    if (const auto& last = report.straggler; last && last->share >= kNoStraggler) {
        lines.push_back(
            fmt::format("  rank {} on {} comes last: the others wait {:.3f} ms longer than it in "
                        "each step, {:.0f} % of one",
                        last->rank, last->host, 1e3 * last->seconds_per_step, 100.0 * last->share));
    }
    return lines;
}

}  // namespace lockstep
