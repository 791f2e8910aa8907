// JSON that somebody else may have written.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

namespace lockstep {

/// Values within values: ours have seven. What copies, compares or prints a value calls itself for each, so
/// that a file of brackets alone could take more stack than there is.
inline constexpr int kDeepestJson = 100;

/// The value of the whole text. Throws std::runtime_error that says what is wrong with it and where.
template <class Json>
Json parse_json(std::string_view text) {
    try {
        return Json::parse(text, [](int depth, typename Json::parse_event_t /*event*/, Json& /*value*/) {
            if (depth > kDeepestJson)
                throw std::runtime_error(fmt::format("more than {} values within each other", kDeepestJson));
            return true;
        });
    } catch (const typename Json::exception& error) {
        throw std::runtime_error(error.what());
    }
}

/// Whether the text is JSON that may be read.
inline bool is_json(std::string_view text) {
    try {
        parse_json<nlohmann::json>(text);
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

/// A whole number from 0 on. Json::get would make one of any number, also of 1e60, which is none. Throws
/// Json::type_error where it is anything else.
template <class Json>
std::uint64_t whole_number(const Json& json) {
    return json.template get_ref<const typename Json::number_unsigned_t&>();
}

}  // namespace lockstep
