// Handlers that set flags, and an alarm that looks for a rank that waits in vain.
#include "launcher/run/requests.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX's own
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string_view>

#include "comm/watchdog.h"

namespace lockstep {

namespace {

constexpr std::array kSignals{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM};
constexpr int kPatience_seconds = 3;
constexpr std::string_view kIn_vain =
    "lockstep: asked to stop, but the step at hand does not end: this process ends without it\n";

// Written by handlers, on whichever thread a signal reaches.
std::atomic<bool> stop_asked = false;
std::atomic<bool> checkpoint_asked = false;
std::atomic<int> terminated = 0;  // by this signal
std::atomic<int> code_of_termination = 0;
std::atomic<int> longest_step_seconds = 0;
std::atomic<int> quiet_seconds = 0;
std::atomic<std::uint64_t> reports_seen = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

std::array<struct sigaction, kSignals.size()> actions_before;

void note(int signal) {
    if (signal == SIGUSR2) {
        checkpoint_asked = true;
        return;
    }
    stop_asked = true;
    if (signal == SIGUSR1 || terminated != 0) return;
    terminated = signal;
    alarm(1);
}

/// Each second, once there was a signal that may be a launcher's.
void look(int /*signal*/) {
    const Reports now = reports_of_this_rank();
    const bool goes_on = now.is_long_work || now.count != reports_seen;
    reports_seen = now.count;
    quiet_seconds = goes_on ? 0 : quiet_seconds + 1;
    if (quiet_seconds > std::max(kPatience_seconds, 2 * longest_step_seconds)) {
        if (code_of_termination != 0) _exit(code_of_termination);
        // As stdio may not be used in here.
        const ssize_t ignored = ::write(STDERR_FILENO, kIn_vain.data(), kIn_vain.size());
        static_cast<void>(ignored);
        _exit(128 + terminated);
    }
    alarm(1);
}

}  // namespace

RequestSignals::RequestSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        sigaction(kSignals[i], nullptr, &actions_before[i]);
        if (actions_before[i].sa_handler == SIG_IGN) continue;
        struct sigaction action {};
        action.sa_handler = kSignals[i] == SIGALRM ? look : note;
        // Reading goes on. After the first SIGINT the next one does what it does to any program.
        action.sa_flags = SA_RESTART | (kSignals[i] == SIGINT ? static_cast<int>(SA_RESETHAND) : 0);
        sigfillset(&action.sa_mask);
        sigaction(kSignals[i], &action, nullptr);
    }
}

RequestSignals::~RequestSignals() {
    // A job that is being ended goes on being so: the process leaves by its own code.
    if (code_of_termination != 0) return;
    alarm(0);
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &actions_before[i], nullptr);
}

RunRequests RequestSignals::take() noexcept {
    using Clock = std::chrono::steady_clock;
    static std::optional<Clock::time_point> last_call;
    const Clock::time_point now = Clock::now();
    if (last_call) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *last_call).count();
        longest_step_seconds = std::max<int>(longest_step_seconds, static_cast<int>(seconds));
    }
    last_call = now;
    return {stop_asked, checkpoint_asked.exchange(false)};
}

bool RequestSignals::is_terminated() noexcept { return terminated != 0; }

void leave_on_termination(int exit_code) noexcept {
    code_of_termination = exit_code;
    struct sigaction action {};
    action.sa_handler = [](int /*signal*/) { _exit(code_of_termination); };
    sigaction(SIGTERM, &action, nullptr);
}

}  // namespace lockstep
