// Named arrays of float32 with a text about them: what safetensors and npz files hold of a model.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "launcher/files/model_file.h"

namespace lockstep {

using ArrayShape = std::vector<std::size_t>;

/// An array that is to be written, row-major.
struct ArrayView {
    std::string name;
    ArrayShape shape;
    std::span<const float> values;
};

/// One that was read.
struct NamedArray {
    std::string name;
    ArrayShape shape;
    std::vector<float> values;  ///< row-major, whatever the file's order
};

// NOLINTNEXTLINE(bugprone-exception-escape): what nlohmann's json checks when it is moved
struct ArrayFile {
    nlohmann::json metadata;  ///< strings by name; empty where the file has none, or it is no such object
    std::vector<NamedArray> arrays;
};

/// All arrays of a model: its blocks, weights (inputs, units) and biases (units), and, where it has a
/// preprocessing, "preprocessing.offset", "preprocessing.rotation" and "preprocessing.factor".
std::vector<ArrayView> arrays_of(const Model& model);
/// "(784, 10)".
std::string array_shape_text(const ArrayShape& shape);
/// Elements of an array of that shape. Throws std::runtime_error beyond what a file can hold.
std::size_t count_of(const ArrayShape& shape);

// Readers: of no count and no offset in a file is more believed than the file's size allows. Throw
// std::runtime_error that says what is wrong; ArrayFile::arrays stays empty where `metadata_alone`.

/// safetensors with arrays of dtype F32. Source: https://github.com/huggingface/safetensors, "Format".
ArrayFile read_safetensors(const std::filesystem::path& path, bool metadata_alone);

/// A zip archive of .npy members of '<f4', as numpy.savez and numpy.savez_compressed write it, in C or in
/// Fortran order. The text is the archive's comment. Sources: numpy.lib.format; PKWARE, "APPNOTE.TXT".
ArrayFile read_npz(const std::filesystem::path& path, bool metadata_alone);

}  // namespace lockstep
