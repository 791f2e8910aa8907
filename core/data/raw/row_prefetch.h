// Rows read ahead by a thread of its own, a batch at a time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace lockstep {

/// What is announced is read in that order. What is asked for in another order than announced is the caller's
/// to read: a guess that was wrong costs time alone.
class RowPrefetch {
  public:
    /// Reads rows one behind the other; called on the thread, may throw.
    using ReadRows = std::function<void(std::span<const std::uint64_t> rows, std::span<std::byte> into)>;

    /// Rows of a batch, and where taking them has come to.
    struct Batch {
        std::vector<std::uint64_t> rows;
        std::vector<std::byte> bytes;
        std::size_t taken = 0;
        bool is_read = false;
        std::exception_ptr fault;
    };
    /// Rows that were taken; none where `batch` is null.
    struct Taken {
        std::shared_ptr<const Batch> batch;
        std::span<const std::byte> bytes;
    };

    /// Holds at most so many batches.
    RowPrefetch(ReadRows read, std::size_t row_bytes, std::size_t batches);
    ~RowPrefetch();
    RowPrefetch(const RowPrefetch&) = delete;
    RowPrefetch& operator=(const RowPrefetch&) = delete;

    /// These rows will be taken, behind those announced before. Starts the thread when first called. Where
    /// there is no room the oldest batch is dropped; where no thread can be started nothing is read ahead.
    void expect(std::span<const std::uint64_t> rows);
    /// The rows, where they are the next ones of a batch; batches before it are dropped. Waits until they are
    /// read, and throws what reading them has thrown.
    Taken take(std::span<const std::uint64_t> rows);

  private:
    void work();
    /// An empty batch, in memory that a former one has left.
    std::shared_ptr<Batch> fresh_batch();
    void drop_first();
    [[nodiscard]] static bool begins_with(const Batch& batch, std::span<const std::uint64_t> rows);

    ReadRows read_;
    std::size_t row_bytes_;
    std::size_t most_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Batch>> batches_;
    std::vector<std::shared_ptr<Batch>> former_;
    bool stopped_ = false;
    std::thread thread_;
};

}  // namespace lockstep
