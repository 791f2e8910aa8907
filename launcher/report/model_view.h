// What a run's model makes of its data, for a report: which classes it takes for which, what it gets most
// wrong, and what its first layer looks at.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "core/data/open_data.h"
#include "launcher/report/run_view.h"

namespace lockstep {

/// Keeps the data of the last run, which the next one may have as well.
class ModelViews {
  public:
    /// `data_dir`: in place of the runs' own; empty: none. `runs`: how many share the page.
    ModelViews(std::filesystem::path data_dir, std::size_t runs);

    /// {"weights", "confusion", "worst", "remarks"}: what there is of them, and why others are missing.
    /// Throws nothing of what is wrong with model or data.
    nlohmann::ordered_json of(const RunView& run);

  private:
    const DataSets& data(const DataOptions& options);
    void add_answers(const RunView& run, nlohmann::ordered_json& json);

    std::filesystem::path data_dir_;
    std::size_t most_pictures_;
    std::optional<DataOptions> options_;  // of data_
    DataSets data_;
};

}  // namespace lockstep
