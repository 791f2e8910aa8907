// Shared memory of a host's ranks: what one writes the others read, and what does not fit is refused in time.
#include "comm/host_memory.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace lockstep {
namespace {

TEST_CASE("host memory: every rank's segment is zero, aligned and seen by all, of whatever length") {
    const Communicator comm;
    const Communicator host = comm.split_by_memory();
    for (const std::size_t base : {std::size_t{0}, std::size_t{1}, std::size_t{4097}, std::size_t{3} << 20}) {
        const auto bytes_of = [&](std::size_t rank) { return base * (rank + 1); };
        std::optional<HostMemory> allocated = HostMemory::allocate(host, bytes_of(host.rank()));
        REQUIRE(allocated.has_value());
        const HostMemory memory = std::move(*allocated);
        for (std::size_t rank = 0; rank < host.size(); ++rank) {
            const std::span<std::byte> segment = memory.segment(rank);
            REQUIRE(segment.size() == bytes_of(rank));
            CHECK(reinterpret_cast<std::uintptr_t>(segment.data()) % kAlignment_bytes == 0);
            CHECK(std::ranges::count(segment, std::byte{0}) == static_cast<std::ptrdiff_t>(segment.size()));
        }
        host.barrier();
        std::ranges::fill(memory.segment(host.rank()), std::byte(host.rank() + 1));
        host.barrier();
        for (std::size_t rank = 0; rank < host.size(); ++rank) {
            const std::span<std::byte> segment = memory.segment(rank);
            CHECK(std::ranges::count(segment, std::byte(rank + 1)) ==
                  static_cast<std::ptrdiff_t>(segment.size()));
        }
        host.barrier();
    }
}

TEST_CASE("host memory: a rank gives it back alone, the others read on, and no file is left") {
    const Communicator comm;
    const Communicator host = comm.split_by_memory();
    if (host.size() == 1) return;  // private memory
    std::optional<HostMemory> memory = HostMemory::allocate(host, 100);
    REQUIRE(memory.has_value());
    std::ranges::fill(memory->segment(host.rank()), std::byte(host.rank() + 1));
    host.barrier();
    if (host.rank() == 0) memory.reset();
    host.barrier();
    for (std::size_t rank = 0; memory && rank < host.size(); ++rank) {
        CHECK(std::ranges::count(memory->segment(rank), std::byte(rank + 1)) == 100);
    }
    const std::string of_this_process = fmt::format("lockstep-{:x}", getpid());
    for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
        CHECK_FALSE(file.path().filename().string().starts_with(of_this_process));
    }
}

TEST_CASE(
    "host memory: more than there is on one rank gives none on all, without a signal, and can be tried "
    "again") {
    const Communicator comm;
    const Communicator host = comm.split_by_memory();
    if (host.size() == 1) return;  // private memory
    const std::size_t too_much = std::size_t{1} << 50;
    const bool last = host.rank() + 1 == host.size();
    CHECK_FALSE(HostMemory::allocate(host, last ? too_much : 64).has_value());
    CHECK(HostMemory::allocate(host, 64).has_value());
}

}  // namespace
}  // namespace lockstep
