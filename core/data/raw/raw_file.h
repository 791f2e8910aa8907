// A file of rows, open: its header, labels and checksums in memory, its rows read when they are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/data/raw/raw_format.h"

namespace lockstep {

class RawFile {
  public:
    /// Throws DataError for a file that is missing, no regular file, of another length than its header says,
    /// or whose tail is damaged. Cost: reads the tail, 8 to 12 bytes a row.
    explicit RawFile(std::filesystem::path path);
    ~RawFile();
    RawFile(const RawFile&) = delete;
    RawFile& operator=(const RawFile&) = delete;

    [[nodiscard]] const RawHeader& header() const { return header_; }
    [[nodiscard]] const RawLayout& layout() const { return layout_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Of all rows, by their checksums: 32 hex digits.
    [[nodiscard]] const std::string& digest() const { return digest_; }
    /// The class of a row, counted over both parts. Requires that there are classes, and one of the row.
    [[nodiscard]] std::int32_t label(std::uint64_t row) const { return labels_[row]; }

    /// Reads rows, counted over both parts, one behind the other into `into` (rows.size() · row_bytes). What
    /// lies in the page cache is read at once; the disk is asked for all the rest before any of it is waited
    /// for. Throws DataError for a row that is no longer there or has changed. Any number of threads at once.
    void read_rows(std::span<const std::uint64_t> rows, std::span<std::byte> into) const;

  private:
    void read_header();
    void read_tail();
    /// Fills `to` from that place. Throws DataError.
    void read_at(std::uint64_t offset, std::span<std::byte> to) const;
    [[nodiscard]] std::uint64_t offset_of(std::uint64_t row) const {
        return kRawHeader_bytes + row * header_.row_bytes;
    }

    std::filesystem::path path_;
    int descriptor_ = -1;
    RawHeader header_;
    RawLayout layout_;
    std::vector<std::int32_t> labels_;
    std::vector<std::uint64_t> checksums_;
    std::string digest_;
};

}  // namespace lockstep
