// Threads: equal bits on any number of them, and the contract's floating-point mode in each.
#include "core/base/threads.h"

#include <array>
#include <atomic>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/arithmetic/bf16_gemm.h"
#include "core/arithmetic/dispatch/pause.h"
#include "core/arithmetic/elementwise.h"
#include "core/arithmetic/gemm.h"
#include "core/arithmetic/optimizer/take_step.h"
#include "core/base/error.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

/// Half the smallest normal float: 0 in the contract's mode, a denormal outside it.
float halved_smallest() {
    volatile float smallest = kSmallest;
    return smallest * 0.5F;
}

/// 1 where denormal inputs count as zeros.
bool denormals_are_zeros() {
    volatile float denormal = kDenormal;
    return denormal * 0x1p100F == 0.0F;
}

struct Results {
    std::vector<float> y, below, dw, db, softmax, log_sum, w;
    bool operator==(const Results&) const = default;
};

/// Every operation that shares work, on sizes large enough to be shared.
Results run_all(std::size_t samples, std::size_t inputs, std::size_t outputs) {
    const ContractFloatMode mode;
    Random random(1);
    const auto x = GuardedMatrix(samples, inputs, random).fill(random, ordinary);
    const auto w = GuardedMatrix(inputs, outputs, random).fill(random, ordinary);
    const auto delta = GuardedMatrix(samples, outputs, random).fill(random, ordinary);
    const std::vector<float> bias(outputs, 0.25F);
    Results r;
    r.y.resize(samples * outputs);
    r.below.resize(samples * inputs);
    r.dw.resize(inputs * outputs);
    r.db.resize(outputs);
    r.softmax.resize(samples * outputs);
    r.log_sum.resize(samples);
    dense_forward(x.view(), w.view(), bias, {ActivationKind::kTanh}, {r.y.data(), samples, outputs});
    dense_input_delta(delta.view(), w.view(), {ActivationKind::kRelu}, x.view(),
                      {r.below.data(), samples, inputs});
    dense_weight_gradient(x.view(), delta.view(), 32, {r.dw.data(), inputs, outputs});
    dense_bias_gradient(delta.view(), 32, r.db);
    softmax_rows(delta.view(), {r.softmax.data(), samples, outputs}, r.log_sum);
    r.w = r.dw;
    std::vector<float> momentum(r.w.size(), 0.5F);
    take_step(SgdStep{0.5F, 0.1F, 0.9F}, r.dw, r.w, {momentum});
    multiply_by_derivative({ActivationKind::kTanh}, {r.dw.data(), inputs, outputs},
                           {r.w.data(), inputs, outputs});
    add_values(r.w, r.dw);
    return r;
}

}  // namespace

TEST_CASE("threads: two, three and five give the bits of one, on every instruction set") {
    for (const InstructionSet isa : available_instruction_sets()) {
        const UseInstructionSet use(isa);
        const std::size_t size = isa == InstructionSet::kScalar ? 130 : 333;
        const Results expected = run_all(size, size + 20, size - 15);
        for (const int count : {2, 3, 5}) {
            INFO(name(isa), ", ", count, " threads");
            const UseThreads threads(count);
            CHECK(run_all(size, size + 20, size - 15) == expected);
        }
    }
}

TEST_CASE("threads: results with few rows or few columns are shared along the other side") {
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        for (const auto [samples, inputs, outputs] :
             {std::array<std::size_t, 3>{3, 2000, 900}, {2000, 900, 3}, {900, 3, 2000}, {2000, 1000, 1}}) {
            const Results expected = run_all(samples, inputs, outputs);
            const UseThreads threads(4);
            CHECK(run_all(samples, inputs, outputs) == expected);
        }
    }
}

TEST_CASE("run_parts: every part once, each in the contract's floating-point mode") {
    for (const int parts : {1, 2, 7}) {
        std::vector<int> runs(static_cast<std::size_t>(parts));
        std::atomic<int> flushed{0};
        // On a thread of its own, whose pool starts outside the contract's mode: threads inherit their
        // maker's.
        std::thread maker([&] {
            run_parts(parts, [](int) {});
            const ContractFloatMode mode;
            run_parts(parts, [&](int part) {
                ++runs[static_cast<std::size_t>(part)];
                if (halved_smallest() == 0.0F && denormals_are_zeros()) ++flushed;
            });
        });
        maker.join();
        for (const int count : runs) CHECK(count == 1);
        CHECK(flushed == parts);
    }
}

TEST_CASE("run_parts: a part's exception is thrown behind the region, the lowest part's of several") {
    for (const int parts : {1, 2, 5}) {
        std::atomic<int> done = 0;
        const auto work = [&](int part) {
            ++done;
            if (part >= parts / 2) throw std::out_of_range(std::to_string(part));
        };
        CHECK_THROWS_WITH_AS(run_parts(parts, work), std::to_string(parts / 2).c_str(), std::out_of_range);
        CHECK(done == parts);
    }
    set_thread_count(4);
    const auto allocate = [](std::size_t, std::size_t) { throw std::bad_alloc(); };
    CHECK_THROWS_AS(share_range(4000, 1, 1, allocate), std::bad_alloc);
    set_thread_count(1);
}

TEST_CASE("share_range: disjoint ranges that cover all, aligned, and one below the grain") {
    const UseThreads threads(3);
    for (const std::size_t count : {0, 1, 15, 16, 17, 100, 1000, 1001}) {
        std::vector<int> covered(count);
        std::atomic<int> ranges{0};
        share_range(count, 50, 16, [&](std::size_t begin, std::size_t end) {
            ++ranges;
            if (begin % 16 != 0) ++ranges;
            for (std::size_t i = begin; i < end; ++i) ++covered[i];
        });
        INFO(count);
        for (const int times : covered) CHECK(times == 1);
        CHECK(ranges <= 3);
        if (count < 100) CHECK(ranges == (count == 0 ? 0 : 1));
        if (count >= 1000) CHECK(ranges == 3);
    }
}

TEST_CASE("ContractFloatMode: denormals are flushed inside and kept outside") {
    CHECK(halved_smallest() > 0.0F);
    CHECK_FALSE(denormals_are_zeros());
    {
        const ContractFloatMode mode;
        CHECK(halved_smallest() == 0.0F);
        CHECK(denormals_are_zeros());
        {
            const ContractFloatMode nested;
            CHECK(halved_smallest() == 0.0F);
        }
        CHECK(halved_smallest() == 0.0F);
    }
    CHECK(halved_smallest() > 0.0F);
}

TEST_CASE("pauses: a thread's products give turns while asked to, and no other thread's do") {
    const ContractFloatMode mode;
    const std::size_t n = 200;
    const std::vector<float> a(n * n, 1.0F);
    std::vector<float> c(n * n);
    const ConstMatrix operand(a.data(), n, n);
    const Matrix result(c.data(), n, n);
    PackedWeights packed(n, n, true);
    std::atomic<int> turns{0};
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<bool> elsewhere{false};
    const std::function<void()> count = [&] {
        ++turns;
        if (std::this_thread::get_id() != caller) elsewhere = true;
    };
    const std::array<std::function<void()>, 6> products{
        [&] { dense_forward(operand, operand, {}, {}, result); },
        [&] { dense_input_delta(operand, operand, {}, operand, result); },
        [&] { dense_weight_gradient(operand, operand, 32, result); },
        [&] { bf16_forward(operand, packed, {}, {}, result); },
        [&] { bf16_input_delta(operand, packed, {}, operand, result); },
        [&] { bf16_weight_gradient(operand, operand, 32, result); }};
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        packed.pack(operand);
        for (const int threads : {1, 2}) {
            const UseThreads use_threads(threads);
            for (std::size_t i = 0; i < products.size(); ++i) {
                INFO(where(isa, fmt::format("{} threads, product {}", threads, i)));
                turns = 0;
                products[i]();
                CHECK(turns == 0);
                {
                    const PausesFor pauses(count);
                    products[i]();
                }
                // A turn for each panel of 32 columns, or wider, of the caller's part.
                CHECK(turns >= 2);
                CHECK_FALSE(elsewhere);
                turns = 0;
                products[i]();
                CHECK(turns == 0);
            }
        }
    }
}

TEST_CASE("set_thread_count: less than one is refused") {
    CHECK_THROWS_AS(set_thread_count(0), ConfigError);
    CHECK_THROWS_AS(set_thread_count(-3), ConfigError);
    CHECK(thread_count() >= 1);
    CHECK(cpus_allowed() >= 1);
}

}  // namespace lockstep::test
