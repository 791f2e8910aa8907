// What the ranks' phases came to: their spread, what was hidden of the communication, and which rank the
// others wait for.
#pragma once

#include <array>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "launcher/telemetry/phases.h"

namespace lockstep {

/// Of one rank. Trivially copyable: ranks exchange it.
struct RankPhases {
    PhaseSeconds phases;
    double all = 0.0;  ///< seconds since the training began or went on: what phases do not name is `other`
};

struct PhaseReport {
    /// Over the ranks.
    struct Row {
        double min = 0.0;  ///< seconds, as the next two
        double mean = 0.0;
        double max = 0.0;
        double share = 0.0;      ///< of all the time
        double imbalance = 0.0;  ///< max / mean − 1: 0 where all ranks take as long
    };
    /// The rank that the others wait for: it waits least itself. Clocks of hosts do not agree, so it is found
    /// by waiting times and not by stamps.
    struct Straggler {
        std::size_t rank = 0;
        std::string host;
        double seconds_per_step = 0.0;  ///< for which the others wait longer than it does, their mean
        double share = 0.0;             ///< of a step
    };
    std::array<Row, kPhases> phases;
    Row other;         ///< audits, comparisons of replicas, logs, what is measured at the beginning
    double all = 0.0;  ///< seconds, the mean of the ranks
    std::size_t ranks = 1;
    std::size_t steps = 0;
    double imbalance = 0.0;  ///< of what each rank computes by itself: data, forward, backward, optimizer
    std::optional<double> hidden_share;  ///< of the communication; nothing where it was not measured alone
    std::optional<Straggler> straggler;  ///< with several ranks and a step
};

/// `ranks` and `hosts`: of each rank. `steps`: taken meanwhile; `reduction_alone`: seconds of one's reduction
/// with nothing to hide behind.
PhaseReport make_phase_report(std::span<const RankPhases> ranks, std::span<const std::string> hosts,
                              std::size_t steps, std::optional<double> reduction_alone);
/// The same of what each rank has measured. Collective.
PhaseReport gather_phases(const Communicator& comm, const RankPhases& own, std::size_t steps,
                          std::optional<double> reduction_alone);
/// The means over the ranks. Collective.
PhaseSeconds mean_phases(const Communicator& comm, const PhaseSeconds& own);

/// {"data": {"min": …, "mean": …, "max": …, "share": …, "imbalance": …}, …, "other": {…}}.
nlohmann::ordered_json to_json(const PhaseReport& report);
nlohmann::ordered_json to_json(const PhaseReport::Straggler& straggler);

/// What a line of the log and a run's result say of it: "phases" and the keys beside that.
template <class Json>
void add_phases(Json& json, const PhaseReport& report) {
    json["phases"] = to_json(report);
    json["phases_seconds"] = report.all;
    json["phases_steps"] = report.steps;
    json["imbalance"] = report.imbalance;
    if (report.straggler) json["straggler"] = to_json(*report.straggler);
}

/// For people: a heading, a line for each phase that took any time, and what else there is to say.
std::vector<std::string> table_of(const PhaseReport& report);

}  // namespace lockstep
