#include "launcher/report/page.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "launcher/report/page_files.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

/// The oldest whose configuration of a chart is what our script writes.
constexpr int kOldestMajor = 3;

/// Debian's libjs-chart.js and node-chart.js, then npm's.
constexpr std::array kPlaces{
    "/usr/share/javascript/chart.js/chart.min.js", "/usr/share/nodejs/chart.js/dist/chart.min.js",
    "/usr/share/nodejs/chart.js/dist/chart.umd.js", "/usr/local/lib/node_modules/chart.js/dist/chart.umd.js",
    "/usr/lib/node_modules/chart.js/dist/chart.umd.js"};

std::optional<std::string> read_text(const fs::path& file) {
    std::ifstream input(file, std::ios::binary);
    if (!input) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(input), {}};
    if (input.bad() || text.empty()) return std::nullopt;
    return text;
}

/// 3 of "Chart.js v3.9.1", which every build of it begins with; 0 where it is something else.
int major_version(std::string_view text) {
    constexpr std::string_view kName = "Chart.js v";
    const std::size_t at = text.substr(0, 400).find(kName);
    return at == std::string_view::npos ? 0 : std::atoi(text.data() + at + kName.size());
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

/// A script that may stand in a page: these two could end it there, and mean the same in a string or regular
/// expression with a backslash.
std::string as_inline_script(std::string text) {
    return replaced(replaced(std::move(text), "</script", "<\\/script"), "<!--", "<\\!--");
}

std::string as_html(std::string text) {
    text = replaced(std::move(text), "&", "&amp;");
    text = replaced(std::move(text), "<", "&lt;");
    return replaced(std::move(text), ">", "&gt;");
}

}  // namespace

ChartLibrary find_chart_library(const fs::path& file) {
    if (file == "none") return {"", "left out as asked"};
    if (!file.empty()) {
        const std::optional<std::string> text = read_text(file);
        if (!text) {
            throw ConfigError(fmt::format("--charts {}: cannot be read; name the file of Chart.js, or none",
                                          file.string()));
        }
        if (major_version(*text) < kOldestMajor) {
            throw ConfigError(fmt::format("--charts {}: is no Chart.js of version {} or later", file.string(),
                                          kOldestMajor));
        }
        return {*text, ""};
    }
    for (const char* place : kPlaces) {
        std::optional<std::string> text = read_text(place);
        if (text && major_version(*text) >= kOldestMajor) return {*std::move(text), ""};
    }
    return {"",
            "Chart.js was not found where the report was made: install it (Debian: libjs-chart.js), or name "
            "its file by --charts"};
}

std::string make_page(const nlohmann::ordered_json& data, std::string_view title,
                      const ChartLibrary& library) {
    const std::map<std::string_view, std::string> parts{
        {"title", as_html(printable(title))},
        {"style", std::string(kPageStyle)},
        // Within JSON's strings alone, where < may be written otherwise: no text can end the element.
        {"data", replaced(json_text(data), "<", "\\u003c")},
        {"library", as_inline_script(library.text)},
        {"script", std::string(kPageScript)}};
    std::string page;
    std::string_view rest = kPageTemplate;
    for (std::size_t at = 0; (at = rest.find("{{")) != std::string_view::npos;) {
        const std::size_t end = rest.find("}}", at);
        page += rest.substr(0, at);
        page += parts.at(rest.substr(at + 2, end - at - 2));
        rest.remove_prefix(end + 2);
    }
    page += rest;
    return page;
}

}  // namespace lockstep
