// Communicator and Requests: spans of any length in pieces, and MPI's errors as exceptions.
#include "comm/communicator.h"

#include <doctest/doctest.h>

#include <numeric>
#include <utility>

#include "comm/mpi_error.h"
#include "comm/mpi_runtime.h"

namespace lockstep {
namespace {

/// Values that tell who sent them and where they belong.
std::vector<std::int32_t> values_of(std::size_t rank, std::size_t count) {
    std::vector<std::int32_t> values(count);
    std::iota(values.begin(), values.end(), static_cast<std::int32_t>(1000 * rank));
    return values;
}

TEST_CASE("communicator: rank, size and hosts are MPI's") {
    const Communicator comm;
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK(comm.rank() == static_cast<std::size_t>(rank));
    CHECK(comm.size() == static_cast<std::size_t>(size));
    CHECK(comm.hosts().size() == comm.size());
    CHECK_FALSE(comm.host().empty());
    CHECK(comm.where() == "rank " + std::to_string(rank) + "/" + std::to_string(size) + " on " + comm.host());
}

TEST_CASE("communicator: every length around the pieces arrives whole") {
    const Communicator comm(MPI_COMM_WORLD, 16);  // pieces of 4 values
    const std::size_t next = (comm.rank() + 1) % comm.size();
    const std::size_t before = (comm.rank() + comm.size() - 1) % comm.size();
    for (const std::size_t count : {0, 1, 3, 4, 5, 7, 8, 9, 41}) {
        CAPTURE(count);
        const std::vector<std::int32_t> own = values_of(comm.rank(), count);

        std::vector<std::int32_t> received(count, -1);
        Requests requests(comm.handle());
        comm.start_receive(std::span(received), before, 3, requests);
        comm.start_send(std::span<const std::int32_t>(own), next, 3, requests);
        requests.wait_all();
        CHECK(requests.empty());
        CHECK(received == values_of(before, count));

        std::vector<std::int32_t> shared =
            comm.rank() == comm.size() - 1 ? own : std::vector<std::int32_t>(count, -1);
        comm.broadcast(std::span(shared), comm.size() - 1);
        CHECK(shared == values_of(comm.size() - 1, count));

        std::vector<std::int32_t> all(count * comm.size(), -1);
        comm.allgather(std::span<const std::int32_t>(own), std::span(all));
        for (std::size_t rank = 0; rank < comm.size(); ++rank) {
            const auto begin = all.begin() + static_cast<std::ptrdiff_t>(rank * count);
            CHECK(std::vector(begin, begin + static_cast<std::ptrdiff_t>(count)) == values_of(rank, count));
        }

        std::vector<std::int64_t> sums(count, static_cast<std::int64_t>(comm.rank()));
        Requests summing(comm.handle());
        comm.start_reduce_sum(std::span(sums), summing);
        summing.wait_all();
        CHECK(sums == std::vector<std::int64_t>(
                          count, static_cast<std::int64_t>(comm.size() * (comm.size() - 1) / 2)));
    }
}

TEST_CASE("communicator: strings of different lengths, longer than a piece and empty") {
    const Communicator comm(MPI_COMM_WORLD, 16);
    const std::vector<std::string> all =
        comm.allgather(std::string(10 * comm.rank(), static_cast<char>('a' + comm.rank())));
    for (std::size_t rank = 0; rank < comm.size(); ++rank) {
        CHECK(all[rank] == std::string(10 * rank, static_cast<char>('a' + rank)));
    }
    std::string text = comm.rank() == 0 ? "a message of more than sixteen bytes" : "something else";
    comm.broadcast(text, 0);
    CHECK(text == "a message of more than sixteen bytes");
}

TEST_CASE("communicator: small reductions") {
    const Communicator comm;
    const auto rank = static_cast<std::int64_t>(comm.rank());
    const auto last = static_cast<std::int64_t>(comm.size()) - 1;
    CHECK(comm.max(rank) == last);
    CHECK(comm.min(rank) == 0);
    CHECK(comm.sum(rank) == last * (last + 1) / 2);
    CHECK(comm.max(0.5 * static_cast<double>(rank)) == 0.5 * static_cast<double>(last));
    CHECK(comm.min(0.5 * static_cast<double>(rank)) == 0.0);
    CHECK(comm.any(rank == last));
    CHECK_FALSE(comm.any(false));
}

TEST_CASE("communicator: a duplicate's messages do not meet the original's") {
    const Communicator comm;
    Communicator moved_from = comm.duplicate();
    const Communicator copy(std::move(moved_from));
    Requests first(comm.handle());
    Requests second(copy.handle());
    const int one = 1;
    const int two = 2;
    int got_one = 0;
    int got_two = 0;
    copy.start_receive(std::span(&got_two, 1), copy.rank(), 0, second);
    comm.start_receive(std::span(&got_one, 1), comm.rank(), 0, first);
    comm.start_send(std::span(&one, 1), comm.rank(), 0, first);
    copy.start_send(std::span(&two, 1), copy.rank(), 0, second);
    first.wait_all();
    while (!second.test_all()) {
    }
    CHECK(got_one == 1);
    CHECK(got_two == 2);
}

TEST_CASE("communicator: a call that MPI refuses is an MpiError naming call and rank, and the job goes on") {
    const Communicator comm;
    const int value = 1;
    const std::string here = "on rank " + std::to_string(comm.rank());
    try {
        Requests sending(comm.handle());
        comm.start_send(std::span(&value, 1), comm.size(), 0, sending);
        FAIL("sent to a rank that does not exist");
    } catch (const MpiError& error) {
        CHECK(error.call() == "MPI_Isend");
        CHECK(error.code() == ExitCode::kInternal);
        CHECK(std::string(error.what()).find("MPI_Isend failed " + here + ": MPI_ERR_RANK") == 0);
    }
    CHECK_THROWS_AS(check_mpi(MPI_Comm_dup(MPI_COMM_NULL, nullptr), "MPI_Comm_dup", MPI_COMM_NULL), MpiError);
    CHECK_THROWS_AS(Communicator(MPI_COMM_WORLD, 17), Error);
    comm.barrier();
}

TEST_CASE("communicator: a message longer than its receiver is an MpiError with the transfer's own reason") {
    const Communicator comm;
    const std::vector<std::int32_t> sent{1, 2, 3, 4};
    std::vector<std::int32_t> received(1);
    for (const bool wait : {true, false}) {
        Requests sending(comm.handle());
        Requests receiving(comm.handle());
        // Sent first: Open MPI 4.1 cuts a message to itself silently where the receive was there before.
        comm.start_send(std::span<const std::int32_t>(sent), comm.rank(), 0, sending);
        comm.start_receive(std::span(received), comm.rank(), 0, receiving);
        try {
            if (wait) {
                receiving.wait_all();
            } else {
                while (!receiving.test_all()) {
                }
            }
            FAIL("a truncated message was taken for a whole one");
        } catch (const MpiError& error) {
            CHECK(error.call() == (wait ? "MPI_Wait" : "MPI_Testall"));
            CHECK(std::string(error.what()).find("MPI_ERR_TRUNCATE") != std::string::npos);
        }
        sending.wait_all();
    }
}

TEST_CASE("mpi runtime: MPI is up, funneled, and says what it is on one line") {
    CHECK(MpiRuntime::is_up());
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    CHECK(level >= MPI_THREAD_FUNNELED);
    CHECK_FALSE(MpiRuntime::library_version().empty());
    CHECK(MpiRuntime::library_version().find('\n') == std::string::npos);
}

}  // namespace
}  // namespace lockstep
