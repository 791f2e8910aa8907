#include "launcher/run/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace lockstep {

namespace {

constexpr std::size_t kShortestBar = 6;
constexpr std::size_t kLongestBar = 40;
constexpr const char* kCyan = "\x1b[36m";
constexpr const char* kPlain = "\x1b[0m";

/// What is told beside the bar, in the order of the line.
struct Parts {
    std::string epoch;
    std::string percent;
    std::string loss;
    std::string rate;
    std::string left;
};

Parts parts_of(const RunProgress& at) {
    Parts parts;
    parts.epoch = fmt::format("epoch {}/{}", at.epoch, at.epochs);
    parts.percent = fmt::format("{:3} %", at.steps > 0 ? 100 * std::min(at.step, at.steps) / at.steps : 0);
    parts.loss = fmt::format("loss {:.5f}", at.loss);
    if (at.samples_per_second) parts.rate = fmt::format("{:.0f} samples/s", *at.samples_per_second);
    if (at.seconds_left) parts.left = duration_text(*at.seconds_left) + " left";
    return parts;
}

}  // namespace

std::string progress_bar(const RunProgress& at, std::size_t columns, bool colour) {
    Parts parts = parts_of(at);
    // What matters most is first to find room; what finds none is left out.
    std::size_t room = columns;
    const auto keep = [&room](std::string& part, std::size_t gap) {
        if (part.empty()) return;
        if (part.size() + gap > room) return part.clear();
        room -= part.size() + gap;
    };
    if (parts.epoch.size() > room) parts.epoch = fmt::format("{}/{}", at.epoch, at.epochs);
    keep(parts.epoch, 0);
    keep(parts.percent, 1);
    keep(parts.loss, 2);
    keep(parts.left, 2);
    keep(parts.rate, 2);
    std::string bar;
    if (room >= kShortestBar + 3) {
        const std::size_t width = std::min(room - 3, kLongestBar);
        const std::size_t filled = at.steps > 0 ? std::min(at.step, at.steps) * width / at.steps : 0;
        const std::string done(filled, '#');
        bar = fmt::format(" [{}{}{}{}]", colour ? kCyan : "", done, colour ? kPlain : "",
                          std::string(width - filled, '-'));
    }
    std::string line = parts.epoch + bar;
    if (!parts.percent.empty()) line += " " + parts.percent;
    for (const std::string* part : {&parts.loss, &parts.rate, &parts.left})
        if (!part->empty()) line += "  " + *part;
    return line;
}

std::string progress_line(const RunProgress& at) {
    const Parts parts = parts_of(at);
    std::string line = fmt::format("{}  step {}/{}  {}", parts.epoch, at.step, at.steps, parts.loss);
    for (const std::string* part : {&parts.rate, &parts.left})
        if (!part->empty()) line += "  " + *part;
    return line;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<std::uint64_t>(std::llround(std::clamp(seconds, 0.0, 1e15)));
    const std::uint64_t hours = whole / 3600;
    if (hours >= 48) return fmt::format("{} d {} h", hours / 24, hours % 24);
    if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, whole / 60 % 60, whole % 60);
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace lockstep
