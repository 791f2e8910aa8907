// Rounding to bf16 and the packed copies of operands, on registers. The register type comes from the
// simd_vec_*.h included before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/base/integers.h"

namespace lockstep {
namespace {

/// Lanes [0, count) of the memory at p, the others +0; none of it is touched where count is 0.
inline Vec load_first(const float* p, std::size_t count) {
    return count >= kLanes ? load(p) : load(p, first_lanes(count));
}

/// to_bf16 of scalar/bf16.h in the high half of each lane, zeros in the low one.
inline Ints round_to_bf16(Vec v) {
    const Ints bits = bits_of(v);
    const Ints high = ints(static_cast<int>(0xFFFF0000U));
    const Ints last_kept = both(shift_right<16>(bits), ints(1));
    const Vec nearest = from_bits(both(plus(bits, plus(ints(0x7FFF), last_kept)), high));
    const Vec quiet_nan = from_bits(plus(both(bits, ints(static_cast<int>(0xFFBF0000U))), ints(0x00400000)));
    const Vec signed_zero = from_bits(both(bits, ints(static_cast<int>(0x80000000U))));
    const Vec number = select(less(magnitude(v), from_bits(ints(0x00800000))), signed_zero, nearest);
    return bits_of(select(equal(v, v), number, quiet_nan));
}

/// `v` in bf16, each part as round_to_bf16 leaves it. Where it is split: h = bf16(v), m = bf16(v - h),
/// l = bf16((v - h) - m).
template <class Form>
struct Bf16Parts {
    Ints part[Form::kParts];
    explicit Bf16Parts(Vec v) {
        for (std::size_t p = 0; p < Form::kParts; ++p) {
            part[p] = round_to_bf16(v);
            v = v - from_bits(part[p]);
        }
    }
};

/// Pairs of `even` and `odd` k, both as round_to_bf16 leaves them.
inline Ints pairs_of(Ints even, Ints odd) { return plus(shift_right<16>(even), odd); }

inline void store_pairs(std::uint32_t* p, Ints pairs) {
    store(reinterpret_cast<float*>(p), from_bits(pairs));
}

/// Lanes [first, first + kLanes) of a row of `count` values in bf16; zeros beyond it.
template <class Form>
Bf16Parts<Form> bf16_lanes(const float* row, std::size_t first, std::size_t count) {
    return Bf16Parts<Form>(first < count ? load_first(row + first, count - first) : zero());
}

/// `depth` rows of b, (depth, cols) row-major, into the blocks from first_block on of panels of `blocks`
/// blocks. Block by block, so that b is read along its rows.
template <class Form>
void pack_panels(ConstRows b, std::size_t depth, std::size_t cols, std::uint32_t* panels, std::size_t blocks,
                 std::size_t first_block) {
    for (std::size_t k = 0; k < depth; k += kBlockDepth) {
        for (std::size_t col = 0; col < cols; col += kBf16PanelCols) {
            const std::size_t block = col / kBf16PanelCols * blocks + first_block + k / kBlockDepth;
            std::uint32_t* pairs = panels + block * Form::kParts * kPanelBlock_pairs;
            for (std::size_t p = k; p < k + kBlockDepth; p += 2, pairs += kBf16PanelCols) {
                const float* even = b.data + p * b.stride + col;
                const std::size_t even_cols = p < depth ? cols - col : 0;
                const std::size_t odd_cols = p + 1 < depth ? cols - col : 0;
                for (std::size_t c = 0; c < kBf16PanelCols; c += kLanes) {
                    const auto even_parts = bf16_lanes<Form>(even, c, even_cols);
                    const auto odd_parts = bf16_lanes<Form>(even + b.stride, c, odd_cols);
                    for (std::size_t part = 0; part < Form::kParts; ++part) {
                        store_pairs(pairs + part * kPanelBlock_pairs + c,
                                    pairs_of(even_parts.part[part], odd_parts.part[part]));
                    }
                }
            }
        }
    }
}

/// Rows and columns [0, 32) of w, as far as they exist, as one block of w's columns and one of wᵀ's, where
/// asked for.
template <class Form>
void pack_weights_block(ConstRows w, std::size_t rows, std::size_t cols, std::uint32_t* by_row,
                        std::uint32_t* by_col) {
    // A row's columns in pairs, which transposed are the pairs of wᵀ.
    alignas(64) std::uint32_t row_pairs[Form::kParts][kBlockDepth * kBlockPairs];
    for (std::size_t r = 0; r < kBlockDepth; r += 2) {
        const float* even = w.data + r * w.stride;
        const std::size_t even_cols = r < rows ? cols : 0;
        const std::size_t odd_cols = r + 1 < rows ? cols : 0;
        for (std::size_t c = 0; c < kBlockDepth; c += 2 * kLanes) {
            const auto even_low = bf16_lanes<Form>(even, c, even_cols);
            const auto even_high = bf16_lanes<Form>(even, c + kLanes, even_cols);
            const auto odd_low = bf16_lanes<Form>(even + w.stride, c, odd_cols);
            const auto odd_high = bf16_lanes<Form>(even + w.stride, c + kLanes, odd_cols);
            for (std::size_t part = 0; part < Form::kParts; ++part) {
                std::uint32_t* by_row_part = by_row + part * kPanelBlock_pairs + r / 2 * kBf16PanelCols + c;
                store_pairs(by_row_part, pairs_of(even_low.part[part], odd_low.part[part]));
                store_pairs(by_row_part + kLanes, pairs_of(even_high.part[part], odd_high.part[part]));
                std::uint32_t* of_row = row_pairs[part] + r * kBlockPairs + c / 2;
                store_pairs(of_row, high_halves(even_low.part[part], even_high.part[part]));
                store_pairs(of_row + kBlockPairs, high_halves(odd_low.part[part], odd_high.part[part]));
            }
        }
    }
    if (by_col == nullptr) return;
    for (std::size_t part = 0; part < Form::kParts; ++part, by_col += kPanelBlock_pairs) {
        for (std::size_t r = 0; r < kBlockDepth; r += kLanes) {
            for (std::size_t p = 0; p < kBlockPairs; p += kLanes) {
                Vec pairs[kLanes];
                for (std::size_t i = 0; i < kLanes; ++i) {
                    pairs[i] =
                        load(reinterpret_cast<const float*>(row_pairs[part] + (r + i) * kBlockPairs + p));
                }
                transpose(pairs);
                for (std::size_t i = 0; i < kLanes; ++i)
                    store_pairs(by_col + (p + i) * kBf16PanelCols + r, bits_of(pairs[i]));
            }
        }
    }
}

template <class Form>
void pack_weights(const Bf16WeightsTask& t) {
    for (std::size_t row = 0; row < t.rows; row += kBlockDepth) {
        for (std::size_t col = 0; col < t.cols; col += kBf16PanelCols) {
            const std::size_t row_block = row / kBlockDepth;
            const std::size_t col_block = col / kBlockDepth;
            constexpr std::size_t kBlock_pairs = Form::kParts * kPanelBlock_pairs;
            std::uint32_t* by_row = t.by_row + (col_block * t.row_blocks + row_block) * kBlock_pairs;
            std::uint32_t* by_col = t.by_col == nullptr
                                        ? nullptr
                                        : t.by_col + (row_block * t.col_blocks + col_block) * kBlock_pairs;
            pack_weights_block<Form>({t.w.data + row * t.w.stride + col, t.w.stride}, t.rows - row,
                                     t.cols - col, by_row, by_col);
        }
    }
}

}  // namespace
}  // namespace lockstep
