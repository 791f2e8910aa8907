// What differs between ranks is named with both values, the lowest rank that differs, and its host.
#include "comm/same_on_all_ranks.h"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "comm/agreement.h"

namespace lockstep {
namespace {

using Facts = std::vector<Fact>;

std::optional<std::string> complaint(const Communicator& comm, const Facts& facts,
                                     ExitCode code = ExitCode::kUsage) {
    try {
        same_on_all_ranks(comm, facts, code, "do so");
        return std::nullopt;
    } catch (const CollectiveError& error) {
        CHECK(error.code() == code);
        return error.what();
    }
}

TEST_CASE("same on all ranks: equal facts pass, shown as they may") {
    const Communicator comm;
    CHECK_FALSE(complaint(comm, {}));
    CHECK_FALSE(complaint(comm, {{"version", "1", ""}, {"seed", "3", comm.where()}}));
    CHECK(is_same_on_all_ranks(comm, "digest a"));
}

TEST_CASE("same on all ranks: one rank's value is named with rank 0's, on all") {
    const Communicator comm;
    for (std::size_t odd = 1; odd < comm.size(); ++odd) {
        const bool is_odd = comm.rank() == odd;
        const auto text = complaint(comm,
                                    {{"version", "1", ""},
                                     {"seed", is_odd ? "4" : "3", is_odd ? "4 (b.ini:9)" : ""},
                                     {"rate", is_odd ? "1" : "2", ""}},
                                    ExitCode::kData);
        REQUIRE(text);
        CHECK(*text == comm.where(odd) + ": seed is 4 (b.ini:9), but 3 on " + comm.where(0) + "; do so");
        CHECK_FALSE(is_same_on_all_ranks(comm, is_odd ? "a" : "b"));
    }
}

TEST_CASE("same on all ranks: another version is told before what it may have changed") {
    const Communicator comm;
    if (comm.size() == 1) return;
    const bool last = comm.rank() + 1 == comm.size();
    const auto text =
        complaint(comm, {{"lockstep's version", last ? "0.2" : "0.1", ""}, {"byte order", "little", ""}});
    REQUIRE(text);
    CHECK(text->find("lockstep's version is 0.2, but 0.1 on rank 0/") != std::string::npos);
}

TEST_CASE("same on all ranks: where rank 0 is the odd one, rank 1 is named and the others counted") {
    const Communicator comm;
    if (comm.size() < 3) return;
    const auto text = complaint(comm, {{"seed", comm.rank() == 0 ? "1" : "2", ""}});
    REQUIRE(text);
    CHECK(text->starts_with(comm.where(1) + ": seed is 2, but 1 on " + comm.where(0) + " ("));
    CHECK(text->find(std::to_string(comm.size() - 2) + " more rank") != std::string::npos);
}

TEST_CASE("same on all ranks: a fact too many and one too few are missing on the other side") {
    const Communicator comm;
    if (comm.size() == 1) return;
    const bool last = comm.rank() + 1 == comm.size();
    const Facts few{{"a", "1", ""}};
    const Facts many{{"a", "1", ""}, {"b", "2", ""}};
    const auto more = complaint(comm, last ? many : few);
    REQUIRE(more);
    CHECK(more->find(": b is 2, but missing on rank 0/") != std::string::npos);
    const auto fewer = complaint(comm, last ? few : many);
    REQUIRE(fewer);
    CHECK(fewer->find(": b is missing, but 2 on rank 0/") != std::string::npos);
}

TEST_CASE("same on all ranks: texts of any bytes are not confused") {
    const Communicator comm;
    if (comm.size() == 1) return;
    const bool last = comm.rank() + 1 == comm.size();
    const auto text =
        complaint(comm, {{"a", last ? std::string("x\0001 y", 6) : std::string("x\0001 z", 6), ""}});
    REQUIRE(text);
    CHECK(text->find(": a is x") != std::string::npos);
}

}  // namespace
}  // namespace lockstep
