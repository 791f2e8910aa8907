#include "launcher/report/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "launcher/report/log_view.h"
#include "launcher/report/model_view.h"
#include "launcher/report/page.h"
#include "launcher/report/run_view.h"
#include "launcher/run/version.h"

namespace lockstep {

Report make_report(const std::vector<RunView>& runs, const ReportInput& input) {
    using Json = nlohmann::ordered_json;
    const ChartLibrary library = find_chart_library(input.charts);
    ModelViews models(input.data_dir, runs.size());
    Report report;
    Json data{{"lockstep", kVersion}, {"charts", library.missing}, {"runs", Json::array()}};
    std::set<std::string> said;
    const auto remark = [&](const std::string& text) {
        if (said.insert(text).second) report.remarks.push_back(text);
    };
    if (!library.missing.empty() && input.charts.empty()) remark("without charts: " + library.missing);
    for (const RunView& run : runs) {
        Json json = run_json(run);
        json.update(log_json(run.files / "metrics.jsonl"));
        json["model"] = models.of(run);
        for (const Json& text : json["model"]["remarks"])
            remark(fmt::format("{}: {}", run.name, text.get<std::string>()));
        data["runs"].push_back(std::move(json));
        report.runs.push_back(run.name);
    }
    report.page = make_page(data, fmt::format("{} · lockstep", fmt::join(report.runs, ", ")), library);
    return report;
}

std::filesystem::path default_report_file(const std::vector<std::filesystem::path>& dirs) {
    return dirs.size() == 1 ? dirs.front() / "report.html" : "report.html";
}

}  // namespace lockstep
