// Every collective of a size in turn, many times over, so that what disturbs the machine disturbs them alike.
#include "launcher/bench/bench_comm.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "comm/gradient_reducer.h"
#include "comm/mpi_error.h"
#include "core/base/buffer.h"
#include "core/base/leaf_tree.h"
#include "launcher/bench/bench.h"
#include "launcher/run/printing.h"
#include "launcher/run/stopwatch.h"

namespace lockstep {

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
/// Powers of four up to 1 MiB; from there on closer, about the sizes of caches and of whole networks.
constexpr std::array kSizes_bytes{std::size_t{4},
                                  std::size_t{16},
                                  std::size_t{64},
                                  std::size_t{256},
                                  std::size_t{1} << 10,
                                  std::size_t{4} << 10,
                                  std::size_t{16} << 10,
                                  std::size_t{64} << 10,
                                  std::size_t{256} << 10,
                                  kMiB,
                                  4 * kMiB,
                                  8 * kMiB,
                                  16 * kMiB,
                                  48 * kMiB,
                                  64 * kMiB};
/// Time of all rounds of one collective and size, and their number: enough for a median, and for the longest
/// not to take minutes.
constexpr double kSeconds_a_size = 0.25;
constexpr std::size_t kLeast_rounds = 9;
constexpr std::size_t kMost_rounds = 200;
/// A round repeats the call until it lasts this long: below, the clock and the ranks' different starts would
/// count.
constexpr double kRound_seconds = 50e-6;

struct Collective {
    std::string name;
    std::function<void()> call;
};

struct Result {
    std::size_t bytes = 0;
    std::string name;
    std::size_t rounds = 0;
    Spread seconds;  // of a call, each round's slowest rank

    /// The vector's bytes by the time: the same measure for all collectives, not what crosses a wire.
    [[nodiscard]] double gigabytes_per_second() const {
        return static_cast<double>(bytes) / seconds.median * 1e-9;
    }
};

/// The collectives of one size, with their memory.
class Size {
  public:
    Size(const Communicator& comm, std::size_t bytes)
        : comm_(comm),
          count_(bytes / sizeof(float)),
          partition_(partition_leaves(comm.size(), comm.size())),
          reducer_(comm, std::vector<std::size_t>{count_}, 1, {}),
          values_(count_),
          part_((count_ + comm.size() - 1) / comm.size()),
          whole_(part_.size() * comm.size()) {}

    std::vector<Collective> collectives() {
        const int count = static_cast<int>(count_);
        const int part = static_cast<int>(part_.size());
        const MPI_Comm mpi = comm_.handle();
        return {
            {"lockstep", [this] { reduce(); }},
            {"MPI_Allreduce",
             [=, this] {
                 check_mpi(MPI_Allreduce(MPI_IN_PLACE, values_.data(), count, MPI_FLOAT, MPI_SUM, mpi),
                           "MPI_Allreduce", mpi);
             }},
            {"MPI_Reduce_scatter_block",
             [=, this] {
                 check_mpi(
                     MPI_Reduce_scatter_block(whole_.data(), part_.data(), part, MPI_FLOAT, MPI_SUM, mpi),
                     "MPI_Reduce_scatter_block", mpi);
             }},
            {"MPI_Allgather",
             [=, this] {
                 check_mpi(MPI_Allgather(part_.data(), part, MPI_FLOAT, whole_.data(), part, MPI_FLOAT, mpi),
                           "MPI_Allgather", mpi);
             }},
        };
    }

    /// Whether ours gives the sum of the ranks' numbers, which is exact.
    bool sums_right() {
        const auto ranks = static_cast<float>(comm_.size());
        const float expected = ranks * (ranks + 1.0F) / 2.0F;
        reduce_constant(static_cast<float>(comm_.rank() + 1));
        const bool right =
            static_cast<std::size_t>(std::ranges::count(reducer_.arenas()[0], expected)) == count_;
        reduce_constant(0.0F);  // or the values would grow beyond all bounds in the rounds to come
        return right;
    }

  private:
    /// As MPI does it: every rank ends with a copy of its own. Training reads the sums in place.
    void reduce() {
        reducer_.begin(partition_);
        reducer_.start(0, count_);
        reducer_.finish();
    }

    void reduce_constant(float value) {
        reducer_.begin(partition_);
        std::ranges::fill(reducer_.arenas()[0], value);
        reducer_.start(0, count_);
        reducer_.finish();
    }

    const Communicator& comm_;
    std::size_t count_;
    LeafPartition partition_;  // a leaf for each rank
    GradientReducer reducer_;
    Buffer<float> values_;
    Buffer<float> part_;
    Buffer<float> whole_;
};

/// Seconds a call on the slowest rank, over `calls` calls. Collective.
double round_seconds(const Communicator& comm, const Collective& collective, std::size_t calls) {
    comm.barrier();
    const Stopwatch watch;
    for (std::size_t call = 0; call < calls; ++call) collective.call();
    return comm.max(watch.seconds()) / static_cast<double>(calls);
}

std::vector<Result> measure(const Communicator& comm, std::size_t bytes) {
    Size size(comm, bytes);
    agree(comm, [&] {
        if (!size.sums_right()) {
            throw Error(ExitCode::kInternal, fmt::format("bench comm: the sum of {} bytes is wrong", bytes));
        }
    });
    const std::vector<Collective> collectives = size.collectives();
    std::vector<std::size_t> calls;
    double longest = 0.0;
    for (const Collective& collective : collectives) {
        round_seconds(comm, collective, 2);  // warms caches, connections and page tables
        const double once = round_seconds(comm, collective, 4);
        calls.push_back(std::clamp<std::size_t>(static_cast<std::size_t>(kRound_seconds / once), 1, 1000));
        longest = std::max(longest, once * static_cast<double>(calls.back()));
    }
    const auto rounds =
        std::clamp(static_cast<std::size_t>(kSeconds_a_size / longest), kLeast_rounds, kMost_rounds);
    std::vector<std::vector<double>> seconds(collectives.size());
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < collectives.size(); ++i) {
            seconds[i].push_back(round_seconds(comm, collectives[i], calls[i]));
        }
    }
    std::vector<Result> results;
    for (std::size_t i = 0; i < collectives.size(); ++i) {
        results.push_back({bytes, collectives[i].name, rounds, spread_of(seconds[i])});
    }
    return results;
}

void print_table(const Communicator& comm, const std::vector<Result>& results) {
    print_out("# {} ranks on {}\n", comm.size(), comm.host());
    print_out(
        "# Microseconds of a call on the slowest rank; GB/s: bytes by the median time; speed-up: of lockstep "
        "over the row.\n");
    print_out("{:>9}  {:<24} {:>11} {:>11} {:>11} {:>8} {:>8}\n", "bytes", "collective", "min", "median",
              "max", "GB/s", "speed-up");
    double ours = 0.0;
    for (const Result& result : results) {
        if (result.name == results.front().name) ours = result.seconds.median;
        print_out("{:>9}  {:<24} {:>11.2f} {:>11.2f} {:>11.2f} {:>8.3f} {:>8.2f}\n", result.bytes,
                  result.name, result.seconds.least * 1e6, result.seconds.median * 1e6,
                  result.seconds.most * 1e6, result.gigabytes_per_second(), result.seconds.median / ours);
    }
}

nlohmann::json to_json(const Communicator& comm, const std::vector<Result>& results) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Result& result : results) {
        rows.push_back({{"bytes", result.bytes},
                        {"collective", result.name},
                        {"min_seconds", result.seconds.least},
                        {"median_seconds", result.seconds.median},
                        {"max_seconds", result.seconds.most},
                        {"rounds", result.rounds},
                        {"gigabytes_per_second", result.gigabytes_per_second()}});
    }
    return {{"ranks", comm.size()}, {"hosts", comm.hosts()}, {"results", rows}};
}

}  // namespace

int bench_comm(Communicator& comm, bool json) {
    std::vector<Result> results;
    for (const std::size_t bytes : kSizes_bytes) {
        for (Result& result : measure(comm, bytes)) results.push_back(std::move(result));
    }
    if (comm.rank() == 0) {
        if (json) {
            print_json(to_json(comm, results));
        } else {
            print_table(comm, results);
        }
    }
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
