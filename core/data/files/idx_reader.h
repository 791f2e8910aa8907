// The IDX files of MNIST and its relatives.
//
//   file    := 0 0 type:u8 dimensions:u8 size:u32{dimensions} element{product of the sizes}
//   type    := 0x08 unsigned byte | 0x09 signed byte | 0x0B 16-bit | 0x0C 32-bit integer
//              | 0x0D 32-bit | 0x0E 64-bit IEEE number
//   images  := a file of two or more dimensions, of which the first is the images: MNIST has 0x00000803
//   labels  := a file of one, 0x00000801 with MNIST, or of two, whose rows begin with the label: QMNIST
// All numbers are big-endian.
// Source: LeCun, Cortes, Burges, "The MNIST database", section "File formats"; Yadav, Bottou, "Cold case: the
// lost MNIST digits" (QMNIST).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/data/stored_dataset.h"

namespace lockstep {

struct IdxImages {
    std::size_t count = 0;
    std::vector<std::size_t> shape;  ///< of an image: rows and columns, or any other
    StoredInputs pixels;             ///< (count, inputs()): bytes where all are whole numbers from 0 to 255
    bool of_bytes = false;           ///< the file's type is unsigned byte

    /// Numbers of an image.
    [[nodiscard]] std::size_t inputs() const;
};

/// "28 x 28".
std::string shape_text(const std::vector<std::size_t>& shape);

/// Reads a file, plain or gzipped. Memory follows what the file holds, not what its header promises.
/// Throws DataError: missing, damaged gzip, wrong magic, no items, fewer or more bytes than the header
/// promises, an image's number that is not finite or beyond a float, a label that is no whole number.
IdxImages read_idx_images(const std::filesystem::path& path);
std::vector<std::int64_t> read_idx_labels(const std::filesystem::path& path);

}  // namespace lockstep
