// A model's parameters in the formats of other programs.
#pragma once

#include <filesystem>

#include "launcher/files/model_file.h"

namespace lockstep {

// Both formats: the arrays of array_file.h, named as the blocks are ("layer0.weight"), and the text of
// metadata.h, from which open_model.h makes the same model again, bit for bit.

/// safetensors: header length, JSON header padded with blanks to 8 bytes, the arrays one behind the other.
/// Throws ConfigError where it cannot be written. Source: https://github.com/huggingface/safetensors,
/// "Format".
void write_safetensors(const std::filesystem::path& path, const Model& model);

/// NumPy's .npz: a zip archive with one stored .npy (format 1.0) for each array, and the text as the
/// archive's comment, which numpy passes over. Throws ConfigError where it cannot be written, and where the
/// archive would not fit the 4 GiB of a plain zip file. Sources: numpy.lib.format; PKWARE, "APPNOTE.TXT",
/// sections 4.3.7, 4.3.12 and 4.3.16.
void write_npz(const std::filesystem::path& path, const Model& model);

}  // namespace lockstep
