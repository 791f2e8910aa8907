// Replicas that differ are found, with the ranks and the layer to blame.
#include "comm/replica_check.h"

#include <doctest/doctest.h>

#include <optional>

namespace lockstep {
namespace {

std::vector<LayerDigest> replica(std::size_t damaged_layer = 99, float damage = 1.0F) {
    std::vector<LayerDigest> layers;
    for (std::size_t layer = 0; layer < 4; ++layer) {
        std::vector<float> parameters(50, static_cast<float>(layer) + 0.5F);
        if (layer == damaged_layer) parameters[17] += damage;
        layers.push_back({"dense" + std::to_string(layer), digest_of(std::span<const float>(parameters))});
    }
    return layers;
}

std::optional<std::string> complaint(const Communicator& comm, const std::vector<LayerDigest>& layers) {
    try {
        check_replicas(comm, layers, "after step 12");
        return std::nullopt;
    } catch (const ReplicaError& error) {
        CHECK(error.code() == ExitCode::kReplicasDiffer);
        return error.what();
    }
}

bool holds(const std::optional<std::string>& text, const std::string& part) {
    return text && text->find(part) != std::string::npos;
}

TEST_CASE("replica check: equal replicas pass") {
    const Communicator comm;
    CHECK_FALSE(complaint(comm, replica()));
    CHECK_FALSE(complaint(comm, {}));
}

TEST_CASE(
    "replica check: one damaged replica is named on all ranks, with its host and first differing layer") {
    const Communicator comm;
    if (comm.size() < 3) return;
    for (std::size_t damaged = 0; damaged < comm.size(); ++damaged) {
        CAPTURE(damaged);
        const auto text = complaint(comm, comm.rank() == damaged ? replica(2) : replica());
        REQUIRE(text);
        CHECK(holds(text, "after step 12"));
        CHECK(holds(text,
                    std::to_string(comm.size() - 1) + " of " + std::to_string(comm.size()) + " ranks agree"));
        CHECK(holds(
            text, "in the minority: rank " + std::to_string(damaged) + " (" + comm.hosts()[damaged] + ")."));
        CHECK(holds(text, "First differing layer: dense2 (3 of 4)"));
    }
}

TEST_CASE("replica check: two differently damaged replicas are both named, and the earlier layer") {
    const Communicator comm;
    if (comm.size() < 5) return;
    const std::size_t rank = comm.rank();
    const auto text = complaint(comm, rank == 1 ? replica(3) : rank == 3 ? replica(1) : replica());
    CHECK(holds(text, "in the minority: rank 1 (" + comm.host() + "), rank 3 (" + comm.host() + ")."));
    CHECK(holds(text, "First differing layer: dense1 (2 of 4)"));
}

TEST_CASE("replica check: halves that differ have no majority, and the message says so") {
    const Communicator comm;
    if (comm.size() % 2 != 0) return;
    const auto text = complaint(comm, comm.rank() % 2 == 0 ? replica() : replica(0));
    CHECK(holds(text, "no majority; 2 groups: [rank 0 ("));
    CHECK(holds(text, "[rank 1 ("));
    CHECK(holds(text, "First differing layer: dense0 (1 of 4)"));
}

TEST_CASE("replica check: all different, down to the sign of a zero") {
    const Communicator comm;
    if (comm.size() < 2) return;
    CHECK(holds(complaint(comm, replica(1, static_cast<float>(comm.rank()))), "no majority"));
    std::vector<LayerDigest> zero = replica();
    const float value = comm.rank() == 0 ? 0.0F : -0.0F;
    zero[3].digest = digest_of(std::span<const float>(&value, 1));
    CHECK(holds(complaint(comm, zero), "dense3"));
}

TEST_CASE("replica check: another number of layers, and other names, are differences too") {
    const Communicator comm;
    if (comm.size() < 2) return;
    std::vector<LayerDigest> layers = replica();
    if (comm.rank() == 0) layers.pop_back();
    CHECK(holds(complaint(comm, layers), "same number of layers"));
    std::vector<LayerDigest> renamed = replica();
    if (comm.rank() == 0) renamed[1].name = "other";
    CHECK(holds(complaint(comm, renamed), "names differ"));
}

}  // namespace
}  // namespace lockstep
