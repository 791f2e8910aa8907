#include "launcher/run/launcher_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/no_signals.h"
#include "core/base/number.h"
#include "launcher/run/launch_environment.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

/// mpirun names its folder ompi.HOST.USER/pid.PROCESS; the agents on other hosts, which mpirun's end reaches,
/// have another name.
constexpr std::string_view kFolders = "ompi.";
constexpr std::string_view kFolder = "pid.";

/// So little that a limit on the address space does not feel it.
constexpr std::size_t kStack_bytes = std::size_t{256} << 10;

/// Takes the names of Open MPI's shared memory away: those of ranks that were still starting are there, or
/// that were about to end. Of all ranks of the host, since Open MPI may have ended the others without that.
void remove_segments() {
    constexpr std::string_view kSegment = "/dev/shm/vader_segment.";
    std::set<std::string> jobs;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        const std::size_t at = line.find(kSegment);
        if (at == std::string::npos) continue;
        // The name ends in the rank's number; it is "… (deleted)" where it was taken away.
        const std::string name = line.substr(at, line.find(' ', at) - at);
        jobs.insert(name.substr(0, name.rfind('.') + 1));
    }
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/dev/shm", error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string path = entry->path().string();
        if (std::ranges::any_of(jobs, [&](const std::string& job) { return path.starts_with(job); }))
            unlink(path.c_str());
    }
}

void close_file(int file) {
    if (file >= 0) close(file);
}

}  // namespace

LauncherWatch::LauncherWatch(std::string where) : where_(std::move(where)) {
    const char* folder = std::getenv("OMPI_MCA_orte_jobfam_session_dir");
    if (folder == nullptr) return;
    folder_ = folder;
    const std::string name = folder_.filename().string();
    if (!name.starts_with(kFolder) || !folder_.parent_path().filename().string().starts_with(kFolders))
        return;
    const auto process = parse_number<pid_t>(std::string_view(name).substr(kFolder.size()));
    if (!process) return;
    // First the handle, then whose it is: a number may be another process's by now.
    launcher_ = static_cast<int>(syscall(SYS_pidfd_open, *process, 0));
    if (launcher_ < 0 || !is_launcher(*process)) return;
    over_ = eventfd(0, EFD_CLOEXEC);
    if (over_ < 0) return;

    const NoSignals inherited;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, kStack_bytes);
    pthread_t thread{};
    if (pthread_create(&thread, &small, run, this) == 0) thread_ = thread;
    pthread_attr_destroy(&small);
}

LauncherWatch::~LauncherWatch() {
    if (thread_) {
        eventfd_write(over_, 1);
        pthread_join(*thread_, nullptr);
    }
    close_file(over_);
    close_file(launcher_);
}

void* LauncherWatch::run(void* watch) {
    static_cast<const LauncherWatch*>(watch)->wait();
    return nullptr;
}

void LauncherWatch::wait() const {
    std::array<pollfd, 2> files{pollfd{launcher_, POLLIN, 0}, pollfd{over_, POLLIN, 0}};
    while (poll(files.data(), files.size(), -1) < 0 && errno == EINTR) {
    }
    if ((files[1].revents & POLLIN) == 0 && (files[0].revents & POLLIN) != 0) end_process();
}

void LauncherWatch::end_process() const {
    remove_segments();
    // The other ranks of the host do the same at the same time, and may take away what this one is looking
    // at.
    std::error_code error;
    for (int i = 0; i < 10 && std::filesystem::exists(folder_, error); ++i)
        std::filesystem::remove_all(folder_, error);
    std::filesystem::remove(folder_.parent_path(), error);  // which stays where other jobs have theirs in it
    if (!where_.empty())
        print_error(
            fmt::format("lockstep: {}: mpirun is gone, and the job ends with it; start it again", where_));
    _exit(static_cast<int>(ExitCode::kInternal));
}

}  // namespace lockstep
