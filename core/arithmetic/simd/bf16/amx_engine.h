// The engine of blocked.h on AMX: two by two tiles of the result, each of 16 rows and 16 columns. After
// simd/vec_avx512.h and pack.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/simd/bf16/blocked.h"

namespace lockstep {
namespace {

constexpr std::size_t kAmxRows = 16;
/// Of a: 16 rows of 32 bf16, contiguous. Stored as pairs.
constexpr std::size_t kAmxTile_pairs = kAmxRows * kBlockPairs;

/// The instructions on tile registers, by number. Not the compilers' intrinsics: those of g++ 12 are macros
/// that take literal numbers alone, and do not say that a tile's load reads memory, so that the stores before
/// it may come too late.
struct AmxTiles {
    /// Eight tiles of 16 rows of 64 bytes.
    static void configure() {
        struct alignas(64) Configuration {
            std::uint8_t palette = 1;
            std::uint8_t start_row = 0;
            std::uint8_t reserved[14] = {};
            std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        };
        static_assert(sizeof(Configuration) == 64);
        const Configuration configuration;
        __asm__ volatile("ldtilecfg %0" ::"m"(configuration));
    }
    static void release() { __asm__ volatile("tilerelease"); }

    template <int kTile>
    static void zero() {
        __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile));
    }
    template <int kTile>
    static void load(const void* memory, std::size_t stride_bytes) {
        __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(memory), "r"(stride_bytes), "i"(kTile)
                         : "memory");
    }
    template <int kTile>
    static void store(void* memory, std::size_t stride_bytes) {
        __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(memory), "r"(stride_bytes), "i"(kTile)
                         : "memory");
    }
    /// The assembler's order of operands is the reverse of the manual's.
    template <int kC, int kA, int kB>
    static void multiply() {
        __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
    }
};

template <class OperandForm>
struct AmxEngine {
    using Form = OperandForm;
    using Value = std::uint32_t;  // a pair: even k in the low half
    static constexpr std::size_t kTileRows = 2 * kAmxRows;
    static constexpr bool kWholeTiles = true;

    /// Loads the tile configuration, which other code may have released, and releases it at the end, so that
    /// the kernel need not save the tiles of a thread that is done with them.
    struct Session {
        Session() { AmxTiles::configure(); }
        ~Session() { AmxTiles::release(); }
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;
    };

    static constexpr std::size_t packed_values(bool /*by_depth*/, std::size_t rows, std::size_t blocks) {
        return ceil_divide(rows, kAmxRows) * blocks * kAmxBlock_pairs;
    }

    static void pack(const ABlock& a, Value* packed) {
        for (std::size_t row = 0; row < a.rows; row += kAmxRows) {
            Value* to = packed + (row / kAmxRows * a.blocks + a.first_block) * kAmxBlock_pairs;
            for (std::size_t k = 0; k < a.depth; k += kBlockDepth, to += kAmxBlock_pairs) {
                const std::size_t rows = smaller_of(kAmxRows, a.rows - row);
                const std::size_t depth = smaller_of(kBlockDepth, a.depth - k);
                if (a.by_depth) {
                    pack_by_depth(a.a.data + k * a.a.stride + row, a.a.stride, rows, depth, to);
                } else {
                    pack_by_row(a.a.data + row * a.a.stride + k, a.a.stride, rows, depth, to);
                }
            }
        }
    }

    static void add(const ATile& a, const Value* packed, const std::uint32_t* b, const BlockRun& run,
                    Rows c) {
        const Value* upper = packed + (a.row / kAmxRows * a.blocks + a.first_block) * kAmxBlock_pairs;
        if (a.rows > kAmxRows) {
            add_rows<true>(upper, upper + a.blocks * kAmxBlock_pairs, b, run, c);
        } else {
            add_rows<false>(upper, upper, b, run, c);
        }
    }

  private:
    /// A block of the depth of 16 rows of a, all its parts.
    static constexpr std::size_t kAmxBlock_pairs = Form::kParts * kAmxTile_pairs;

    static void pack_by_row(const float* a, std::size_t stride, std::size_t rows, std::size_t depth,
                            Value* to) {
        for (std::size_t r = 0; r < kAmxRows; ++r) {
            const float* row = a + r * stride;
            const std::size_t count = r < rows ? depth : 0;
            const auto low = bf16_lanes<Form>(row, 0, count);
            const auto high = bf16_lanes<Form>(row, kLanes, count);
            for (std::size_t part = 0; part < Form::kParts; ++part) {
                store_pairs(to + part * kAmxTile_pairs + r * kBlockPairs,
                            high_halves(low.part[part], high.part[part]));
            }
        }
    }

    static void pack_by_depth(const float* a, std::size_t stride, std::size_t rows, std::size_t depth,
                              Value* to) {
        Vec pairs[Form::kParts][kLanes];
        for (std::size_t p = 0; p < kBlockPairs; ++p) {
            const float* even = a + 2 * p * stride;
            const auto even_row = bf16_lanes<Form>(even, 0, 2 * p < depth ? rows : 0);
            const auto odd_row = bf16_lanes<Form>(even + stride, 0, 2 * p + 1 < depth ? rows : 0);
            for (std::size_t part = 0; part < Form::kParts; ++part)
                pairs[part][p] = from_bits(pairs_of(even_row.part[part], odd_row.part[part]));
        }
        for (auto& of_part : pairs) {
            transpose(of_part);
            for (std::size_t r = 0; r < kAmxRows; ++r) store_pairs(to + r * kBlockPairs, bits_of(of_part[r]));
            to += kAmxTile_pairs;
        }
    }

    /// Tiles 0 to 3 hold c, 4 and 5 a, 6 and 7 b.
    template <bool kTwoRows>
    static void add_rows(const Value* upper, const Value* lower, const std::uint32_t* b, const BlockRun& run,
                         Rows c) {
        constexpr std::size_t kCols = kBf16PanelCols / 2;
        constexpr std::size_t kRow_bytes = kBlockPairs * sizeof(std::uint32_t);
        constexpr std::size_t kPanelRow_bytes = kBf16PanelCols * sizeof(std::uint32_t);
        const std::size_t c_bytes = c.stride * sizeof(float);
        float* c_lower = c.data + kAmxRows * c.stride;
        if (run.fresh) {
            AmxTiles::zero<0>();
            AmxTiles::zero<1>();
            if constexpr (kTwoRows) {
                AmxTiles::zero<2>();
                AmxTiles::zero<3>();
            }
        } else {
            AmxTiles::load<0>(c.data, c_bytes);
            AmxTiles::load<1>(c.data + kCols, c_bytes);
            if constexpr (kTwoRows) {
                AmxTiles::load<2>(c_lower, c_bytes);
                AmxTiles::load<3>(c_lower + kCols, c_bytes);
            }
        }
        for (std::size_t sweep = run.sweeps.begin; sweep < run.sweeps.end; ++sweep) {
            for (std::size_t block = 0; block < run.blocks; ++block) {
                const Value* block_upper = upper + block * kAmxBlock_pairs;
                const Value* block_lower = lower + block * kAmxBlock_pairs;
                const std::uint32_t* block_b = b + block * Form::kParts * kPanelBlock_pairs;
                for (std::size_t p = Form::kSweepEnds[sweep]; p < Form::kSweepEnds[sweep + 1]; ++p) {
                    const PartPair part = Form::kPairs[p];
                    const std::uint32_t* b_part = block_b + part.b * kPanelBlock_pairs;
                    AmxTiles::load<4>(block_upper + part.a * kAmxTile_pairs, kRow_bytes);
                    AmxTiles::load<6>(b_part, kPanelRow_bytes);
                    AmxTiles::load<7>(b_part + kCols, kPanelRow_bytes);
                    AmxTiles::multiply<0, 4, 6>();
                    AmxTiles::multiply<1, 4, 7>();
                    if constexpr (kTwoRows) {
                        AmxTiles::load<5>(block_lower + part.a * kAmxTile_pairs, kRow_bytes);
                        AmxTiles::multiply<2, 5, 6>();
                        AmxTiles::multiply<3, 5, 7>();
                    }
                }
            }
        }
        AmxTiles::store<0>(c.data, c_bytes);
        AmxTiles::store<1>(c.data + kCols, c_bytes);
        if constexpr (kTwoRows) {
            AmxTiles::store<2>(c_lower, c_bytes);
            AmxTiles::store<3>(c_lower + kCols, c_bytes);
        }
    }
};

}  // namespace
}  // namespace lockstep
