// What the products of the dense layers are computed in.
#pragma once

#include <cstdint>

#include "core/base/names.h"

namespace lockstep {

/// kFp32: gemm.h. kBf16: operands rounded to bf16, sums in fp32; kFp32Amx: operands split into three bf16, as
/// accurate as fp32; both in bf16_gemm.h. Everything else is fp32 in all of them.
enum class Arithmetic : std::uint8_t { kFp32, kBf16, kFp32Amx };
template <>
inline constexpr std::array<std::string_view, 3> names_of<Arithmetic>{"fp32", "bf16", "fp32_amx"};

/// Whether the products read packed copies of the weights.
constexpr bool packs_weights(Arithmetic arithmetic) { return arithmetic != Arithmetic::kFp32; }

}  // namespace lockstep
