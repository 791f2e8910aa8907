// Transfers of bytes in pieces that fit an int, and what is built on them.
#include "comm/communicator.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "comm/mpi_error.h"
#include "comm/mpi_runtime.h"

namespace lockstep {

namespace {

template <class T>
MPI_Datatype mpi_type() {
    if constexpr (std::same_as<T, float>) {
        return MPI_FLOAT;
    } else if constexpr (std::same_as<T, double>) {
        return MPI_DOUBLE;
    } else if constexpr (std::same_as<T, std::int64_t>) {
        return MPI_INT64_T;
    } else {
        static_assert(std::same_as<T, std::uint64_t>);
        return MPI_UINT64_T;
    }
}

template <class T>
T reduce_value(T value, MPI_Op operation, MPI_Comm comm) {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, &value, 1, mpi_type<T>(), operation, comm), "MPI_Allreduce", comm);
    return value;
}

/// Calls transfer(piece) for the pieces of at most `chunk` elements that make up `values`, in order; not at
/// all for an empty span, which is how both ends of a transfer of nothing know not to talk.
template <class T, class Transfer>
void for_each_chunk(std::span<T> values, std::size_t chunk, Transfer transfer) {
    for (std::size_t begin = 0; begin < values.size(); begin += chunk) {
        transfer(values.subspan(begin, std::min(chunk, values.size() - begin)));
    }
}

int count_of(std::span<const std::byte> piece) { return static_cast<int>(piece.size()); }

std::string processor_name() {
    std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
    int length = 0;
    check_mpi(MPI_Get_processor_name(name.data(), &length), "MPI_Get_processor_name");
    return {name.data(), static_cast<std::size_t>(length)};
}

void require(bool condition, const char* rule) {
    if (!condition) throw Error(ExitCode::kInternal, fmt::format("Communicator: {}", rule));
}

}  // namespace

Communicator::Communicator(MPI_Comm parent, std::size_t chunk_bytes) : chunk_bytes_(chunk_bytes) {
    require(chunk_bytes >= 16 && chunk_bytes % 16 == 0 && chunk_bytes <= INT_MAX,
            "chunk_bytes must be a multiple of 16 that fits an int");
    check_mpi(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup", parent);
    try {
        check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", comm_);
        int rank = 0;
        int size = 0;
        check_mpi(MPI_Comm_rank(comm_, &rank), "MPI_Comm_rank", comm_);
        check_mpi(MPI_Comm_size(comm_, &size), "MPI_Comm_size", comm_);
        rank_ = static_cast<std::size_t>(rank);
        hosts_.resize(static_cast<std::size_t>(size));
        hosts_ = allgather(processor_name());
    } catch (...) {
        release();
        throw;
    }
}

Communicator::~Communicator() { release(); }

Communicator::Communicator(Communicator&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)),
      chunk_bytes_(other.chunk_bytes_),
      rank_(other.rank_),
      hosts_(std::move(other.hosts_)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
    if (this == &other) return *this;
    release();
    comm_ = std::exchange(other.comm_, MPI_COMM_NULL);
    chunk_bytes_ = other.chunk_bytes_;
    rank_ = other.rank_;
    hosts_ = std::move(other.hosts_);
    return *this;
}

void Communicator::release() noexcept {
    if (comm_ != MPI_COMM_NULL && MpiRuntime::is_up()) MPI_Comm_free(&comm_);
    comm_ = MPI_COMM_NULL;
}

Communicator Communicator::duplicate() const { return Communicator(comm_, chunk_bytes_); }

namespace {

/// An owned duplicate of `part`, which is freed.
Communicator adopt(MPI_Comm part, std::size_t chunk_bytes) {
    Communicator owned(part, chunk_bytes);
    check_mpi(MPI_Comm_free(&part), "MPI_Comm_free");
    return owned;
}

}  // namespace

Communicator Communicator::split(std::size_t color, std::size_t key) const {
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(comm_, static_cast<int>(color), static_cast<int>(key), &part), "MPI_Comm_split",
              comm_);
    return adopt(part, chunk_bytes_);
}

Communicator Communicator::split_by_memory() const {
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &part),
              "MPI_Comm_split_type", comm_);
    Communicator host = adopt(part, chunk_bytes_);
    // Ranks in containers of their own may all be process 1, and Open MPI takes a segment for its own, and
    // mapped, where the process of that number made it.
    std::vector<pid_t> processes = host.allgather_value(getpid());
    std::ranges::sort(processes);
    if (std::ranges::adjacent_find(processes) != processes.end()) return host.split(host.rank());
    return host;
}

void Communicator::progress() const {
    int waiting = 0;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &waiting, MPI_STATUS_IGNORE), "MPI_Iprobe",
              comm_);
}

std::string Communicator::where(std::size_t rank) const {
    return fmt::format("rank {}/{} on {}", rank, size(), hosts_[rank]);
}

void Communicator::barrier() const { check_mpi(MPI_Barrier(comm_), "MPI_Barrier", comm_); }

void Communicator::broadcast_bytes(std::span<std::byte> bytes, std::size_t root) const {
    for_each_chunk(bytes, chunk_bytes_, [&](std::span<std::byte> piece) {
        check_mpi(MPI_Bcast(piece.data(), count_of(piece), MPI_BYTE, static_cast<int>(root), comm_),
                  "MPI_Bcast", comm_);
    });
}

void Communicator::broadcast(std::string& text, std::size_t root) const {
    std::uint64_t length = text.size();
    broadcast_value(length, root);
    text.resize(length);
    broadcast(std::span<char>(text), root);
}

void Communicator::allgather_bytes(std::span<const std::byte> own, std::span<std::byte> all) const {
    require(all.size() == own.size() * size(),
            "allgather: the result must have room for every rank's values");
    if (own.empty()) return;
    if (own.size() <= chunk_bytes_) {
        check_mpi(
            MPI_Allgather(own.data(), count_of(own), MPI_BYTE, all.data(), count_of(own), MPI_BYTE, comm_),
            "MPI_Allgather", comm_);
        return;
    }
    std::ranges::copy(own, all.begin() + static_cast<std::ptrdiff_t>(rank_ * own.size()));
    for (std::size_t root = 0; root < size(); ++root) {
        broadcast_bytes(all.subspan(root * own.size(), own.size()), root);
    }
}

std::vector<std::string> Communicator::allgather(const std::string& own) const {
    const std::vector<std::uint64_t> lengths = allgather_value(std::uint64_t{own.size()});
    const std::size_t longest = *std::ranges::max_element(lengths);
    std::string padded = own;
    padded.resize(longest);
    std::string joined(longest * size(), '\0');
    allgather(std::span<const char>(padded), std::span<char>(joined));
    std::vector<std::string> all;
    for (std::size_t rank = 0; rank < size(); ++rank)
        all.push_back(joined.substr(rank * longest, lengths[rank]));
    return all;
}

std::int64_t Communicator::max(std::int64_t value) const { return reduce_value(value, MPI_MAX, comm_); }
std::int64_t Communicator::min(std::int64_t value) const { return reduce_value(value, MPI_MIN, comm_); }
double Communicator::max(double value) const { return reduce_value(value, MPI_MAX, comm_); }
double Communicator::min(double value) const { return reduce_value(value, MPI_MIN, comm_); }
std::int64_t Communicator::sum(std::int64_t value) const { return reduce_value(value, MPI_SUM, comm_); }

template <Reducible T>
void Communicator::start_reduce_sum(std::span<T> values, Requests& requests) const {
    for_each_chunk(values, chunk_bytes_ / sizeof(T), [&](std::span<T> piece) {
        check_mpi(MPI_Iallreduce(MPI_IN_PLACE, piece.data(), static_cast<int>(piece.size()), mpi_type<T>(),
                                 MPI_SUM, comm_, requests.next()),
                  "MPI_Iallreduce", comm_);
    });
}
template void Communicator::start_reduce_sum(std::span<float>, Requests&) const;
template void Communicator::start_reduce_sum(std::span<double>, Requests&) const;
template void Communicator::start_reduce_sum(std::span<std::int64_t>, Requests&) const;
template void Communicator::start_reduce_sum(std::span<std::uint64_t>, Requests&) const;

void Communicator::start_send_bytes(std::span<const std::byte> bytes, std::size_t to, int tag,
                                    Requests& requests) const {
    for_each_chunk(bytes, chunk_bytes_, [&](std::span<const std::byte> piece) {
        check_mpi(MPI_Isend(piece.data(), count_of(piece), MPI_BYTE, static_cast<int>(to), tag, comm_,
                            requests.next()),
                  "MPI_Isend", comm_);
    });
}

void Communicator::start_receive_bytes(std::span<std::byte> bytes, std::size_t from, int tag,
                                       Requests& requests) const {
    for_each_chunk(bytes, chunk_bytes_, [&](std::span<std::byte> piece) {
        check_mpi(MPI_Irecv(piece.data(), count_of(piece), MPI_BYTE, static_cast<int>(from), tag, comm_,
                            requests.next()),
                  "MPI_Irecv", comm_);
    });
}

}  // namespace lockstep
