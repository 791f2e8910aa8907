// `lockstep report`: runs as one page for a browser.
#include "launcher/report/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/output_target.h"
#include "launcher/report/run_view.h"
#include "launcher/run/printing.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

/// What must not be overwritten by the page.
std::vector<std::filesystem::path> files_read(const std::vector<RunView>& runs, const ReportInput& input) {
    std::vector<std::filesystem::path> files{input.charts};
    for (const RunView& run : runs) {
        for (const std::string_view file : kRunFiles) files.push_back(run.files / file);
    }
    return files;
}

}  // namespace

int command_report(const CommandInput& input) {
    const std::vector<RunView> runs = find_runs(input.positional);
    const std::filesystem::path out = input.out.empty() ? default_report_file(input.positional) : input.out;
    const std::vector<std::filesystem::path> read = files_read(runs, input.report);
    check_output(out, read, input.json);
    const Report report = make_report(runs, input.report);
    // Which files of data there are is known only now.
    check_output(out, read, input.json);
    write_file(out, report.page, ExitCode::kUsage);
    if (input.json) {
        print_json(nlohmann::json{{"out", out.string()}, {"runs", report.runs}, {"remarks", report.remarks}});
        return static_cast<int>(ExitCode::kDone);
    }
    for (const std::string& remark : report.remarks) print_warning(remark);
    print_beside(out, fmt::format("report of {} run{}: {}\n", report.runs.size(),
                                  report.runs.size() == 1 ? "" : "s", out.string()));
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
