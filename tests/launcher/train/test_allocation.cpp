// A training step allocates nothing once the first ones are made. Allocations are counted where C++ code
// makes them, operator new and aligned_alloc, not inside MPI or OpenMP.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "comm/communicator.h"
#include "core/network/network_learner.h"
#include "launcher/train/replica.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> allocations{0};

void* counted(void* memory) {
    if (counting) ++allocations;
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

// The linker sends lockstep's calls of aligned_alloc to the second of these, and has the real one under the
// name of the first (--wrap).
extern "C" void* real_aligned_alloc(std::size_t alignment, std::size_t bytes) __asm__("__real_aligned_alloc");
extern "C" void* counted_aligned_alloc(std::size_t alignment,
                                       std::size_t bytes) __asm__("__wrap_aligned_alloc");
void* counted_aligned_alloc(std::size_t alignment, std::size_t bytes) {
    return counted(real_aligned_alloc(alignment, bytes));
}

// Not inlined: g++ would see malloc() or free() where new and delete stand, and warn that they do not match.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    return counted(std::malloc(bytes == 0 ? 1 : bytes));
}
[[gnu::noinline]] void* operator new[](std::size_t bytes) {
    return counted(std::malloc(bytes == 0 ? 1 : bytes));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }

namespace lockstep {
namespace {

/// Allocations of ten steps, after three.
std::size_t allocations_of_steps(Arithmetic arithmetic, const char* optimizer, std::size_t micro_batch,
                                 Sharding sharding, Compression compression = Compression::kNone) {
    const Communicator comm;
    ReplicaOptions options;
    NetworkSpec network;
    network.inputs = 40;
    for (const char* layer : {"dense units=50 activation=relu", "dense units=30 activation=tanh",
                              "dense units=10 activation=softmax"})
        network.layers.push_back(parse_layer(layer));
    network.input_dropout = 0.2F;
    network.layers.front().dropout = 0.5F;
    options.leaf = 8;
    options.optimizer.name = optimizer;
    options.regularisation = {.l2 = options.optimizer.name == "sgd" ? 1e-4F : 0.0F,
                              .max_norm = sharding == Sharding::kParameters ? 0.0F : 1.0F};
    options.reducer.bucket_bytes = 4096;
    options.reducer.sharding = sharding;
    const BatchPlan plan(100, 100, options.leaf, 1);
    const ShardCut cut{micro_batch, compression != Compression::kNone};
    options.reducer.compression = compression;
    options.kept_share = 0.1;
    options.bounds = shard_bounds(plan, cut, comm.rank(), comm.size());
    Replica replica(comm, std::make_unique<NetworkLearner>(network, arithmetic, options.bounds.piece_samples),
                    options);
    const ShardWork work(plan, plan.batch(0, 0), cut, comm.rank(), comm.size());
    const std::vector<float> x(std::size_t{100} * 40, 0.5F);
    const std::vector<std::int32_t> labels(100, 3);
    const auto read = [&](std::size_t /*first*/, std::size_t count) {
        return Samples{{x.data(), count, 40}, {std::span(labels).first(count), {}}};
    };
    for (std::size_t step = 1; step <= 13; ++step) {
        if (step == 4) {
            allocations = 0;
            counting = true;
        }
        replica.step(work, step, 0.1F, read);
    }
    counting = false;
    return allocations;
}

}  // namespace

TEST_CASE("training step: allocates nothing once it has run") {
    for (const Arithmetic arithmetic : {Arithmetic::kFp32, Arithmetic::kBf16, Arithmetic::kFp32Amx}) {
        for (const char* optimizer : {"sgd", "adam", "rmsprop", "lars", "lamb"}) {
            for (const std::size_t micro_batch : {0, 8, 24}) {
                CAPTURE(static_cast<int>(arithmetic));
                CAPTURE(optimizer);
                CAPTURE(micro_batch);
                CHECK(allocations_of_steps(arithmetic, optimizer, micro_batch, Sharding::kNone) == 0);
            }
        }
    }
}

TEST_CASE("training step: allocates nothing once it has run, with sharding") {
    for (const char* optimizer : {"sgd", "adam"}) {
        CHECK(allocations_of_steps(Arithmetic::kFp32, optimizer, 8, Sharding::kOptimizer) == 0);
        CHECK(allocations_of_steps(Arithmetic::kFp32, optimizer, 0, Sharding::kParameters) == 0);
    }
}

TEST_CASE("training step: allocates nothing once it has run, with compression") {
    for (const Compression compression : {Compression::kBf16, Compression::kTopK}) {
        CHECK(allocations_of_steps(Arithmetic::kFp32, "sgd", 0, Sharding::kNone, compression) == 0);
    }
}

TEST_CASE("training step: the count of allocations sees them") {
    allocations = 0;
    counting = true;
    const std::vector<int> vector(10);
    const Buffer<float> buffer(10);
    counting = false;
    CHECK(allocations == 2);
}

}  // namespace lockstep
