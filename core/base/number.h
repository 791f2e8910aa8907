// Numbers read strictly: the whole text, in range, or nothing.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace lockstep {

enum class NumberFault {
    kNone,
    kNoNumber,   ///< it spells none, or something stands before or behind it
    kTooLarge,   ///< beyond what T holds
    kNotFinite,  ///< infinity or NaN
};

template <class T>
struct NumberReading {
    T value{};
    NumberFault fault = NumberFault::kNone;
};

/// The number that `text` spells in full, with or without a leading plus. One too small for T, such as 1e-60
/// for a float, is the nearest it holds: 0.
template <class T>
NumberReading<T> read_number(std::string_view text) {
    const bool plus =
        text.size() > 1 && text[0] == '+' && (text[1] == '.' || (text[1] >= '0' && text[1] <= '9'));
    if (plus) text.remove_prefix(1);
    T value{};
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ptr != end || text.empty()) return {value, NumberFault::kNoNumber};
    if constexpr (std::is_floating_point_v<T>) {
        if (result.ec == std::errc::result_out_of_range) {
            // from_chars does not say on which side; the C library does.
            const std::string copy(text);
            value = std::is_same_v<T, float> ? static_cast<T>(std::strtof(copy.c_str(), nullptr))
                                             : static_cast<T>(std::strtod(copy.c_str(), nullptr));
            return {value, std::abs(value) < T{1} ? NumberFault::kNone : NumberFault::kTooLarge};
        }
        if (result.ec == std::errc{} && !std::isfinite(value)) return {value, NumberFault::kNotFinite};
    }
    if (result.ec == std::errc::result_out_of_range) return {value, NumberFault::kTooLarge};
    return {value, result.ec == std::errc{} ? NumberFault::kNone : NumberFault::kNoNumber};
}

/// The same, or nothing where it has a fault.
template <class T>
std::optional<T> parse_number(std::string_view text) {
    const NumberReading<T> reading = read_number<T>(text);
    if (reading.fault != NumberFault::kNone) return std::nullopt;
    return reading.value;
}

/// a · b, or 2^60 where that is less: bytes that no machine has, of which several can still be added up.
inline std::size_t saturating_product(std::size_t a, std::size_t b) {
    constexpr std::size_t kMost = std::size_t{1} << 60;
    std::size_t product = 0;
    return __builtin_mul_overflow(a, b, &product) || product > kMost ? kMost : product;
}

}  // namespace lockstep
