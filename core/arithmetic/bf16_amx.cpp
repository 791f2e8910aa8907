// The products in bf16 on AMX's tiles. Nothing here may be run before why_no_amx() said nothing: see
// amx_support.h.
#include "core/arithmetic/bf16_kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd_vec_avx512.h"
#include "core/arithmetic/simd_bf16_pack.h"
#include "core/arithmetic/bf16_blocked.h"
#include "core/arithmetic/bf16_gradient.h"
#include "core/arithmetic/amx_engine.h"
// clang-format on

namespace lockstep {

namespace {

/// The instructions. Not the compilers' intrinsics: those of g++ 12 are macros that take literal numbers
/// alone, and do not say that a tile's load reads memory, so that the stores before it may come too late.
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

}  // namespace

Bf16Kernels amx_bf16_kernels() {
    return {pack_weights, blocked_product<AmxEngine<AmxTiles>>, blocked_gradient<AmxEngine<AmxTiles>>};
}

}  // namespace lockstep
