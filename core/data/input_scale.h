// What the inputs of files are divided by: data.scale.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/data/stored_dataset.h"

namespace lockstep {

/// data.scale: what the inputs are divided by, or a rule that finds it.
struct InputScale {
    bool automatic = true;
    float divisor = 1.0F;  ///< unless automatic; 1: the inputs stay as they are
    bool operator==(const InputScale&) const = default;
};

/// Reads "auto", "none" and a number above 0, as in 255. Nothing where it is none of that.
std::optional<InputScale> parse_input_scale(std::string_view text);

/// The inverse: "auto", "none", "255".
std::string to_string(const InputScale& scale);

/// The divisor of a training set's inputs, and so of every other set that its network sees. The automatic
/// rule: 255 where all inputs are bytes, that is, whole numbers from 0 to 255, and one is above 1; else 1.
/// `pixels`: they were stored as bytes by a format for images, so that 0 and 1 are shades of grey as well.
float input_divisor(const InputScale& scale, const StoredInputs& training, bool pixels = false);

/// A warning where nearly all inputs are bytes and the automatic rule leaves them as they are because of the
/// others, which may be mistakes; else "".
std::string scale_remark(const InputScale& scale, const StoredInputs& training);

/// Inputs as a set with that divisor holds them: bytes where they are divided, floats where they are not.
StoredInputs stored_form(StoredInputs inputs, float divisor);

/// "divided by 255" or "as they are".
std::string divisor_text(float divisor);

}  // namespace lockstep
