// What the products of the dense layers are computed in.
#pragma once

#include <cstdint>

namespace lockstep {

/// kFp32: gemm.h. kBf16: operands rounded to bf16, sums in fp32, bf16_gemm.h. Everything else is fp32 in
/// both.
enum class Arithmetic : std::uint8_t { kFp32, kBf16 };

}  // namespace lockstep
