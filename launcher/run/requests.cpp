// Handlers that set flags, and nothing else.
#include "launcher/run/requests.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX's own
#include <unistd.h>

#include <array>
#include <atomic>

namespace lockstep {

namespace {

constexpr std::array kSignals{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

// Written by handlers, on whichever thread a signal reaches.
std::atomic<bool> stop_asked = false;
std::atomic<bool> checkpoint_asked = false;
std::atomic<bool> terminated = false;
std::atomic<int> code_of_termination = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

std::array<struct sigaction, kSignals.size()> actions_before;

void note(int signal) {
    if (signal == SIGUSR2) {
        checkpoint_asked = true;
        return;
    }
    stop_asked = true;
    if (signal != SIGUSR1) terminated = true;
}

}  // namespace

RequestSignals::RequestSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        sigaction(kSignals[i], nullptr, &actions_before[i]);
        if (actions_before[i].sa_handler == SIG_IGN) continue;
        struct sigaction action {};
        action.sa_handler = note;
        // Reading goes on. After the first SIGINT the next one does what it does to any program.
        action.sa_flags = SA_RESTART | (kSignals[i] == SIGINT ? static_cast<int>(SA_RESETHAND) : 0);
        sigfillset(&action.sa_mask);
        sigaction(kSignals[i], &action, nullptr);
    }
}

RequestSignals::~RequestSignals() {
    // A job that is being ended goes on being so: the process leaves by its own code.
    if (code_of_termination != 0) return;
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &actions_before[i], nullptr);
}

RunRequests RequestSignals::take() noexcept { return {stop_asked, checkpoint_asked.exchange(false)}; }

bool RequestSignals::is_terminated() noexcept { return terminated; }

void leave_on_termination(int exit_code) noexcept {
    code_of_termination = exit_code;
    struct sigaction action {};
    action.sa_handler = [](int /*signal*/) { _exit(code_of_termination); };
    sigaction(SIGTERM, &action, nullptr);
}

}  // namespace lockstep
