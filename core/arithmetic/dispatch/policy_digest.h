// What this program computes with on this machine, as 16 bytes: ranks, and runs that go on with each other's
// numbers, compare them.
#pragma once

#include <cstdint>

#include "core/base/digest.h"

namespace lockstep {

/// To be raised with every change of the program after which a training run has other bits, also where no
/// kernel's results change: the order in which layers are summed, what a random number is drawn from.
inline constexpr std::uint32_t kArithmeticPolicy = 1;

/// The digest of kArithmeticPolicy and of the results of a small fixed computation by the kernels in use:
/// the products in all arithmetics with their leaf trees, distances, elementary functions, activations and
/// softmax, dropout, compression, norms, and every optimizer's step. The same on every instruction set and
/// any number of threads; another one where a program, or a CPU that errs, would not keep the promise of
/// equal bits. Sets the contract's floating-point mode for itself. Cost: about 0.1 ms, more where kernels are
/// scalar.
Digest128 arithmetic_policy_digest();

}  // namespace lockstep
