#include "core/data/input_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/number.h"

namespace lockstep {

std::optional<InputScale> parse_input_scale(std::string_view text) {
    if (text == "auto") return InputScale{};
    if (text == "none") return InputScale{.automatic = false};
    const auto divisor = parse_number<float>(text);
    if (!divisor || *divisor < 1e-30F) return std::nullopt;
    return InputScale{.automatic = false, .divisor = *divisor};
}

std::string to_string(const InputScale& scale) {
    if (scale.automatic) return "auto";
    return scale.divisor == 1.0F ? "none" : fmt::format("{}", scale.divisor);
}

float input_divisor(const InputScale& scale, const StoredInputs& training, bool pixels) {
    constexpr float kWhite = 255.0F;
    if (!scale.automatic) return scale.divisor;
    const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&training);
    if (bytes == nullptr) return 1.0F;
    const bool grey = pixels || std::ranges::any_of(*bytes, [](std::uint8_t byte) { return byte > 1; });
    return grey ? kWhite : 1.0F;
}

std::string scale_remark(const InputScale& scale, const StoredInputs& training) {
    const auto* values = std::get_if<std::vector<float>>(&training);
    if (!scale.automatic || values == nullptr) return "";
    const auto others = static_cast<std::size_t>(
        std::ranges::count_if(*values, [](float v) { return v < 0.0F || v > 255.0F || v != std::floor(v); }));
    const bool grey = std::ranges::any_of(*values, [](float v) { return v > 1.0F; });
    constexpr std::size_t kFew = 100;  // one of so many
    if (!grey || others > values->size() / kFew) return "";
    return fmt::format(
        "of {} training inputs all but {} are bytes, whole numbers from 0 to 255, but because of {} none is "
        "divided "
        "by 255; correct {}, or set data.scale = 255 or none",
        values->size(), others, others == 1 ? "it" : "these", others == 1 ? "it" : "them");
}

StoredInputs stored_form(StoredInputs inputs, float divisor) {
    const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&inputs);
    if (bytes == nullptr || divisor != 1.0F) return inputs;
    return std::vector<float>(bytes->begin(), bytes->end());
}

std::string divisor_text(float divisor) {
    return divisor == 1.0F ? "as they are" : fmt::format("divided by {}", divisor);
}

}  // namespace lockstep
