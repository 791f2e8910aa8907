// What the tests of bf16 share: the tables of kernels that can be run here, calls to them, and values that
// try them.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/arithmetic/dispatch/amx_support.h"
#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "tests/core/arithmetic/bits.h"
#include "tests/core/arithmetic/simd/tile_instructions.h"

namespace lockstep::test {

using Draw = float (*)(Random&);

/// Products of tiny and huge factors, whose sums are flushed or overflow on the way.
inline float near_the_ends(Random& random) {
    const int exponent = uniform(random, 0, 1) == 0 ? -64 : 63;
    return std::ldexp(ordinary(random), exponent + static_cast<int>(uniform(random, 0, 3)) - 8);
}

/// Products around the smallest normal number: half of them are flushed, of either sign.
inline float near_flushing(Random& random) {
    return std::ldexp(ordinary(random), -63 - static_cast<int>(uniform(random, 0, 8)));
}

inline constexpr std::array<Draw, 5> kDraws{ordinary, mostly_ordinary, any_float, near_the_ends,
                                            near_flushing};

/// A table of kernels to hold against scalar.
struct Path {
    std::string name;
    Bf16Kernels kernels;
};

inline Bf16Kernels kernels_of(InstructionSet isa, Bf16Form form) {
    const UseInstructionSet use(isa);
    return bf16_kernels(form);
}

inline const std::vector<Path>& paths(Bf16Form form = Bf16Form::kRounded) {
    const auto find = [](Bf16Form of) {
        std::vector<Path> found;
        for (const InstructionSet isa : vector_sets())
            found.push_back({std::string(name(isa)), kernels_of(isa, of)});
        const bool has_avx512 = std::ranges::count(available_instruction_sets(), InstructionSet::kAvx512) > 0;
        if (has_avx512 && !why_no_amx().empty())
            found.push_back({"amx, its tile instructions emulated", amx_bf16_kernels(of)});
        return found;
    };
    static const std::vector<Path> rounded = find(Bf16Form::kRounded);
    static const std::vector<Path> split = find(Bf16Form::kSplit);
    return form == Bf16Form::kSplit ? split : rounded;
}

inline std::vector<float> scratch(kScratch_floats);

inline void no_finish(const void* /*context*/, std::size_t /*row*/, std::size_t /*rows*/) {}

struct Packed {
    std::vector<std::uint32_t> pairs;
    std::size_t blocks;
};

/// b (depth, cols), or (cols, depth) where transposed.
inline Packed packed(const Bf16Kernels& k, ConstMatrix b, bool transposed,
                     Bf16Form form = Bf16Form::kRounded) {
    const auto blocks = [](std::size_t size) { return (size + 31) / 32; };
    // 0xAB…: what packing must overwrite, the padding too.
    std::vector<std::uint32_t> by_row(blocks(b.rows) * blocks(b.cols) * parts_of(form) * kPanelBlock_pairs,
                                      0xABABABAB);
    std::vector<std::uint32_t> by_col = by_row;
    k.pack_weights({b.rows,
                    b.cols,
                    {b.data, b.stride},
                    by_row.data(),
                    blocks(b.rows),
                    transposed ? by_col.data() : nullptr,
                    blocks(b.cols)});
    return transposed ? Packed{by_col, blocks(b.cols)} : Packed{by_row, blocks(b.rows)};
}

inline void multiply(const Bf16Kernels& k, ConstMatrix a, const Packed& b, Matrix c) {
    const TileInstructions tiles;
    k.product({c.rows,
               c.cols,
               a.cols,
               {a.data, a.stride},
               {b.pairs.data(), b.blocks},
               {c.data, c.stride},
               no_finish,
               nullptr,
               scratch.data(),
               {}});
}

inline void gradient(const Bf16Kernels& k, ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw) {
    const TileInstructions tiles;
    k.weight_gradient({{x.rows,
                        dw.rows,
                        dw.cols,
                        leaf,
                        {x.data, x.stride},
                        {delta.data, delta.stride},
                        {dw.data, dw.stride},
                        scratch.data(),
                        {}},
                       nullptr,
                       nullptr});
}

}  // namespace lockstep::test
