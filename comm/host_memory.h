// Memory that the ranks of one host share: each rank has a segment, and all can read and write every one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/base/buffer.h"

namespace lockstep {

/// POSIX shared memory, or for a host of one rank plain private memory. It is given back rank by rank: a
/// segment's pages stay until the last rank that has them mapped is done with them, so that nobody waits for
/// anybody, also where an exception ends a rank.
class HostMemory {
  public:
    /// A segment of `bytes` on each rank of `host`, zero, from a cache line on; `bytes` may differ between
    /// ranks. None, on all ranks alike, where the host has not that much shared memory left, or one of its
    /// ranks not the address space to see it all. The memory is
    /// taken here and now: what does not fit is found out now, and not by a SIGBUS at the first write.
    /// Collective; all ranks of `host` must be able to share memory (HostLayout).
    static std::optional<HostMemory> allocate(const Communicator& host, std::size_t bytes);

    /// The segment of a rank of the host, (its bytes).
    [[nodiscard]] std::span<std::byte> segment(std::size_t local_rank) const { return segments_[local_rank]; }

  private:
    struct Unmap {
        std::size_t bytes;
        void operator()(std::byte* pages) const;
    };
    using Pages = std::unique_ptr<std::byte, Unmap>;

    HostMemory() = default;
    static Pages map(int file, std::size_t bytes);
    bool map_segments(const Communicator& host, std::size_t bytes);

    std::vector<Pages> pages_;                    // (ranks of the host)
    Buffer<std::byte> private_;                   // of a host of one rank
    std::vector<std::span<std::byte>> segments_;  // (ranks of the host)
};

}  // namespace lockstep
