// An error on any rank is the same error on all.
#include "comm/agreement.h"

#include <doctest/doctest.h>

#include <memory>
#include <new>
#include <stdexcept>

#include "comm/mpi_error.h"

namespace lockstep {
namespace {

/// What agree throws on this rank: code and message; nullopt if it throws nothing.
struct Thrown {
    ExitCode code;
    std::string message;
};
std::optional<Thrown> thrown_by(const Communicator& comm, const std::function<void()>& action) {
    try {
        agree(comm, action);
        return std::nullopt;
    } catch (const CollectiveError& error) {
        return Thrown{error.code(), error.what()};
    }
}

std::string prefix(const Communicator& comm, std::size_t rank) {
    return comm.size() == 1 ? "" : comm.where(rank) + ": ";
}

TEST_CASE("agreement: where no rank fails, each gets its own result") {
    const Communicator comm;
    CHECK(agree(comm, [&] { return comm.rank() + 5; }) == comm.rank() + 5);
    CHECK(*agree(comm, [] { return std::make_unique<int>(3); }) == 3);
    CHECK_FALSE(thrown_by(comm, [] {}));
}

TEST_CASE("agreement among groups: what a group agreed on is every rank's, what one rank met alone is not") {
    const Communicator comm;
    const Communicator group = comm.split(comm.rank() / 2);
    const auto fail_in_first_group = [&] {
        agree(group, [&] {
            if (comm.rank() == 0) throw DataError("train.csv line 7: not a number");
        });
    };
    CHECK_THROWS_AS(agree_among_groups(comm, group, fail_in_first_group), CollectiveError);
    CHECK_NOTHROW(agree_among_groups(comm, group, [] {}));
    // The rest of its group may be waiting for a rank that ran out of memory: it must not wait for the
    // others.
    if (group.size() == comm.size() && comm.size() > 1)
        CHECK_THROWS_AS(agree_among_groups(comm, group, [] { throw std::bad_alloc(); }), std::bad_alloc);
    const Communicator alone = comm.split(comm.rank());
    const auto fail_alone = [&] {
        if (comm.rank() + 1 == comm.size()) throw std::bad_alloc();
    };
    CHECK_THROWS_AS(agree_among_groups(comm, alone, fail_alone), CollectiveError);
}

TEST_CASE("agreement: one failing rank's message and exit code are thrown on all") {
    const Communicator comm;
    for (std::size_t failing = 0; failing < comm.size(); ++failing) {
        const auto thrown = thrown_by(comm, [&] {
            if (comm.rank() == failing) throw DataError("train.csv line 7: not a number");
        });
        REQUIRE(thrown);
        CHECK(thrown->code == ExitCode::kData);
        CHECK(thrown->message == prefix(comm, failing) + "train.csv line 7: not a number");
    }
}

TEST_CASE("agreement: of several failing ranks the lowest is heard") {
    const Communicator comm;
    const auto all =
        thrown_by(comm, [&]() -> void { throw ConfigError("from " + std::to_string(comm.rank())); });
    REQUIRE(all);
    CHECK(all->code == ExitCode::kUsage);
    CHECK(all->message == prefix(comm, 0) + "from 0");
    const std::size_t lowest = comm.size() / 2;
    const auto upper = thrown_by(comm, [&] {
        if (comm.rank() >= lowest) throw CheckpointError("from " + std::to_string(comm.rank()));
    });
    REQUIRE(upper);
    CHECK(upper->message == prefix(comm, lowest) + "from " + std::to_string(lowest));
}

TEST_CASE("agreement: exceptions that are no Error end with exit code 1") {
    const Communicator comm;
    const auto last = comm.size() - 1;
    const auto runtime = thrown_by(comm, [&] {
        if (comm.rank() == last) throw std::runtime_error("odd");
    });
    REQUIRE(runtime);
    CHECK(runtime->code == ExitCode::kInternal);
    CHECK(runtime->message == prefix(comm, last) + "odd");
    const auto memory = thrown_by(comm, [&]() -> void { throw std::bad_alloc(); });
    REQUIRE(memory);
    CHECK(memory->message == prefix(comm, 0) + kOutOfMemory);
    const auto unknown = thrown_by(comm, [&]() -> void { throw 3; });
    REQUIRE(unknown);
    CHECK(unknown->code == ExitCode::kInternal);
}

TEST_CASE("agreement: nested agreements name the rank once") {
    const Communicator comm;
    const auto last = comm.size() - 1;
    const auto thrown = thrown_by(comm, [&] {
        agree(comm, [&] {
            if (comm.rank() == last) throw DataError("inner");
        });
    });
    REQUIRE(thrown);
    CHECK(thrown->message == prefix(comm, last) + "inner");
}

TEST_CASE("agreement: MPI's own failure is not agreed about") {
    const Communicator comm;
    CHECK_THROWS_AS(agree(comm, [&]() -> void { throw MpiError("MPI_Send", "broken"); }), MpiError);
    comm.barrier();
}

}  // namespace
}  // namespace lockstep
