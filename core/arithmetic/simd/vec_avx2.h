// One register of eight floats, for the kernels written once in simd_*.h. Included by kernels_avx2.cpp alone.
#pragma once

#include <immintrin.h>

#include <cstddef>

namespace lockstep {
namespace {

using Vec = __m256;
using Ints = __m256i;
using Mask = __m256i;

constexpr std::size_t kLanes = 8;
/// Registers that a tile of accumulators may take, next to those of b and of the broadcast value of a.
constexpr int kMaxTileRows = 6;

inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec broadcast(float value) { return _mm256_set1_ps(value); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }

/// Lanes [0, count); count <= kLanes.
inline Mask first_lanes(std::size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
/// Lanes outside the mask are +0 and their memory is not touched.
inline Vec load(const float* p, Mask mask) { return _mm256_maskload_ps(p, mask); }
inline void store(float* p, Vec v, Mask mask) { _mm256_maskstore_ps(p, mask, v); }
inline Vec only(Vec v, Mask mask) { return _mm256_and_ps(v, _mm256_castsi256_ps(mask)); }

/// a · b + c, rounded once.
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec square_root(Vec v) { return _mm256_sqrt_ps(v); }
/// a > b ? a : b and a < b ? a : b: the second operand where either is NaN or both are zeros.
inline Vec larger(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec smaller(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Vec magnitude(Vec v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v); }
inline Vec copy_sign(Vec size, Vec sign) {
    return _mm256_or_ps(magnitude(size), _mm256_and_ps(_mm256_set1_ps(-0.0F), sign));
}

inline Mask less(Vec a, Vec b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
inline Mask equal(Vec a, Vec b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)); }
inline Vec select(Mask mask, Vec yes, Vec no) { return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(mask)); }
inline bool all_lanes(Mask mask) { return _mm256_movemask_ps(_mm256_castsi256_ps(mask)) == 0xFF; }

inline Ints ints(int value) { return _mm256_set1_epi32(value); }
inline Ints bits_of(Vec v) { return _mm256_castps_si256(v); }
inline Vec from_bits(Ints i) { return _mm256_castsi256_ps(i); }
inline Vec to_floats(Ints i) { return _mm256_cvtepi32_ps(i); }
inline Ints plus(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints minus(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
inline Ints differing(Ints a, Ints b) { return _mm256_xor_si256(a, b); }
inline Ints lane_numbers() { return _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0); }
inline Mask equal_bits(Ints a, Ints b) { return _mm256_cmpeq_epi32(a, b); }
/// The halves of each lane's 64-bit product with a constant.
struct WideProduct {
    Ints low, high;
};
inline WideProduct wide_product(Ints a, unsigned factor) {
    const Ints f = _mm256_set1_epi32(static_cast<int>(factor));
    const Ints even = _mm256_mul_epu32(a, f);
    const Ints odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), f);
    return {_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA),
            _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)};
}
/// Pairs of lanes as one number of 64 bits: the product of the low halves, the high half, sum and product mod
/// 2^64.
inline Ints low_product(Ints a, Ints b) { return _mm256_mul_epu32(a, b); }
inline Ints high_word(Ints a) { return _mm256_srli_epi64(a, 32); }
inline Ints wide_plus(Ints a, Ints b) { return _mm256_add_epi64(a, b); }
inline Ints wide_times(Ints a, unsigned long long factor) {
    const Ints f = _mm256_set1_epi64x(static_cast<long long>(factor));
    const Ints crossed = wide_plus(low_product(high_word(a), f), low_product(a, high_word(f)));
    return wide_plus(low_product(a, f), _mm256_slli_epi64(crossed, 32));
}
inline Ints load_ints(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store_ints(void* p, Ints i) { _mm256_storeu_si256(static_cast<__m256i*>(p), i); }
inline Ints both(Ints a, Ints b) { return _mm256_and_si256(a, b); }
template <int kBits>
inline Ints shift_left(Ints i) {
    return _mm256_slli_epi32(i, kBits);
}
template <int kBits>
inline Ints shift_right(Ints i) {
    return _mm256_srli_epi32(i, kBits);
}
template <int kBits>
inline Ints shift_right_signed(Ints i) {
    return _mm256_srai_epi32(i, kBits);
}

/// The high halves of the lanes of a, then of b, in order.
inline Ints high_halves(Ints a, Ints b) {
    const __m256i by_128_bits = _mm256_packus_epi32(_mm256_srli_epi32(a, 16), _mm256_srli_epi32(b, 16));
    return _mm256_permute4x64_epi64(by_128_bits, 0xD8);
}

/// Sixteen chains, chain l in lane l of `low` or lane l - 8 of `high`.
struct SixteenChains {
    Vec low, high;
};
inline SixteenChains sixteen_zeros() { return {zero(), zero()}; }
/// Adds columns [first_column, first_column + kLanes) to their chains. Requires a multiple of kLanes.
inline void add_to_chains(SixteenChains& chains, std::size_t first_column, Vec v) {
    if (first_column % 16 == 0) {
        chains.low += v;
    } else {
        chains.high += v;
    }
}
/// Their sum as a balanced tree: (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1).
inline float tree_sum(SixteenChains chains) {
    Vec v = chains.low + chains.high;
    v += _mm256_permute2f128_ps(v, v, 0x01);
    v += _mm256_permute_ps(v, 0x4E);
    v += _mm256_permute_ps(v, 0xB1);
    return _mm256_cvtss_f32(v);
}

/// Lane j of rows[i] goes to lane i of rows[j].
inline void transpose(Vec (&rows)[kLanes]) {
    Vec t[kLanes];
    // 4 × 4 blocks first: pairs of rows, pairs of pairs; then the blocks themselves.
    for (std::size_t i = 0; i < kLanes; i += 4) {
        const Vec low01 = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        const Vec high01 = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
        const Vec low23 = _mm256_unpacklo_ps(rows[i + 2], rows[i + 3]);
        const Vec high23 = _mm256_unpackhi_ps(rows[i + 2], rows[i + 3]);
        t[i] = _mm256_shuffle_ps(low01, low23, 0x44);
        t[i + 1] = _mm256_shuffle_ps(low01, low23, 0xEE);
        t[i + 2] = _mm256_shuffle_ps(high01, high23, 0x44);
        t[i + 3] = _mm256_shuffle_ps(high01, high23, 0xEE);
    }
    for (std::size_t j = 0; j < 4; ++j) {
        rows[j] = _mm256_permute2f128_ps(t[j], t[4 + j], 0x20);
        rows[4 + j] = _mm256_permute2f128_ps(t[j], t[4 + j], 0x31);
    }
}

}  // namespace
}  // namespace lockstep
