#include "launcher/commands/runs/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>
#include <string_view>

#include "core/base/error.h"
#include "launcher/options/options.h"

namespace lockstep {

namespace {

/// What a launcher tells the processes that it starts. Open MPI hands its own parameters down as OMPI_MCA_…,
/// of which those of its run-time would take a job within for a part of the one around it.
constexpr std::array<std::string_view, 16> kOfRanks{
    "OMPI_COMM_",       "OMPI_UNIVERSE_", "OMPI_APP_CTX",  "OMPI_NUM_APP",
    "OMPI_FIRST_RANKS", "OMPI_FILE_",     "OMPI_COMMAND=", "OMPI_ARGV=",
    "OMPI_MCA_orte",    "OMPI_MCA_ess",   "OMPI_MCA_pmix", "OMPI_MCA_initial_",
    "OMPI_MCA_shmem_",  "PMIX_",          "PMI_",          "HYDI_"};
constexpr std::array<std::string_view, 8> kOfSlurmStep{"SLURM_PROCID=", "SLURM_LOCALID=", "SLURM_STEP",
                                                       "SLURM_GTIDS=",  "SLURM_TASK_PID", "SLURM_SRUN_",
                                                       "SLURM_LAUNCH_", "SLURM_PMIX"};

bool begins_with_any(std::string_view text, std::span<const std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [&](std::string_view each) { return text.starts_with(each); });
}

// Of the program that launch() waits for; what a signal handler may touch.
volatile std::sig_atomic_t waited_for = 0;
volatile std::sig_atomic_t signal_caught = 0;

void hand_on(int signal) {
    signal_caught = signal;
    if (waited_for > 0) ::kill(static_cast<pid_t>(waited_for), signal);
}

/// SIGINT and SIGTERM go to the program while the object lives.
class SignalsHandedOn {
  public:
    SignalsHandedOn() {
        struct sigaction action {};
        action.sa_handler = hand_on;
        sigemptyset(&action.sa_mask);
        for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &before_[i]);
    }
    ~SignalsHandedOn() {
        for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
        waited_for = 0;
    }
    SignalsHandedOn(const SignalsHandedOn&) = delete;
    SignalsHandedOn& operator=(const SignalsHandedOn&) = delete;

  private:
    static constexpr std::array<int, 2> kSignals{SIGINT, SIGTERM};
    std::array<struct sigaction, 2> before_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    // posix_spawn takes pointers to what it does not change.
    for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

/// What a program starts with: its streams, and the signals that this one ignores as it finds them.
class SpawnSettings {
  public:
    explicit SpawnSettings(const std::filesystem::path& errors) {
        posix_spawn_file_actions_init(&files_);
        posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                         0644);
        sigset_t defaults;
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        sigaddset(&defaults, SIGXFSZ);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setsigdefault(&attributes_, &defaults);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&files_);
        posix_spawnattr_destroy(&attributes_);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;

    [[nodiscard]] const posix_spawn_file_actions_t* files() const { return &files_; }
    [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

  private:
    posix_spawn_file_actions_t files_{};
    posix_spawnattr_t attributes_{};
};

int wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0) {
        if (errno == EINTR) continue;
        throw Error(ExitCode::kInternal, fmt::format("cannot wait for a program: {}", std::strerror(errno)));
    }
    constexpr int kBySignal = 128;
    return WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status);
}

}  // namespace

std::filesystem::path own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

std::vector<std::string> environment_outside_ranks() {
    std::vector<std::string> kept;
    for (std::string& variable : process_environment()) {
        if (begins_with_any(variable, kOfRanks) || begins_with_any(variable, kOfSlurmStep)) continue;
        kept.push_back(std::move(variable));
    }
    return kept;
}

int launch(const std::vector<std::string>& command, const std::vector<std::string>& environment,
           const std::filesystem::path& errors) {
    const SpawnSettings settings(errors);
    const std::vector<char*> arguments = pointers(command);
    const std::vector<char*> variables = pointers(environment);
    const SignalsHandedOn signals;
    pid_t process = 0;
    const int failure = ::posix_spawnp(&process, arguments[0], settings.files(), settings.attributes(),
                                       arguments.data(), variables.data());
    if (failure != 0) {
        throw ConfigError(fmt::format(
            "cannot start {}: {}; install it or load its module, or name another by --launcher, as in "
            "--launcher 'srun --mpi=pmix -n'",
            command.front(), std::strerror(failure)));
    }
    waited_for = process;
    const int code = wait_for(process);
    if (signal_caught != 0) {
        throw Error(ExitCode::kInternal,
                    fmt::format("stopped by signal {}, before all runs were made", signal_caught));
    }
    return code;
}

}  // namespace lockstep
