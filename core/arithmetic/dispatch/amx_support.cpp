#include "core/arithmetic/dispatch/amx_support.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lockstep {

namespace {

/// Where XCR0 has bits for AMX, the kernel knows the tiles; a process must ask for them all the same.
bool kernel_saves_tiles() {
    constexpr unsigned kOsxsave = 1U << 27;
    constexpr unsigned kTileConfigAndData = 3U << 17;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kOsxsave) == 0) return false;
    unsigned high = 0;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(high) : "c"(0));
    return (eax & kTileConfigAndData) == kTileConfigAndData;
}

std::string find_reason() {
    constexpr unsigned kAmxBf16 = 1U << 22;
    constexpr unsigned kAmxTile = 1U << 24;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (edx & kAmxTile) == 0)
        return "the CPU lacks AMX-TILE";
    if ((edx & kAmxBf16) == 0) return "the CPU lacks AMX-BF16";
    if (!kernel_saves_tiles()) return "the kernel does not save the tile registers (XCR0)";
    // Linux, Documentation/arch/x86/xstate.rst: a process asks once, for all its threads.
    constexpr long kArchReqXcompPerm = 0x1023;
    constexpr long kXfeatureTileData = 18;
    if (syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) != 0) {
        return "the kernel refuses the tile registers (arch_prctl: " + std::string(std::strerror(errno)) +
               ")";
    }
    return "";
}

}  // namespace

const std::string& why_no_amx() {
    static const std::string reason = find_reason();
    return reason;
}

}  // namespace lockstep
