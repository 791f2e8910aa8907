// The instruction sets the kernels are compiled for, and the choice among them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// kAmx: the kernels of kAvx512, but for the products in bf16, which run on AMX's tiles.
enum class InstructionSet { kScalar, kAvx2, kAvx512, kAmx };

/// "scalar", "avx2", "avx512", "amx": the spelling of LOCKSTEP_ISA.
std::string_view name(InstructionSet isa);

/// The sets this CPU and kernel can run, slowest first; always holds kScalar.
std::vector<InstructionSet> available_instruction_sets();

/// The set in use: LOCKSTEP_ISA if it is set, else the fastest available. Chosen once, at the first call.
/// Throws ConfigError if LOCKSTEP_ISA names no set, or one this CPU lacks.
InstructionSet instruction_set();

/// For tests and benchmarks: uses `isa` from now on. Requires that it is available. Not while kernels run.
void use_instruction_set(InstructionSet isa);

/// The CPU's model name as the kernel gives it, for logs.
std::string cpu_model();

}  // namespace lockstep
