// What a CPU reaches in registers alone, without memory: the bound that the products are measured against.
#pragma once

#include <cstddef>

namespace lockstep {

/// Runs independent chains of fused multiply-adds in registers, `rounds` steps of each chain on every thread,
/// with the instruction set in use. Returns the floating-point operations done: two for each multiply-add.
/// The scalar set does them as its kernels do, with std::fma.
std::size_t fma_burst(std::size_t rounds);

}  // namespace lockstep
