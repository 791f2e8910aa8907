// The IDX files of MNIST and its relatives.
//
//   images  := 0x00000803 count rows columns pixel{count * rows * columns}
//   labels  := 0x00000801 count label{count}
// The numbers of the header are big-endian 32-bit words; a pixel and a label are one byte.
// Source: LeCun, Cortes, Burges, "The MNIST database", section "File formats".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace lockstep {

struct IdxImages {
    std::size_t count = 0;
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<std::uint8_t> pixels;  // (count, rows, columns)
};

/// Reads a file, plain or gzipped. Memory follows what the file holds, not what its header promises.
/// Throws DataError: missing, damaged gzip, wrong magic, no items, fewer or more bytes than the header
/// promises.
IdxImages read_idx_images(const std::filesystem::path& path);
std::vector<std::uint8_t> read_idx_labels(const std::filesystem::path& path);

}  // namespace lockstep
