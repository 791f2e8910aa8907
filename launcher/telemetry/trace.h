// What every rank did when, in a run's first steps, for Perfetto and chrome://tracing to show side by side.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "comm/communicator.h"

namespace lockstep {

/// One rank's part of a trace. It records while it is active: until its steps are taken, or its share of a
/// file that a browser can still open is full.
///
/// The file is JSON of the Trace Event Format: a rank is a process, its main thread is thread 0, and the
/// buckets of gradients under way are on threads 1, 2, …, as many as are under way at once. All moments are
/// by rank 0's clock. The others' are set by it at the beginning, as well as the end of a barrier is the same
/// moment on all ranks: to microseconds within a host, to tens of them between hosts.
class Trace {
  public:
    using Clock = std::chrono::steady_clock;

    /// Records `steps` steps, and what is between them. `comm` must outlive it. Collective: some barriers.
    Trace(const Communicator& comm, std::size_t steps);

    [[nodiscard]] bool active() const { return active_; }
    /// A step of that number begins; begin and end of the one before.
    void begin_step(std::size_t number);
    void end_step(Clock::time_point begin);

    /// Something that the main thread did. `name`: of at most 23 bytes.
    void span(std::string_view name, Clock::time_point begin, Clock::time_point end) {
        if (active_) add(name, kNoNumber, begin, end);
    }
    /// A pass over layers begins.
    void begin_layers();
    /// The time since then, or since the last layer, was this one's.
    void layer(std::size_t layer);
    /// The gradients of a bucket begin to be summed over the ranks, or their sum is known.
    void bucket_begins(std::size_t bucket);
    void bucket_ends(std::size_t bucket, std::size_t bytes);

    /// Rank 0 writes what all have recorded; what the others give as `path` is not looked at. Throws
    /// CheckpointError through agree. Collective.
    void write(const std::filesystem::path& path) const;

  private:
    static constexpr std::uint32_t kNoNumber = ~std::uint32_t{0};
    /// As it travels.
    struct Record {
        std::array<char, 24> name{};       ///< ends with a zero
        std::int64_t begin_ns = 0;         ///< since the trace began
        std::int64_t end_ns = 0;           ///< the same
        std::uint64_t bytes = 0;           ///< of a bucket; 0: it is none
        std::uint32_t step = 0;            ///< 0: before the first
        std::uint32_t number = kNoNumber;  ///< of a layer or a bucket
    };
    class Writer;

    void add(std::string_view name, std::uint32_t number, Clock::time_point begin, Clock::time_point end,
             std::size_t bytes = 0);
    [[nodiscard]] std::vector<Record> sorted() const;

    const Communicator& comm_;
    std::size_t steps_left_;
    std::size_t most_records_;
    bool active_ = true;
    std::uint32_t step_ = 0;
    Clock::time_point origin_;  // this clock's stamp of the moment 0
    Clock::time_point mark_;
    std::vector<Clock::time_point> bucket_begins_;  // (buckets seen until now)
    std::vector<Record> records_;
};

}  // namespace lockstep
