// The entries of a ZIP archive, as far as numpy writes them: stored or deflated, with ZIP64's sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lockstep {

class ZipFile {
  public:
    struct Entry {
        std::string name;
        std::uint64_t offset = 0;  ///< of its local header
        std::uint64_t packed_bytes = 0;
        std::uint64_t bytes = 0;
        std::uint32_t checksum = 0;  ///< CRC-32 of the content
        bool deflated = false;
    };

    /// Reads the directory at the archive's end. Throws DataError for what is no regular file, no archive, or
    /// has entries that reach beyond it, are encrypted or compressed in another way.
    explicit ZipFile(std::filesystem::path path);

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// What stands behind the directory. Throws DataError where that is not as long as the directory says.
    [[nodiscard]] const std::string& comment() const;

    /// Calls visit with a function that reads the entry's content piece by piece; it returns how much, less
    /// than asked only at the end. Afterwards what is left is read and the checksum compared. Throws
    /// DataError where it is damaged.
    void read(const Entry& entry,
              const std::function<void(const std::function<std::size_t(std::span<char>)>&)>& visit);

  private:
    void read_at(std::uint64_t offset, std::span<unsigned char> to);
    void read_directory();
    void add_entry(std::span<const unsigned char> record, std::span<const unsigned char> name,
                   std::span<const unsigned char> extra);
    [[noreturn]] void fail(const std::string& what) const;

    std::filesystem::path path_;
    std::ifstream file_;
    std::uint64_t size_ = 0;
    std::vector<Entry> entries_;
    std::string comment_;
    std::size_t comment_bytes_ = 0;  // as the directory has it
};

}  // namespace lockstep
