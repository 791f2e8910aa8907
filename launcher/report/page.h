// The page itself: what is drawn, with the style, our script and the charts' library inlined.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace lockstep {

/// Chart.js, to be inlined.
struct ChartLibrary {
    std::string text;     ///< empty: there is none
    std::string missing;  ///< then why
};

/// From `file`, or, where that is empty, from where Debian's libjs-chart.js or npm installs it; "none" for
/// none. Throws ConfigError where a file that is named cannot be read, or is no Chart.js of version 3 or
/// later.
ChartLibrary find_chart_library(const std::filesystem::path& file);

/// The page that shows `data`, the object that the script in page/ reads. Needs no other file and no network,
/// and says so to the browser. No text in it can become part of the page's script.
std::string make_page(const nlohmann::ordered_json& data, std::string_view title,
                      const ChartLibrary& library);

}  // namespace lockstep
