#include "launcher/run/time_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/number.h"

namespace lockstep {

namespace {

using Seconds = TimeLimit::Seconds;

// As good as: when it has been loaded.
const TimeLimit::Clock::time_point kProgram_start = TimeLimit::Clock::now();

std::optional<double> number_of(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return parse_number<double>(text);
}

/// What the command prints on its first line, or "".
std::string first_line_of(const std::string& command) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::array<char, 64> line{};
    return pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr ? line.data() : "";
}

/// Seconds since 1970 at which the Slurm job of this process ends.
std::optional<double> slurm_end() {
    // Only newer versions of Slurm say it in a variable.
    if (const char* end = std::getenv("SLURM_JOB_END_TIME")) return number_of(end);
    const char* job = std::getenv("SLURM_JOB_ID");
    if (job == nullptr || !parse_number<std::size_t>(job)) return std::nullopt;
    return number_of(first_line_of(fmt::format(
        "SLURM_TIME_FORMAT=%s timeout 20 squeue --noheader --jobs {} --format %e 2>/dev/null", job)));
}

/// From now to the end of the Slurm job; infinite where there is none. One that lies in the past is another
/// job's, or Slurm does not enforce it.
double slurm_seconds_left() {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    const double left = slurm_end().value_or(0.0) - now.count();
    return left > 0.0 ? left : std::numeric_limits<double>::infinity();
}

}  // namespace

bool TimeLimit::is_near(Seconds checkpoint, Clock::time_point now) {
    if (!end_ || is_near_) return is_near_;
    if (last_call_) longest_ = std::max<Seconds>(longest_, now - *last_call_);
    last_call_ = now;
    const Seconds in_hand = 2.0 * longest_ + 2.0 * checkpoint + std::min(Seconds(5.0), whole_ / 10.0);
    is_near_ = now + in_hand >= *end_;
    return is_near_;
}

TimeLimit time_limit_of_job(const Communicator& comm, Seconds max_wall_time) {
    const auto now = TimeLimit::Clock::now();
    double job = comm.rank() == 0 ? slurm_seconds_left() : 0.0;
    comm.broadcast_value(job, 0);
    const Seconds since_start = now - kProgram_start;
    // Beyond a year there is no need to count, nor room in a clock.
    constexpr double kYear_seconds = 366.0 * 86400.0;
    if (max_wall_time.count() > 0.0 && (max_wall_time - since_start).count() <= job)
        return {StopReason::kMaxWallTime, kProgram_start, max_wall_time};
    if (job < kYear_seconds) return {StopReason::kJobEnd, now, Seconds(job)};
    return {};
}

}  // namespace lockstep
