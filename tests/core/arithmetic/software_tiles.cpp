// A model of AMX's tile registers, written from the instructions' pseudocode in Intel's manual. Compiled for
// AVX-512, as the engine around it is: to be run only where the CPU has it.
#include "tests/core/arithmetic/software_tiles.h"

// clang-format off
#include "core/arithmetic/simd_vec_avx512.h"
#include "core/arithmetic/simd_bf16_pack.h"
#include "core/arithmetic/bf16_blocked.h"
#include "core/arithmetic/bf16_gradient.h"
#include "core/arithmetic/amx_engine.h"
// clang-format on

namespace lockstep::test {

namespace {

struct Tile {
    std::uint32_t rows[16][16];
};

float as_float(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

thread_local Tile tiles[8];
/// Tiles are used between configure and release alone: anything else faults on the CPU.
thread_local bool configured = false;

Tile& tile(int number) {
    if (!configured) __builtin_trap();
    return tiles[number];
}

struct SoftwareTiles {
    static void configure() {
        for (Tile& each : tiles) each = {};
        configured = true;
    }
    static void release() { configured = false; }

    template <int kTile>
    static void zero() {
        tile(kTile) = {};
    }
    template <int kTile>
    static void load(const void* memory, std::size_t stride_bytes) {
        for (std::size_t r = 0; r < 16; ++r)
            __builtin_memcpy(tile(kTile).rows[r], static_cast<const char*>(memory) + r * stride_bytes, 64);
    }
    template <int kTile>
    static void store(void* memory, std::size_t stride_bytes) {
        for (std::size_t r = 0; r < 16; ++r)
            __builtin_memcpy(static_cast<char*>(memory) + r * stride_bytes, tile(kTile).rows[r], 64);
    }
    /// TDPBF16PS: for every element the even and the odd products are summed apart, then together, then into
    /// c.
    template <int kC, int kA, int kB>
    static void multiply() {
        for (std::size_t m = 0; m < 16; ++m) {
            for (std::size_t n = 0; n < 16; ++n) {
                float even = 0.0F;
                float odd = 0.0F;
                for (std::size_t k = 0; k < 16; ++k) {
                    const std::uint32_t a = tile(kA).rows[m][k];
                    const std::uint32_t b = tile(kB).rows[k][n];
                    even = __builtin_fmaf(as_float(a << 16), as_float(b << 16), even);
                    odd = __builtin_fmaf(as_float(a & 0xFFFF0000U), as_float(b & 0xFFFF0000U), odd);
                }
                std::uint32_t& c = tile(kC).rows[m][n];
                c = __builtin_bit_cast(std::uint32_t, as_float(c) + (even + odd));
            }
        }
    }
};

}  // namespace

Bf16Kernels software_tile_kernels() {
    return {pack_weights, blocked_product<AmxEngine<SoftwareTiles>>,
            blocked_gradient<AmxEngine<SoftwareTiles>>};
}

}  // namespace lockstep::test
