// The report of runs: all that there is to see of them, as one page for a browser.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

struct RunView;

/// What a report is told by flags of its own.
struct ReportInput {
    std::filesystem::path charts;    ///< Chart.js; empty: where it is installed; "none": no charts
    std::filesystem::path data_dir;  ///< in place of the runs' data.dir; empty: as they were trained
};

struct Report {
    std::string page;                  ///< HTML that needs nothing else
    std::vector<std::string> runs;     ///< their names in it
    std::vector<std::string> remarks;  ///< what is missing in it, and why
};

/// A run that is not finished is told of as far as it is. Models are used on this process alone, without MPI.
/// Throws CheckpointError where a record is damaged, ConfigError where `input.charts` cannot be read.
Report make_report(const std::vector<RunView>& runs, const ReportInput& input);

/// Where the report of `dirs` goes if it is not said: into the directory of a single one.
std::filesystem::path default_report_file(const std::vector<std::filesystem::path>& dirs);

}  // namespace lockstep
