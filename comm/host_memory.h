// Memory that the ranks of one host share: each rank has a segment, and all can read and write every one.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/base/buffer.h"

namespace lockstep {

/// An MPI shared-memory window, or for a host of one rank plain private memory.
class HostMemory {
  public:
    /// A segment of `bytes` on each rank of `host`, zero, from a cache line on; `bytes` may differ between
    /// ranks. None, on all ranks alike, where the host has not that much shared memory left, or one of its
    /// ranks not the address space to see it all. The memory is
    /// taken here and now: what does not fit is found out now, and not by a SIGBUS at the first write.
    /// Collective; all ranks of `host` must be able to share memory (HostLayout).
    static std::optional<HostMemory> allocate(const Communicator& host, std::size_t bytes);

    /// Frees the window, which is collective, if MPI is still up and no exception is escaping: the other
    /// ranks may then never get here, and the job is about to end.
    ~HostMemory();
    HostMemory(HostMemory&& other) noexcept;
    HostMemory& operator=(HostMemory&&) = delete;
    HostMemory(const HostMemory&) = delete;
    HostMemory& operator=(const HostMemory&) = delete;

    /// The segment of a rank of the host, (its bytes).
    [[nodiscard]] std::span<std::byte> segment(std::size_t local_rank) const { return segments_[local_rank]; }

  private:
    HostMemory() = default;
    void find_segments(const std::vector<std::size_t>& bytes);

    MPI_Win window_ = MPI_WIN_NULL;
    Buffer<std::byte> private_;                   // of a host of one rank
    std::vector<std::span<std::byte>> segments_;  // (ranks of the host)
};

}  // namespace lockstep
