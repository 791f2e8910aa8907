// MPI_Init_thread, MPI_Finalize and MPI_Abort.
#include "comm/mpi_runtime.h"

#include <fcntl.h>
#include <malloc.h>
#include <mpi.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>

#include "comm/mpi_error.h"

namespace lockstep {

namespace {

/// In a container of its own a rank is process 1, as others of its host are in theirs. Open MPI's messages
/// through shared memory go astray then (Communicator::split_by_memory says why), so they take the network. A
/// choice that the user has made stays.
void keep_apart_in_containers() {
    const char* neighbours = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const bool has_neighbours = neighbours != nullptr && std::string_view(neighbours) != "1";
    constexpr int kKeep = 0;
    if (has_neighbours && getpid() == 1) setenv("OMPI_MCA_btl", "^vader", kKeep);
}

/// What keeps MPI from having its own files in that folder, which it would make; null where nothing does.
const char* fault_of(const std::filesystem::path& temporary) {
    std::error_code ignored;
    std::filesystem::path existing = std::filesystem::absolute(temporary, ignored);
    while (!std::filesystem::exists(existing, ignored) && existing.has_relative_path())
        existing = existing.parent_path();
    if (!std::filesystem::is_directory(existing, ignored) || access(existing.c_str(), W_OK | X_OK) != 0)
        return "is no folder that can be written";
    // Less than this, and Open MPI's ranks do not find each other.
    constexpr std::uint64_t kLeast_bytes = std::uint64_t{1} << 20;
    struct statvfs files {};
    if (statvfs(existing.c_str(), &files) == 0 &&
        std::uint64_t{files.f_bavail} * files.f_frsize < kLeast_bytes)
        return "has no room left";
    return nullptr;
}

/// Open MPI ends a process that it cannot start by itself, in words that hide what a user can change; so what
/// it needs is looked at before. The first rank speaks.
void warn_of_what_is_missing(const char* rank, const char* temporary) {
    const char* fault = std::string_view(rank) == "0" && temporary != nullptr ? fault_of(temporary) : nullptr;
    if (fault == nullptr) return;
    std::fprintf(stderr,
                 "lockstep: TMPDIR=%s %s, without which MPI may not start; set it to another folder, as in "
                 "TMPDIR=/tmp\n",
                 temporary, fault);
}

/// MPI that runs out of memory while it starts ends the process by a signal, or waits for ever. So where the
/// address space is limited it is not begun without what it needs, and threads take no heaps of their own,
/// which would reserve 64 MiB each as long as there are so many. Of several ranks that lack it the first one
/// speaks.
void refuse_little_memory(const char* rank) {
    struct rlimit limit {};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    mallopt(M_ARENA_MAX, 1);
    // Libraries, a thread, and segments of every rank of the host.
    constexpr std::size_t kStart_bytes = std::size_t{72} << 20;
    constexpr std::size_t kRank_bytes = std::size_t{8} << 20;
    const char* neighbours = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const std::size_t ranks = neighbours == nullptr ? 0 : std::strtoul(neighbours, nullptr, 10);
    const std::size_t bytes = kStart_bytes + ranks * kRank_bytes;
    void* room = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room != MAP_FAILED) {
        munmap(room, bytes);
        return;
    }
    if (rank != nullptr && std::string_view(rank) != "0")
        std::this_thread::sleep_for(std::chrono::seconds(1));
    throw Error(ExitCode::kInternal,
                "out of memory before MPI has started; raise the limit on the address space (ulimit -v)");
}

/// A variable of the environment while MPI starts.
class VariableAtStart {
  public:
    VariableAtStart(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        setenv(name, value, 1);
    }
    ~VariableAtStart() {
        if (before_) {
            setenv(name_, before_->c_str(), 1);
        } else {
            unsetenv(name_);
        }
    }
    VariableAtStart(const VariableAtStart&) = delete;
    VariableAtStart& operator=(const VariableAtStart&) = delete;

  private:
    const char* name_;
    std::optional<std::string> before_;
};

int start_mpi(int& argc, char**& argv, int& provided) {
    const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
    const char* temporary = std::getenv("TMPDIR");
    refuse_little_memory(rank);
    if (rank != nullptr) {
        warn_of_what_is_missing(rank, temporary);
        return MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    }
    // A process alone has nobody to meet, so it needs no daemon beside it, which would take time, a PATH to
    // be found on, and files or folders that outlive a process that is killed.
    std::optional<VariableAtStart> isolated;
    std::optional<VariableAtStart> without_folders;
    std::optional<VariableAtStart> elsewhere;
    constexpr const char* kIsolated = "OMPI_MCA_ess_singleton_isolated";
    constexpr const char* kFolders = "OMPI_MCA_orte_create_session_dirs";
    if (std::getenv(kIsolated) == nullptr) {
        isolated.emplace(kIsolated, "1");
        if (std::getenv(kFolders) == nullptr) without_folders.emplace(kFolders, "0");
    }
    if (temporary != nullptr && fault_of(temporary) != nullptr) elsewhere.emplace("TMPDIR", "/tmp");
    return MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
}

constexpr std::string_view kSegment = "/dev/shm/vader_segment.";

/// Open MPI's files of shared memory that this process has mapped, by their names, and their number.
std::set<std::string> mapped_segments() {
    std::set<std::string> names;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        const std::size_t at = line.find(kSegment);
        if (at != std::string::npos) names.insert(line.substr(at));
    }
    return names;
}

/// Takes away the name of the file by which Open MPI shares this rank's memory, as soon as all ranks of the
/// host have mapped it: it would outlive a job whose mpirun is killed. Returns the name, "" where nothing was
/// done. Collective.
std::string take_name_of_segment() {
    const char* local = std::getenv("OMPI_COMM_WORLD_LOCAL_RANK");
    const char* neighbours = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const std::set<std::string> mapped = mapped_segments();
    int all =
        local != nullptr && neighbours != nullptr && std::to_string(mapped.size()) == neighbours ? 1 : 0;
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD), "MPI_Allreduce");
    if (all == 0) return "";
    const std::string end = std::string(".") + local;
    const auto own =
        std::ranges::find_if(mapped, [&](const std::string& name) { return name.ends_with(end); });
    if (own == mapped.end() || unlink(own->c_str()) != 0) return "";
    return *own;
}

/// Open MPI takes the file's name away when it ends, and complains where there is none.
void give_name_back(const std::string& segment) {
    if (segment.empty()) return;
    const int file = open(segment.c_str(), O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, S_IRUSR | S_IWUSR);
    if (file >= 0) close(file);
}

std::array<char, 512> lost_memory{};

/// Memory that is backed by a file, as that of Open MPI in /dev/shm, goes away with the file's pages.
void speak_of_lost_memory() {
    int rank = 0;
    int ranks = 1;
    std::array<char, 256> host{};
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    gethostname(host.data(), host.size() - 1);
    std::snprintf(lost_memory.data(), lost_memory.size(),
                  "lockstep: rank %d/%d on %s: memory shared with other ranks went away (SIGBUS): /dev/shm "
                  "is full or a "
                  "disk failed; make room (df /dev/shm; in a container, --shm-size), then start again\n",
                  rank, ranks, host.data());
    struct sigaction action {};
    action.sa_handler = [](int) {
        // No more can be done in a handler; mpirun ends the other ranks.
        [[maybe_unused]] const auto written =
            write(STDERR_FILENO, lost_memory.data(), std::strlen(lost_memory.data()));
        _exit(static_cast<int>(ExitCode::kInternal));
    };
    sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

MpiRuntime::MpiRuntime(int& argc, char**& argv) : exceptions_at_start_(std::uncaught_exceptions()) {
    keep_apart_in_containers();
    int provided = MPI_THREAD_SINGLE;
    if (start_mpi(argc, argv, provided) != MPI_SUCCESS) {
        throw MpiError("MPI_Init_thread", "MPI_Init_thread failed: MPI did not start on this process");
    }
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    if (provided < MPI_THREAD_FUNNELED) {
        throw MpiError(
            "MPI_Init_thread",
            "MPI_Init_thread offers MPI_THREAD_SINGLE only, but the kernels use threads: use an MPI "
            "library built with at least MPI_THREAD_FUNNELED");
    }
    segment_ = take_name_of_segment();
    speak_of_lost_memory();
}

MpiRuntime::~MpiRuntime() {
    // Ranks that have not met the error may be waiting for this one in a collective call, so finalising could
    // hang.
    if (std::uncaught_exceptions() > exceptions_at_start_ || !is_up()) return;
    give_name_back(segment_);
    MPI_Finalize();
}

bool MpiRuntime::is_up() noexcept {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    return initialized != 0 && finalized == 0;
}

std::string MpiRuntime::library_version() {
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return "unknown MPI library";
    const std::string version(text.data(), static_cast<std::size_t>(length));
    // MPICH's goes on for a page: the configuration and the compilers.
    return version.substr(0, version.find_first_of(std::string_view("\n\0", 2)));
}

void abort_job(ExitCode code) noexcept {
    std::cout.flush();
    std::fflush(nullptr);
    if (MpiRuntime::is_up()) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
    std::_Exit(static_cast<int>(code));
}

}  // namespace lockstep
