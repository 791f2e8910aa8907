// MPI_Win_allocate_shared, and the proof that the kernel has the pages it promises.
#include "comm/host_memory.h"

#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <utility>

#include "comm/mpi_error.h"
#include "comm/mpi_runtime.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14, glibc 2.35
#endif

namespace lockstep {

namespace {

/// Whether the file system of POSIX shared memory, where MPI libraries on Linux put their windows, has
/// `bytes` left. A library that puts them elsewhere is found out by populate.
bool has_room(std::size_t bytes) {
    struct statvfs shm {};
    if (statvfs("/dev/shm", &shm) != 0) return true;
    return bytes + bytes / 8 + (std::size_t{1} << 20) <= std::uint64_t{shm.f_bavail} * shm.f_frsize;
}

/// Whether this process can map `bytes` more: a limit on its address space (ulimit -v) is a rank's own, and
/// inside MPI_Win_allocate_shared the others would wait for a rank that fails. Maps and unmaps; takes no
/// page.
bool can_map(std::size_t bytes) {
    void* trial = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (trial == MAP_FAILED) return false;
    munmap(trial, bytes);
    return true;
}

/// Takes the pages under `memory`; false where there are none left. Without this, a file system that is full
/// by then ends the process by SIGBUS at the first write.
bool populate(std::span<std::byte> memory) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::size_t into_page = reinterpret_cast<std::uintptr_t>(memory.data()) % page;
    // EINVAL: a kernel before 5.14 cannot say; then has_room was the only check.
    return madvise(memory.data() - into_page, into_page + memory.size(), MADV_POPULATE_WRITE) == 0 ||
           errno == EINVAL;
}

/// The segments' pages may lie apart from each other, on the memory nearest to each rank.
class NoncontiguousInfo {
  public:
    NoncontiguousInfo() {
        check_mpi(MPI_Info_create(&info_), "MPI_Info_create");
        MPI_Info_set(info_, "alloc_shared_noncontig", "true");
    }
    ~NoncontiguousInfo() { MPI_Info_free(&info_); }
    NoncontiguousInfo(const NoncontiguousInfo&) = delete;
    NoncontiguousInfo& operator=(const NoncontiguousInfo&) = delete;
    [[nodiscard]] MPI_Info handle() const { return info_; }

  private:
    MPI_Info info_ = MPI_INFO_NULL;
};

}  // namespace

std::optional<HostMemory> HostMemory::allocate(const Communicator& host, std::size_t bytes) {
    HostMemory memory;
    if (host.size() == 1) {
        memory.private_ = Buffer<std::byte>(bytes);
        memory.segments_ = {memory.private_.span()};
        return memory;
    }
    // A cache line more, from which the segment can start on one.
    const std::size_t wanted = bytes + kAlignment_bytes;
    const auto all = static_cast<std::size_t>(host.sum(static_cast<std::int64_t>(wanted)));
    // Each segment starts on a page, and what MPI itself keeps there is small.
    const std::size_t mapped = all + (host.size() + 1) * kHugePage_bytes;
    if (host.any(!has_room(all) || !can_map(mapped))) return std::nullopt;
    void* data = nullptr;
    const int code = MPI_Win_allocate_shared(static_cast<MPI_Aint>(wanted), 1, NoncontiguousInfo().handle(),
                                             host.handle(), static_cast<void*>(&data), &memory.window_);
    if (code != MPI_SUCCESS) memory.window_ = MPI_WIN_NULL;
    if (host.any(code != MPI_SUCCESS)) return std::nullopt;
    memory.find_segments(host.allgather_value(bytes));
    const std::span<std::byte> own = memory.segments_[host.rank()];
    advise_huge_pages(own.data(), own.size());
    if (host.any(!populate(own))) return std::nullopt;
    std::memset(own.data(), 0, own.size());
    host.barrier();
    return memory;
}

void HostMemory::find_segments(const std::vector<std::size_t>& bytes) {
    for (std::size_t rank = 0; rank < bytes.size(); ++rank) {
        MPI_Aint mapped = 0;
        int unit = 0;
        void* data = nullptr;
        check_mpi(
            MPI_Win_shared_query(window_, static_cast<int>(rank), &mapped, &unit, static_cast<void*>(&data)),
            "MPI_Win_shared_query");
        // Mappings differ between ranks by whole pages, so all agree on where the cache line starts.
        const auto misaligned = reinterpret_cast<std::uintptr_t>(data) % kAlignment_bytes;
        const std::size_t skipped = misaligned == 0 ? 0 : kAlignment_bytes - misaligned;
        segments_.emplace_back(static_cast<std::byte*>(data) + skipped, bytes[rank]);
    }
}

HostMemory::HostMemory(HostMemory&& other) noexcept
    : window_(std::exchange(other.window_, MPI_WIN_NULL)),
      private_(std::move(other.private_)),
      segments_(std::move(other.segments_)) {}

HostMemory::~HostMemory() {
    if (window_ == MPI_WIN_NULL || !MpiRuntime::is_up() || std::uncaught_exceptions() > 0) return;
    MPI_Win_free(&window_);
}

}  // namespace lockstep
