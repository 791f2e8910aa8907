// A model's parameters in the formats of other programs.
#pragma once

#include <filesystem>

#include "launcher/files/model_file.h"

namespace lockstep {

// Both formats: one float32 array a block, named as the block ("layer0.weight"), row-major; weights (inputs,
// units), biases (units).

/// safetensors: header length, JSON header padded with blanks to 8 bytes, the arrays one behind the other.
/// The metadata names layers, loss, step and digest-relevant facts as strings. Throws ConfigError where it
/// cannot be written. Source: https://github.com/huggingface/safetensors, "Format".
void write_safetensors(const std::filesystem::path& path, const Model& model);

/// NumPy's .npz: a zip archive with one stored .npy (format 1.0) for each block. Throws ConfigError where
/// it cannot be written, and where the archive would not fit the 4 GiB of a plain zip file. Sources:
/// numpy.lib.format; PKWARE, "APPNOTE.TXT", sections 4.3.7, 4.3.12 and 4.3.16.
void write_npz(const std::filesystem::path& path, const Model& model);

}  // namespace lockstep
