// What came of a sweep: its points, the best first, as an object, a table and CSV.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launcher/several/sweep_grid.h"

namespace lockstep {

/// Adds to the report of train_several, whose networks are point after point, `seeds` each:
/// "points", ranked: {"place", "point", "values", "seeds", "diverged", and of each score
/// {"mean", "standard_deviation"}}, and "judged_by", the scores that rank, as "validation_accuracy". They are
/// of the validation set where each network that did not diverge has one, else of the test set; by accuracy
/// where there is one, then by loss, or by loss alone. Points of which a network diverged come last, without
/// scores. Networks get "point" and "seed", both from 1.
void rank_points(nlohmann::json& report, const std::vector<SweepKey>& keys,
                 const std::vector<SweepPoint>& points, std::size_t seeds, bool by_loss);

/// The table's lines, heading first.
std::vector<std::string> sweep_table(const nlohmann::json& report, const std::vector<SweepKey>& keys);

/// The points as CSV (RFC 4180), a heading first: accuracies as shares in [0, 1].
std::string sweep_csv(const nlohmann::json& report, const std::vector<SweepKey>& keys);

/// "--optimizer.learning_rate 0.03 --network.layer 'dense units=3'": the flags of the best point, as a shell
/// takes them; "" where all diverged.
std::string best_flags(const nlohmann::json& report, const std::vector<SweepPoint>& points);

}  // namespace lockstep
