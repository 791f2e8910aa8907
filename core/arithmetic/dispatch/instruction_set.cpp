// Finds what the CPU and the kernel can run, and keeps the choice and its table of kernels.
#include "core/arithmetic/dispatch/instruction_set.h"

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/arithmetic/dispatch/amx_support.h"
#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/error.h"

namespace lockstep {

namespace {

constexpr std::array kAll = {InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512,
                             InstructionSet::kAmx};

struct CpuidLeaf {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidLeaf cpuid(unsigned leaf) {
    CpuidLeaf r;
    if (__get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
    return r;
}

/// Which register files the kernel saves on a context switch (XCR0); 0 where it uses no XSAVE.
unsigned saved_register_files() {
    constexpr unsigned kOsxsave = 1U << 27;
    if ((cpuid(1).ecx & kOsxsave) == 0) return 0;
    unsigned eax = 0;
    unsigned edx = 0;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

constexpr bool has_all(unsigned value, unsigned bits) { return (value & bits) == bits; }

// Asked by feature bits, never by model: a hypervisor may hide features or the model.
bool runs_avx2() {
    constexpr unsigned kXmmYmm = 0x6;
    constexpr unsigned kFma = 1U << 12;
    constexpr unsigned kAvx = 1U << 28;
    constexpr unsigned kAvx2 = 1U << 5;
    return has_all(saved_register_files(), kXmmYmm) && has_all(cpuid(1).ecx, kFma | kAvx) &&
           has_all(cpuid(7).ebx, kAvx2);
}

bool runs_avx512() {
    constexpr unsigned kXmmYmmZmmMasks = 0xE6;
    constexpr unsigned kF = 1U << 16;
    constexpr unsigned kDq = 1U << 17;
    constexpr unsigned kBw = 1U << 30;
    constexpr unsigned kVl = 1U << 31;
    return runs_avx2() && has_all(saved_register_files(), kXmmYmmZmmMasks) &&
           has_all(cpuid(7).ebx, kF | kDq | kBw | kVl);
}

bool available(InstructionSet isa) {
    switch (isa) {
        case InstructionSet::kScalar:
            return true;
        case InstructionSet::kAvx2:
            return runs_avx2();
        case InstructionSet::kAvx512:
            return runs_avx512();
        case InstructionSet::kAmx:
            return runs_avx512() && why_no_amx().empty();
    }
    return false;
}

std::string listed(const std::vector<InstructionSet>& sets) {
    std::string text;
    for (const InstructionSet isa : sets) {
        if (!text.empty()) text += ", ";
        text += name(isa);
    }
    return text;
}

/// What LOCKSTEP_ISA asks for; empty means that the choice is free, as with other variables of this kind.
InstructionSet wanted_instruction_set() {
    const std::vector<InstructionSet> sets = available_instruction_sets();
    const char* wanted = std::getenv("LOCKSTEP_ISA");
    if (wanted == nullptr || *wanted == '\0') return sets.back();
    const auto* found =
        std::find_if(kAll.begin(), kAll.end(), [&](InstructionSet isa) { return name(isa) == wanted; });
    if (found == kAll.end()) {
        throw ConfigError("LOCKSTEP_ISA=" + std::string(wanted) +
                          " names no instruction set; this CPU runs " + listed(sets) +
                          ". Set one of them, or unset the variable to use the fastest.");
    }
    if (std::find(sets.begin(), sets.end(), *found) == sets.end()) {
        throw ConfigError("LOCKSTEP_ISA=" + std::string(wanted) + ": this CPU (" + cpu_model() +
                          ") or its kernel cannot run it, only " + listed(sets) +
                          ". Set one of them, or unset the variable to use the fastest.");
    }
    return *found;
}

struct Choice {
    InstructionSet isa = InstructionSet::kScalar;
    Kernels table{};
    Bf16Kernels rounded{};
    Bf16Kernels split{};
};

Bf16Kernels bf16_kernels_of(InstructionSet isa, Bf16Form form) {
    switch (isa) {
        case InstructionSet::kScalar:
            return scalar_bf16_kernels(form);
        case InstructionSet::kAvx2:
            return avx2_bf16_kernels(form);
        case InstructionSet::kAvx512:
            return avx512_bf16_kernels(form);
        case InstructionSet::kAmx:
            return amx_bf16_kernels(form);
    }
    return {};
}

Choice make_choice(InstructionSet isa) {
    Choice choice;
    choice.isa = isa;
    fill_scalar_gemm(choice.table);
    fill_scalar_distance(choice.table);
    fill_scalar_elementwise(choice.table);
    fill_scalar_steps(choice.table);
    fill_scalar_regularisation(choice.table);
    fill_scalar_digest(choice.table);
    fill_scalar_peak(choice.table);
    if (isa == InstructionSet::kAvx2) fill_avx2(choice.table);
    if (isa >= InstructionSet::kAvx512) fill_avx512(choice.table);
    choice.rounded = bf16_kernels_of(isa, Bf16Form::kRounded);
    choice.split = bf16_kernels_of(isa, Bf16Form::kSplit);
    return choice;
}

/// The choice in use. Throws, and will be asked again, where LOCKSTEP_ISA is wrong.
Choice& current() {
    static Choice choice = make_choice(wanted_instruction_set());
    return choice;
}

}  // namespace

std::string_view name(InstructionSet isa) {
    switch (isa) {
        case InstructionSet::kScalar:
            return "scalar";
        case InstructionSet::kAvx2:
            return "avx2";
        case InstructionSet::kAvx512:
            return "avx512";
        case InstructionSet::kAmx:
            return "amx";
    }
    return "unknown";
}

std::vector<InstructionSet> available_instruction_sets() {
    std::vector<InstructionSet> sets;
    std::copy_if(kAll.begin(), kAll.end(), std::back_inserter(sets), available);
    return sets;
}

InstructionSet instruction_set() { return current().isa; }

void use_instruction_set(InstructionSet isa) {
    if (!available(isa)) {
        throw ConfigError("instruction set " + std::string(name(isa)) + ": this CPU cannot run it, only " +
                          listed(available_instruction_sets()) + ".");
    }
    current() = make_choice(isa);
}

std::string cpu_model() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);) {
        if (!line.starts_with("model name")) continue;
        const std::size_t colon = line.find(": ");
        if (colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown";
}

const Kernels& kernels() { return current().table; }
const Bf16Kernels& bf16_kernels(Bf16Form form) {
    return form == Bf16Form::kSplit ? current().split : current().rounded;
}

}  // namespace lockstep
