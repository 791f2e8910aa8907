// A decoder and a model of the tile instructions, behind a handler of SIGILL.
#include "tests/core/arithmetic/simd/tile_instructions.h"

#include <ucontext.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/arithmetic/dispatch/amx_support.h"
#include "core/base/threads.h"

namespace lockstep::test {

namespace {

constexpr std::size_t kMostRows = 16;
constexpr std::size_t kRow_bytes = 64;

struct Tile {
    std::uint32_t rows[kMostRows][kRow_bytes / 4];
};

/// The operand of LDTILECFG.
struct Configuration {
    std::uint8_t palette;
    std::uint8_t start_row;
    std::uint8_t reserved[14];
    std::uint16_t row_bytes[16];
    std::uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64);

/// A thread's tile registers: usable from LDTILECFG to TILERELEASE.
struct TileState {
    bool configured = false;
    Configuration shape{};
    Tile tiles[8]{};
};
thread_local TileState state;

/// What the CPU would answer with a fault. Async-signal-safe.
[[noreturn]] void fault(std::string_view why) {
    for (const std::string_view part : {std::string_view("tile instruction: "), why, std::string_view("\n")})
        static_cast<void>(!write(STDERR_FILENO, part.data(), part.size()));
    std::abort();
}

void must(bool condition, std::string_view why) {
    if (!condition) fault(why);
}

/// An instruction of the map 0F38 with a three-byte VEX prefix.
struct Instruction {
    unsigned prefix;  // 0 none, 1 66, 2 F3, 3 F2
    unsigned opcode;
    unsigned reg, rm, vvvv;
    bool of_memory;
    std::uint64_t address;  // base + displacement
    std::uint64_t stride;   // index * scale
    std::size_t length;
};

std::uint64_t register_value(const ucontext_t& context, unsigned number) {
    static constexpr int kSlots[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<std::uint64_t>(context.uc_mcontext.gregs[kSlots[number]]);
}

template <class T>
std::uint64_t displacement(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

/// False for what is not a tile instruction's encoding.
bool decode(const ucontext_t& context, Instruction& i) {
    const auto* code = std::bit_cast<const std::uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
    constexpr std::uint8_t kThreeByteVex = 0xC4;
    constexpr unsigned kMap0F38 = 2;
    if (code[0] != kThreeByteVex || (code[1] & 0x1F) != kMap0F38) return false;
    const bool wide_or_256 = (code[2] & 0x84) != 0;
    if (wide_or_256) return false;
    const unsigned r = (code[1] & 0x80) != 0 ? 0 : 8;
    const unsigned x = (code[1] & 0x40) != 0 ? 0 : 8;
    const unsigned b = (code[1] & 0x20) != 0 ? 0 : 8;
    i = {};
    i.vvvv = (~static_cast<unsigned>(code[2]) >> 3) & 15;
    i.prefix = code[2] & 3;
    i.opcode = code[3];
    const unsigned mod = code[4] >> 6;
    i.reg = ((code[4] >> 3) & 7) | r;
    i.rm = (code[4] & 7) | b;
    i.of_memory = mod != 3;
    std::size_t at = 5;
    if (i.of_memory) {
        const bool has_sib = (code[4] & 7) == 4;
        const std::uint8_t sib = has_sib ? code[at++] : 0;
        const unsigned base = has_sib ? (sib & 7U) | b : i.rm;
        const bool no_base = mod == 0 && (base & 7) == 5;
        if (mod == 1) {
            i.address = displacement<std::int8_t>(code + at);
            at += 1;
        } else if (mod == 2 || no_base) {
            i.address = displacement<std::int32_t>(code + at);
            at += 4;
        }
        if (!no_base) {
            i.address += register_value(context, base);
        } else if (!has_sib) {
            i.address += std::bit_cast<std::uint64_t>(code + at);  // relative to the next instruction
        }
        const unsigned index = ((sib >> 3) & 7U) | x;
        if (has_sib && index != 4) i.stride = register_value(context, index) << (sib >> 6);
    }
    i.length = at;
    return true;
}

Tile& tile(unsigned number) {
    must(state.configured, "no configuration is loaded");
    must(number < 8, "there are eight tiles");
    return state.tiles[number];
}

void load_configuration(const void* memory) {
    std::memcpy(&state.shape, memory, sizeof state.shape);
    must(state.shape.palette == 1, "only palette 1 is known");
    for (const std::uint8_t byte : state.shape.reserved) must(byte == 0, "a reserved byte is set");
    for (std::size_t t = 0; t < 16; ++t) {
        const std::size_t rows = state.shape.rows[t];
        const std::size_t bytes = state.shape.row_bytes[t];
        if (t < 8) {
            must(rows <= kMostRows && bytes <= kRow_bytes && (rows == 0) == (bytes == 0), "a tile's shape");
        } else {
            must(rows == 0 && bytes == 0, "a tile beyond the eighth has a shape");
        }
    }
    for (Tile& each : state.tiles) each = {};
    state.configured = true;
}

void load_tile(unsigned number, const char* memory, std::uint64_t stride) {
    Tile& to = tile(number);
    to = {};
    for (std::size_t r = 0; r < state.shape.rows[number]; ++r)
        std::memcpy(to.rows[r], memory + r * stride, state.shape.row_bytes[number]);
}

void store_tile(unsigned number, char* memory, std::uint64_t stride) {
    const Tile& from = tile(number);
    for (std::size_t r = 0; r < state.shape.rows[number]; ++r)
        std::memcpy(memory + r * stride, from.rows[r], state.shape.row_bytes[number]);
}

float high_half(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xFFFF0000U); }
float low_half(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }

/// TDPBF16PS: for every element the even and the odd products are summed apart, then together, then into c.
/// Denormals are zeros whatever MXCSR says.
void multiply(unsigned c, unsigned a, unsigned b) {
    must(a != b && a != c && b != c, "TDPBF16PS wants three tiles");
    const Configuration& shape = state.shape;
    Tile& into = tile(c);
    const Tile& left = tile(a);
    const Tile& right = tile(b);
    must(shape.rows[a] == shape.rows[c] && shape.row_bytes[a] == 4 * shape.rows[b] &&
             shape.row_bytes[b] == shape.row_bytes[c],
         "TDPBF16PS's shapes do not fit");
    const ContractFloatMode mode;
    for (std::size_t m = 0; m < shape.rows[c]; ++m) {
        for (std::size_t n = 0; n < shape.row_bytes[c] / 4U; ++n) {
            float even = 0.0F;
            float odd = 0.0F;
            for (std::size_t k = 0; k < shape.rows[b]; ++k) {
                even = std::fma(low_half(left.rows[m][k]), low_half(right.rows[k][n]), even);
                odd = std::fma(high_half(left.rows[m][k]), high_half(right.rows[k][n]), odd);
            }
            std::uint32_t& sum = into.rows[m][n];
            sum = std::bit_cast<std::uint32_t>(std::bit_cast<float>(sum) + (even + odd));
        }
    }
}

/// False for an instruction that is none of AMX's.
bool execute(const Instruction& i) {
    const auto memory = [&] { return std::bit_cast<char*>(i.address); };
    const auto key = [](unsigned prefix, unsigned opcode) { return prefix << 8 | opcode; };
    switch (key(i.prefix, i.opcode)) {
        case 0x049:
            if (i.of_memory) {
                load_configuration(memory());
            } else {
                state.configured = false;
            }
            return true;
        case 0x349:
            tile(i.reg) = {};
            return true;
        case 0x34B:
            load_tile(i.reg, memory(), i.stride);
            return true;
        case 0x24B:
            store_tile(i.reg, memory(), i.stride);
            return true;
        case 0x25C:
            multiply(i.reg, i.rm, i.vvvv);
            return true;
        default:
            return false;
    }
}

void on_illegal_instruction(int number, siginfo_t* /*info*/, void* opaque) {
    auto& context = *static_cast<ucontext_t*>(opaque);
    Instruction instruction;
    if (decode(context, instruction) && execute(instruction)) {
        context.uc_mcontext.gregs[REG_RIP] += static_cast<greg_t>(instruction.length);
        return;
    }
    std::signal(number, SIG_DFL);  // the same instruction again, for a core dump
}

}  // namespace

TileInstructions::TileInstructions() : emulated_(!why_no_amx().empty()) {
    if (!emulated_) return;
    struct sigaction action {};
    action.sa_sigaction = on_illegal_instruction;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
}

TileInstructions::~TileInstructions() {
    if (emulated_) sigaction(SIGILL, &before_, nullptr);
}

}  // namespace lockstep::test
