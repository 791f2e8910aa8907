// What `lockstep plan` works out, against figures found by hand.
#include "launcher/train/plan_report.h"

#include <doctest/doctest.h>

#include "launcher/score/prepare.h"

using namespace lockstep;

namespace {

/// 960-64-30 on 300 samples in batches of 128: leaves of 32, so 4 a batch; the last has 44 samples, so 2.
PlanReport plan_on(std::size_t ranks, const std::vector<std::pair<std::string, std::string>>& more = {},
                   const std::string& first_layer = "dense units=64 activation=relu") {
    std::vector<std::pair<std::string, std::string>> flags{
        {"data.source", "alvinn"},      {"data.train_samples", "300"},
        {"network.layer", first_layer}, {"network.layer", "dense units=30 activation=softmax"},
        {"training.epochs", "2"},       {"optimizer.learning_rate", "0.1"}};
    flags.insert(flags.end(), more.begin(), more.end());
    const ResolvedOptions options = resolve_options({{}, flags, {}});
    const Config config = make_config(options);
    const Prepared prepared = prepare(config, options);
    return make_plan(config, prepared.network, *prepared.data.train, ranks);
}

// 61440 + 64 + 1920 + 30 values; the last bias is padded to 32.
constexpr std::size_t kArena_bytes = (61440 + 64 + 1920 + 32) * sizeof(float);

}  // namespace

TEST_CASE("plan: parameters, steps and memory on one rank") {
    const PlanReport report = plan_on(1);
    CHECK(report.parameters == 61440 + 64 + 1920 + 30);
    REQUIRE(report.layers.size() == 2);
    CHECK(report.layers[0].parameters == 61440 + 64);
    CHECK(report.layers[1].inputs == 64);
    CHECK(report.steps_per_epoch == 3);
    CHECK(report.steps == 6);
    CHECK(report.leaves == std::vector<std::size_t>{4});
    CHECK(report.parameter_bytes == kArena_bytes);
    CHECK(report.gradient_bytes == kArena_bytes);
    CHECK(report.optimizer_bytes == kArena_bytes);
    CHECK(report.packed_bytes == 0);
    // At least each layer's outputs of 128 samples.
    CHECK(report.activation_bytes >= sizeof(float) * 128 * (64 + 30));
    CHECK(report.algorithm == "none");
    CHECK(report.sent_bytes_per_step == 0);
}

TEST_CASE("plan: bf16 needs rounded copies of the weights, forward and, above the first layer, transposed") {
    const PlanReport report = plan_on(1, {{"training.arithmetic", "bf16"}});
    // 960 × 64 forward; 64 × 30 both ways, the 30 filled up to 32. Two bytes a value.
    CHECK(report.packed_bytes == (960 * 64 + 2 * 64 * 32) * 2);
    CHECK(report.memory_bytes() == plan_on(1).memory_bytes() + report.packed_bytes);
}

TEST_CASE("plan: traffic follows the algorithm's cost card") {
    // Powers of two: 2 (P − 1) / P of the gradients.
    CHECK(plan_on(2).algorithm == "halving");
    CHECK(plan_on(2).sent_bytes_per_step == kArena_bytes);
    CHECK(plan_on(4).sent_bytes_per_step == kArena_bytes / 4 * 6);
    // Three ranks own 2, 1 and 1 leaves, one node each: 2 · 2 / 3.
    const PlanReport three = plan_on(3);
    CHECK(three.algorithm == "direct");
    CHECK(three.leaves == std::vector<std::size_t>{2, 1, 1});
    CHECK(three.sent_bytes_per_step == kArena_bytes / 3 * 4);
    CHECK(plan_on(2, {{"comm.reduction", "mpi"}}).algorithm == "mpi");
}

TEST_CASE("plan: ranks without leaves are named") {
    CHECK(plan_on(4).idle_ranks.empty());
    CHECK(plan_on(6).idle_ranks == std::vector<std::size_t>{4, 5});
}

TEST_CASE("plan: a rank that owns several nodes needs a gradient arena for each") {
    // 10 leaves on 3 ranks: 0-3, 4-6, 7-9. The last owns leaf 7 and leaves 8-9; the second 4-5 and 6.
    CHECK(plan_on(3, {{"training.global_batch", "all"}}).gradient_bytes == 2 * kArena_bytes);
}

TEST_CASE("plan: pieces of a batch need memory for fewer samples, and arenas for the sums that wait") {
    // Four leaves: pieces of one leave two sums waiting while the last leaf is worked on, pieces of two one.
    const PlanReport whole = plan_on(1);
    const PlanReport halves = plan_on(1, {{"training.micro_batch", "64"}});
    const PlanReport quarters = plan_on(1, {{"training.micro_batch", "32"}});
    CHECK(halves.gradient_bytes == 2 * kArena_bytes);
    CHECK(quarters.gradient_bytes == 3 * kArena_bytes);
    CHECK(halves.activation_bytes == whole.activation_bytes / 2);
    CHECK(quarters.activation_bytes == whole.activation_bytes / 4);
    // On four ranks a share is one leaf, so nothing is cut.
    CHECK(plan_on(4, {{"training.micro_batch", "32"}}).memory_bytes() == plan_on(4).memory_bytes());
}

TEST_CASE("plan: sharding divides state, then parameters and gradients, at the price of gathering them") {
    // Small buckets: one for each layer, of 61504 and 1952 values, both multiples of 4.
    const std::pair<std::string, std::string> each{"comm.bucket_mib", "0.001"};
    constexpr std::size_t kFirst_bytes = 61504 * sizeof(float);
    constexpr std::size_t kLast_bytes = 1952 * sizeof(float);
    const PlanReport none = plan_on(4, {each});
    const PlanReport optimizer = plan_on(4, {each, {"comm.shard", "optimizer"}});
    CHECK(optimizer.optimizer_bytes == kArena_bytes / 4);
    CHECK(optimizer.parameter_bytes == kArena_bytes);
    CHECK(optimizer.gradient_bytes == kArena_bytes);
    CHECK(optimizer.sent_bytes_per_step == none.sent_bytes_per_step);
    const PlanReport parameters = plan_on(4, {each, {"comm.shard", "parameters"}});
    CHECK(parameters.optimizer_bytes == kArena_bytes / 4);
    CHECK(parameters.gradient_bytes == 2 * kFirst_bytes);
    CHECK(parameters.parameter_bytes == kArena_bytes / 4 + 2 * kFirst_bytes);
    // Three quarters of the gradients; a quarter of both layers to three ranks before the forward pass. The
    // backward pass has the last layer still, and does not ask for the first.
    CHECK(parameters.sent_bytes_per_step == kArena_bytes / 4 * 3 + (kFirst_bytes + kLast_bytes) / 4 * 3);
    REQUIRE(none.shards.size() == 3);
    CHECK(none.shards[0].memory_bytes == none.memory_bytes());
    CHECK(none.shards[1].memory_bytes == optimizer.memory_bytes());
    CHECK(none.shards[2].memory_bytes == parameters.memory_bytes());
    CHECK(none.shards[2].sent_bytes_per_step == parameters.sent_bytes_per_step);
    CHECK(plan_on(4, {{"comm.reduction", "mpi"}}).shards.size() == 1);
    CHECK(plan_on(4, {{"training.arithmetic", "bf16"}}).shards.size() == 2);
}

TEST_CASE("plan: a first layer whose gradient reads its parameters is gathered for the backward pass, too") {
    const PlanReport report =
        plan_on(4, {{"comm.bucket_mib", "0.001"}, {"comm.shard", "parameters"}}, "distance units=64");
    constexpr std::size_t kFirst_bytes = std::size_t{960} * 64 * sizeof(float);
    constexpr std::size_t kLast_bytes = std::size_t{64 + 1} * 30 * sizeof(float);
    const auto quarters = [](std::size_t bytes) { return (bytes + 63) / 64 * 64 / 4 * 3; };
    CHECK(report.sent_bytes_per_step == 3 * quarters(kFirst_bytes) + 2 * quarters(kLast_bytes));
}

TEST_CASE("plan: steps end at whichever bound comes first, and smaller buckets are more") {
    CHECK(plan_on(1, {{"training.max_steps", "4"}}).steps == 4);
    CHECK(plan_on(1, {{"training.max_steps", "40"}}).steps == 6);
    CHECK(plan_on(1).bucket_count == 1);
    CHECK(plan_on(1, {{"comm.bucket_mib", "0.001"}}).bucket_count == 2);
}
