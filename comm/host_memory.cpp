// Files of POSIX shared memory, and the proof that the kernel has the pages it promises.
#include "comm/host_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14, glibc 2.35
#endif

namespace lockstep {

namespace {

/// Whether the file system of POSIX shared memory has `bytes` left. What it promises and has not is found out
/// by populate.
bool has_room(std::size_t bytes) {
    struct statvfs shm {};
    if (statvfs("/dev/shm", &shm) != 0) return true;
    return bytes + bytes / 8 + (std::size_t{1} << 20) <= std::uint64_t{shm.f_bavail} * shm.f_frsize;
}

/// Linux 5.14 and later take pages where they are mapped.
bool can_populate() { return madvise(nullptr, 0, MADV_POPULATE_WRITE) == 0; }

/// Takes the pages under `memory`; false where there are none left. Without this, a file system that is full
/// by then ends the process by SIGBUS at the first write.
bool populate(std::span<std::byte> memory) {
    if (!can_populate()) return true;  // make_room has taken them
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::size_t into_page = reinterpret_cast<std::uintptr_t>(memory.data()) % page;
    return madvise(memory.data() - into_page, into_page + memory.size(), MADV_POPULATE_WRITE) == 0;
}

/// Gives a new file its size, and its pages where they cannot be taken once it is mapped, as huge ones where
/// the kernel has them.
bool make_room(int file, std::size_t bytes) {
    const auto size = static_cast<off_t>(bytes);
    return ftruncate(file, size) == 0 && (can_populate() || posix_fallocate(file, 0, size) == 0);
}

/// A file of POSIX shared memory; closed, and where it was made by this process its name taken away, at the
/// end.
class SharedFile {
  public:
    /// A new one of `bytes` for a rank of the host; is_open() is false where there is none to be had.
    static SharedFile create(std::size_t local_rank, std::size_t bytes) {
        static std::uint64_t number = 0;
        do {
            // A process of another container may have the same number and the same /dev/shm.
            const std::uint64_t id = (static_cast<std::uint64_t>(getpid()) << 32) + ++number;
            SharedFile file(local_rank, id, O_RDWR | O_CREAT | O_EXCL);
            if (!file.is_open()) continue;
            file.made_ = true;
            if (make_room(file.file_, bytes)) return file;
            break;
        } while (errno == EEXIST);
        return {};
    }
    /// The one that the rank has made under that number.
    static SharedFile open(std::size_t local_rank, std::uint64_t id) { return {local_rank, id, O_RDWR}; }

    SharedFile(SharedFile&& other) noexcept
        : id_(other.id_),
          name_(std::move(other.name_)),
          file_(std::exchange(other.file_, -1)),
          made_(std::exchange(other.made_, false)) {}
    SharedFile& operator=(SharedFile&&) = delete;
    SharedFile(const SharedFile&) = delete;
    SharedFile& operator=(const SharedFile&) = delete;
    ~SharedFile() {
        if (is_open()) close(file_);
        if (made_) shm_unlink(name_.c_str());
    }

    [[nodiscard]] bool is_open() const { return file_ >= 0; }
    [[nodiscard]] int handle() const { return file_; }
    [[nodiscard]] std::uint64_t id() const { return id_; }

  private:
    SharedFile() = default;
    // The rank is in the name so that a rank which sees another /dev/shm never finds a file of its own there.
    SharedFile(std::size_t local_rank, std::uint64_t id, int flags)
        : id_(id),
          name_(fmt::format("/lockstep-{:x}-{}", id, local_rank)),
          file_(shm_open(name_.c_str(), flags, S_IRUSR | S_IWUSR)) {}

    std::uint64_t id_ = 0;
    std::string name_;
    int file_ = -1;
    bool made_ = false;
};

}  // namespace

std::optional<HostMemory> HostMemory::allocate(const Communicator& host, std::size_t bytes) {
    HostMemory memory;
    if (host.size() == 1) {
        memory.private_ = Buffer<std::byte>(bytes);
        memory.segments_ = {memory.private_.span()};
        return memory;
    }
    const auto all = static_cast<std::size_t>(host.sum(static_cast<std::int64_t>(bytes)));
    if (host.any(!has_room(all))) return std::nullopt;
    if (host.any(!memory.map_segments(host, bytes))) return std::nullopt;
    const std::span<std::byte> own = memory.segments_[host.rank()];
    advise_huge_pages(own.data(), own.size());
    if (host.any(!populate(own))) return std::nullopt;
    std::memset(own.data(), 0, own.size());
    host.barrier();
    return memory;
}

/// False where a segment could not be made or mapped. All names are gone when any rank is done with it.
bool HostMemory::map_segments(const Communicator& host, std::size_t bytes) {
    // At least a byte: no pages cannot be mapped.
    const SharedFile own = SharedFile::create(host.rank(), bytes + 1);
    const std::vector<std::size_t> sizes = host.allgather_value(bytes);
    const std::vector<std::size_t> ids = host.allgather_value(std::size_t{own.id()});
    bool mapped = own.is_open();
    for (std::size_t rank = 0; rank < sizes.size() && mapped; ++rank) {
        const SharedFile file = SharedFile::open(rank, ids[rank]);
        pages_.push_back(map(file.handle(), sizes[rank] + 1));
        segments_.emplace_back(pages_.back().get(), sizes[rank]);
        mapped = pages_.back() != nullptr;
    }
    // Nobody takes a name away before all have opened it.
    host.barrier();
    return mapped;
}

HostMemory::Pages HostMemory::map(int file, std::size_t bytes) {
    void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return {pages == MAP_FAILED ? nullptr : static_cast<std::byte*>(pages), {bytes}};
}

void HostMemory::Unmap::operator()(std::byte* pages) const { munmap(pages, bytes); }

}  // namespace lockstep
