// A model from a file of any form that can be read: our own, safetensors, npz.
#pragma once

#include <filesystem>
#include <optional>

#include "launcher/files/model_file.h"

namespace lockstep {

enum class ModelForm { kNone, kLockstep, kSafetensors, kNpz };

/// By how the file begins. kNone where it is none of these, or cannot be read.
ModelForm form_of(const std::filesystem::path& path) noexcept;

/// What a file without metadata does not say; its number of inputs may be 0, and is then the array's.
struct ModelOutline {
    NetworkSpec network = {};
    std::string data_source = {};
    std::optional<float> input_divisor = {};
    std::size_t classes = 0;
};

/// Reads the model. `outline`: for arrays that another program has written, whose names and shapes must be
/// those of that network, with no array beside them; null where there is none. Throws CheckpointError, as
/// read_model, and where the arrays do not make the network.
Model open_model(const std::filesystem::path& path, const ModelOutline* outline = nullptr);

/// The record alone, as read_model_record; nothing where the file says nothing of its network.
std::optional<ModelRecord> open_model_record(const std::filesystem::path& path);

}  // namespace lockstep
