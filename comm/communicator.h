// The ranks of the job: an owned communicator, and typed transfers of spans of any length on it.
#pragma once

#include <mpi.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "comm/requests.h"

namespace lockstep {

/// Largest piece that one MPI call carries, unless a Communicator is told otherwise. MPI counts are int, so a
/// span beyond 2 GiB must be cut; 1 GiB is aligned for any type and far above where the number of calls
/// matters.
inline constexpr std::size_t kChunk_bytes = std::size_t{1} << 30;

template <class T>
concept Transferable = std::is_trivially_copyable_v<T>;

/// The types that MPI sums for us: see start_reduce_sum.
template <class T>
concept Reducible = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::uint64_t>;

/// A duplicate of an MPI communicator, with its own matching space and with errors returned as MpiError.
///
/// Every transfer takes spans of any length and cuts them into pieces of at most chunk_bytes. Both ends must
/// agree on length and chunk_bytes. Collective functions must be called by all ranks in the same order. All
/// functions throw MpiError, and are called from the thread that initialised MPI.
class Communicator {
  public:
    /// Collective over `parent`. Requires MPI to be up and 16 <= chunk_bytes <= INT_MAX, a multiple of 16.
    explicit Communicator(MPI_Comm parent = MPI_COMM_WORLD, std::size_t chunk_bytes = kChunk_bytes);
    /// Frees the duplicate, if MPI is still up; never throws.
    ~Communicator();
    Communicator(Communicator&& other) noexcept;
    Communicator& operator=(Communicator&& other) noexcept;
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;

    /// One more communicator of the same ranks, whose messages never meet this one's. Collective.
    [[nodiscard]] Communicator duplicate() const;

    /// The ranks that give the same color, ordered by key, then by rank. Collective. Requires color, key <
    /// 2^31.
    [[nodiscard]] Communicator split(std::size_t color, std::size_t key = 0) const;
    /// The ranks that can share memory with this one, in the same order; itself alone where ranks of the host
    /// have equal process numbers, each in a container of its own. Collective.
    [[nodiscard]] Communicator split_by_memory() const;

    [[nodiscard]] std::size_t rank() const { return rank_; }
    [[nodiscard]] std::size_t size() const { return hosts_.size(); }
    [[nodiscard]] const std::string& host() const { return hosts_[rank_]; }
    /// Host of every rank, (size).
    [[nodiscard]] const std::vector<std::string>& hosts() const { return hosts_; }
    /// "rank 3/8 on host": how messages name this rank, or another one.
    [[nodiscard]] std::string where() const { return where(rank_); }
    [[nodiscard]] std::string where(std::size_t rank) const;
    [[nodiscard]] MPI_Comm handle() const { return comm_; }
    [[nodiscard]] std::size_t chunk_bytes() const { return chunk_bytes_; }

    /// Returns on no rank before all have called it. Collective; log2 P latencies.
    void barrier() const;

    /// Root's values on every rank. Collective; equal lengths on all ranks.
    template <Transferable T>
    void broadcast(std::span<T> values, std::size_t root) const {
        broadcast_bytes(std::as_writable_bytes(values), root);
    }
    template <Transferable T>
    void broadcast_value(T& value, std::size_t root) const {
        broadcast(std::span<T>(&value, 1), root);
    }
    /// Root's string on every rank, of any length. Collective.
    void broadcast(std::string& text, std::size_t root) const;

    /// all[r * own.size(), …) = rank r's values. Collective; equal lengths on all ranks.
    /// Requires all.size() == size() * own.size().
    template <Transferable T>
    void allgather(std::span<const T> own, std::span<T> all) const {
        allgather_bytes(std::as_bytes(own), std::as_writable_bytes(all));
    }
    /// Every rank's value, (size). Collective.
    template <Transferable T>
    [[nodiscard]] std::vector<T> allgather_value(const T& own) const {
        std::vector<T> all(size());
        allgather(std::span<const T>(&own, 1), std::span<T>(all));
        return all;
    }
    /// Every rank's string, (size). Collective.
    [[nodiscard]] std::vector<std::string> allgather(const std::string& own) const;

    /// The largest, the smallest of the ranks' values, on every rank. Collective.
    [[nodiscard]] std::int64_t max(std::int64_t value) const;
    [[nodiscard]] std::int64_t min(std::int64_t value) const;
    [[nodiscard]] double max(double value) const;
    [[nodiscard]] double min(double value) const;
    /// The sum of the ranks' integers, on every rank: exact, so any order will do. Collective.
    [[nodiscard]] std::int64_t sum(std::int64_t value) const;
    /// True on every rank if `value` is on any. Collective.
    [[nodiscard]] bool any(bool value) const { return max(std::int64_t{value}) != 0; }

    /// Starts values = the sum over the ranks, by MPI_Iallreduce in place, and adds its requests to
    /// `requests`; the span must live until they are complete. Equal lengths on all ranks, which must start
    /// their sums in the same order. The order of a floating-point sum is MPI's: the bits depend on the
    /// number of ranks. TreeAllreduce's do not.
    template <Reducible T>
    void start_reduce_sum(std::span<T> values, Requests& requests) const;

    /// Lets MPI move messages that are under way. Not collective.
    void progress() const;

    /// Starts a transfer to or from one rank and adds its requests to `requests`; the span must live until
    /// they are complete. Lengths at both ends must be equal.
    template <Transferable T>
    void start_send(std::span<const T> values, std::size_t to, int tag, Requests& requests) const {
        start_send_bytes(std::as_bytes(values), to, tag, requests);
    }
    template <Transferable T>
    void start_receive(std::span<T> values, std::size_t from, int tag, Requests& requests) const {
        start_receive_bytes(std::as_writable_bytes(values), from, tag, requests);
    }

  private:
    void broadcast_bytes(std::span<std::byte> bytes, std::size_t root) const;
    void allgather_bytes(std::span<const std::byte> own, std::span<std::byte> all) const;
    void start_send_bytes(std::span<const std::byte> bytes, std::size_t to, int tag,
                          Requests& requests) const;
    void start_receive_bytes(std::span<std::byte> bytes, std::size_t from, int tag, Requests& requests) const;
    void release() noexcept;

    MPI_Comm comm_ = MPI_COMM_NULL;
    std::size_t chunk_bytes_;
    std::size_t rank_ = 0;
    std::vector<std::string> hosts_;  // (ranks)
};

}  // namespace lockstep
