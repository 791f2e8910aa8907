// The words for the values of an enum, stated once beside it: what a user writes, what is printed, and what
// may be chosen.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace lockstep {

/// In the order of the enum's values, which count from 0; specialised in the enum's header.
template <class Enum>
inline constexpr std::array<std::string_view, 0> names_of{};

template <class Enum>
constexpr std::string_view name_of(Enum value) {
    return names_of<Enum>[static_cast<std::size_t>(value)];
}

/// Requires one of names_of<Enum>.
template <class Enum>
constexpr Enum value_named(std::string_view name) {
    constexpr auto& kNames = names_of<Enum>;
    return static_cast<Enum>(std::ranges::find(kNames, name) - kNames.begin());
}

}  // namespace lockstep
