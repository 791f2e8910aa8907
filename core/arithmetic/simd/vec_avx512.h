// One register of sixteen floats, for the kernels written once in simd_*.h. Included by kernels_avx512.cpp
// alone.
#pragma once

#include <immintrin.h>

#include <cstddef>

namespace lockstep {
namespace {

using Vec = __m512;
using Ints = __m512i;
using Mask = __mmask16;

constexpr std::size_t kLanes = 16;
/// Registers that a tile of accumulators may take, next to those of b and of the broadcast value of a.
constexpr int kMaxTileRows = 14;

inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec broadcast(float value) { return _mm512_set1_ps(value); }
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }

/// Lanes [0, count); count <= kLanes.
inline Mask first_lanes(std::size_t count) { return static_cast<Mask>((1U << count) - 1U); }
/// Lanes outside the mask are +0 and their memory is not touched.
inline Vec load(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
inline void store(float* p, Vec v, Mask mask) { _mm512_mask_storeu_ps(p, mask, v); }
inline Vec only(Vec v, Mask mask) { return _mm512_maskz_mov_ps(mask, v); }

/// a · b + c, rounded once.
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec square_root(Vec v) { return _mm512_maskz_sqrt_ps(0xFFFF, v); }
/// a > b ? a : b and a < b ? a : b: the second operand where either is NaN or both are zeros.
inline Vec larger(Vec a, Vec b) { return _mm512_maskz_max_ps(0xFFFF, a, b); }
inline Vec smaller(Vec a, Vec b) { return _mm512_maskz_min_ps(0xFFFF, a, b); }
inline Vec magnitude(Vec v) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7FFFFFFF)));
}
inline Vec copy_sign(Vec size, Vec sign) {
    const __m512i sign_bit = _mm512_set1_epi32(static_cast<int>(0x80000000U));
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(sign_bit, _mm512_castps_si512(sign), _mm512_castps_si512(size), 0xCA));
}

inline Mask less(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
inline Mask equal(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline Vec select(Mask mask, Vec yes, Vec no) { return _mm512_mask_blend_ps(mask, no, yes); }
inline bool all_lanes(Mask mask) { return mask == 0xFFFF; }

inline Ints ints(int value) { return _mm512_set1_epi32(value); }
inline Ints bits_of(Vec v) { return _mm512_castps_si512(v); }
inline Vec from_bits(Ints i) { return _mm512_castsi512_ps(i); }
inline Vec to_floats(Ints i) { return _mm512_maskz_cvtepi32_ps(0xFFFF, i); }
inline Ints plus(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints minus(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
inline Ints differing(Ints a, Ints b) { return _mm512_xor_si512(a, b); }
inline Ints lane_numbers() { return _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0); }
inline Mask equal_bits(Ints a, Ints b) { return _mm512_cmpeq_epi32_mask(a, b); }
/// The halves of each lane's 64-bit product with a constant.
struct WideProduct {
    Ints low, high;
};
inline WideProduct wide_product(Ints a, unsigned factor) {
    const Ints f = _mm512_set1_epi32(static_cast<int>(factor));
    const Ints even = _mm512_maskz_mul_epu32(0xFF, a, f);
    const Ints odd = _mm512_maskz_mul_epu32(0xFF, _mm512_maskz_srli_epi64(0xFF, a, 32), f);
    return {_mm512_mask_blend_epi32(0xAAAA, even, _mm512_maskz_slli_epi64(0xFF, odd, 32)),
            _mm512_mask_blend_epi32(0xAAAA, _mm512_maskz_srli_epi64(0xFF, even, 32), odd)};
}
/// Pairs of lanes as one number of 64 bits: the product of the low halves, the high half, sum and product mod
/// 2^64.
inline Ints low_product(Ints a, Ints b) { return _mm512_maskz_mul_epu32(0xFF, a, b); }
inline Ints high_word(Ints a) { return _mm512_maskz_srli_epi64(0xFF, a, 32); }
inline Ints wide_plus(Ints a, Ints b) { return _mm512_add_epi64(a, b); }
inline Ints wide_times(Ints a, unsigned long long factor) {
    return _mm512_mullo_epi64(a, _mm512_set1_epi64(static_cast<long long>(factor)));
}
inline Ints load_ints(const void* p) { return _mm512_loadu_si512(p); }
inline void store_ints(void* p, Ints i) { _mm512_storeu_si512(p, i); }
inline Ints both(Ints a, Ints b) { return _mm512_and_si512(a, b); }
template <int kBits>
inline Ints shift_left(Ints i) {
    return _mm512_maskz_slli_epi32(0xFFFF, i, kBits);
}
template <int kBits>
inline Ints shift_right(Ints i) {
    return _mm512_maskz_srli_epi32(0xFFFF, i, kBits);
}
template <int kBits>
inline Ints shift_right_signed(Ints i) {
    return _mm512_maskz_srai_epi32(0xFFFF, i, kBits);
}

/// The high halves of the lanes of a, then of b, in order.
inline Ints high_halves(Ints a, Ints b) {
    const __m512i odd_words = _mm512_set_epi32(
        0x003F003D, 0x003B0039, 0x00370035, 0x00330031, 0x002F002D, 0x002B0029, 0x00270025, 0x00230021,
        0x001F001D, 0x001B0019, 0x00170015, 0x00130011, 0x000F000D, 0x000B0009, 0x00070005, 0x00030001);
    return _mm512_permutex2var_epi16(a, odd_words, b);
}

/// Sixteen chains, chain l in lane l.
struct SixteenChains {
    Vec lanes;
};
inline SixteenChains sixteen_zeros() { return {zero()}; }
inline void add_to_chains(SixteenChains& chains, std::size_t /*first_column*/, Vec v) { chains.lanes += v; }
/// Their sum as a balanced tree: (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1).
inline float tree_sum(SixteenChains chains) {
    Vec v = chains.lanes;
    v += _mm512_maskz_shuffle_f32x4(0xFFFF, v, v, 0x4E);
    v += _mm512_maskz_shuffle_f32x4(0xFFFF, v, v, 0xB1);
    v += _mm512_maskz_permute_ps(0xFFFF, v, 0x4E);
    v += _mm512_maskz_permute_ps(0xFFFF, v, 0xB1);
    return _mm512_cvtss_f32(v);
}

/// Lane j of rows[i] goes to lane i of rows[j].
inline void transpose(Vec (&rows)[kLanes]) {
    Vec t[kLanes];
    // 4 × 4 blocks first: pairs of rows, pairs of pairs; then the blocks themselves.
    for (std::size_t i = 0; i < kLanes; i += 4) {
        const Vec low01 = _mm512_maskz_unpacklo_ps(0xFFFF, rows[i], rows[i + 1]);
        const Vec high01 = _mm512_maskz_unpackhi_ps(0xFFFF, rows[i], rows[i + 1]);
        const Vec low23 = _mm512_maskz_unpacklo_ps(0xFFFF, rows[i + 2], rows[i + 3]);
        const Vec high23 = _mm512_maskz_unpackhi_ps(0xFFFF, rows[i + 2], rows[i + 3]);
        t[i] = _mm512_maskz_shuffle_ps(0xFFFF, low01, low23, 0x44);
        t[i + 1] = _mm512_maskz_shuffle_ps(0xFFFF, low01, low23, 0xEE);
        t[i + 2] = _mm512_maskz_shuffle_ps(0xFFFF, high01, high23, 0x44);
        t[i + 3] = _mm512_maskz_shuffle_ps(0xFFFF, high01, high23, 0xEE);
    }
    for (std::size_t j = 0; j < 4; ++j) {
        const Vec even_low = _mm512_maskz_shuffle_f32x4(0xFFFF, t[j], t[4 + j], 0x88);
        const Vec odd_low = _mm512_maskz_shuffle_f32x4(0xFFFF, t[j], t[4 + j], 0xDD);
        const Vec even_high = _mm512_maskz_shuffle_f32x4(0xFFFF, t[8 + j], t[12 + j], 0x88);
        const Vec odd_high = _mm512_maskz_shuffle_f32x4(0xFFFF, t[8 + j], t[12 + j], 0xDD);
        rows[j] = _mm512_maskz_shuffle_f32x4(0xFFFF, even_low, even_high, 0x88);
        rows[8 + j] = _mm512_maskz_shuffle_f32x4(0xFFFF, even_low, even_high, 0xDD);
        rows[4 + j] = _mm512_maskz_shuffle_f32x4(0xFFFF, odd_low, odd_high, 0x88);
        rows[12 + j] = _mm512_maskz_shuffle_f32x4(0xFFFF, odd_low, odd_high, 0xDD);
    }
}

}  // namespace
}  // namespace lockstep
