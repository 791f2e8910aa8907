// Sizes divided and cut.
//
// The files compiled for a wider instruction set include this header: nothing of it is ever emitted as a
// function of its own (see arithmetic/dispatch/kernels.h), and so each is always inlined.
#pragma once

#include <cstddef>

namespace lockstep {

/// What std::min and std::max are, which those files may not call.
[[gnu::always_inline]] constexpr std::size_t smaller_of(std::size_t a, std::size_t b) {
    return a < b ? a : b;
}
[[gnu::always_inline]] constexpr std::size_t larger_of(std::size_t a, std::size_t b) { return a > b ? a : b; }

/// Fewest parts of `size` things that hold `count`. Requires size > 0.
[[gnu::always_inline]] constexpr std::size_t ceil_divide(std::size_t count, std::size_t size) {
    return (count + size - 1) / size;
}

/// The least multiple of `unit` that is not below `count`. Requires unit > 0.
[[gnu::always_inline]] constexpr std::size_t round_up(std::size_t count, std::size_t unit) {
    return ceil_divide(count, unit) * unit;
}

/// A run of things: [begin, begin + size).
struct Piece {
    std::size_t begin, size;
};

/// Piece `index` of `count` things cut into `parts` that differ by at most one, the longer first: no thin
/// remainder. Requires index < parts.
[[gnu::always_inline]] constexpr Piece balanced_piece(std::size_t count, std::size_t parts,
                                                      std::size_t index) {
    // Base and remainder rather than count * index / parts, which could overflow.
    const std::size_t base = count / parts;
    const std::size_t longer = count % parts;
    return {index * base + smaller_of(index, longer), base + (index < longer ? 1 : 0)};
}

}  // namespace lockstep
