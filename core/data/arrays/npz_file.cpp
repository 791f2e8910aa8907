#include "core/data/arrays/npz_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "core/base/error.h"
#include "core/data/arrays/npy_reader.h"
#include "core/data/arrays/zip_file.h"
#include "core/data/files/input_file.h"

namespace lockstep {

namespace {

constexpr std::string_view kEnding = ".npy";

std::string without_ending(const std::string& name) {
    return name.ends_with(kEnding) ? name.substr(0, name.size() - kEnding.size()) : name;
}

class Archive final : public ArrayStore {
  public:
    explicit Archive(const std::filesystem::path& path) : zip_(path) {}

    bool has(const std::string& name) override { return find(name) != zip_.entries().end(); }
    std::vector<std::string> names() override {
        std::vector<std::string> all;
        for (const ZipFile::Entry& entry : zip_.entries()) all.push_back(without_ending(entry.name));
        return all;
    }
    Array read(const std::string& name) override {
        const auto entry = find(name);
        Array array;
        zip_.read(*entry, [&](const ReadBytes& bytes) {
            array = read_npy(bytes, fmt::format("{}: {}", zip_.path().string(), name));
        });
        return array;
    }

  private:
    [[nodiscard]] std::vector<ZipFile::Entry>::const_iterator find(const std::string& name) const {
        return std::ranges::find_if(
            zip_.entries(), [&](const ZipFile::Entry& entry) { return without_ending(entry.name) == name; });
    }

    ZipFile zip_;
};

class Folder final : public ArrayStore {
  public:
    explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

    bool has(const std::string& name) override {
        std::error_code error;
        return std::filesystem::is_regular_file(file_of(name), error);
    }
    std::vector<std::string> names() override {
        std::vector<std::string> all;
        std::error_code error;
        for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
            const std::string name = entry.path().filename().string();
            if (name.ends_with(kEnding)) all.push_back(without_ending(name));
        }
        std::ranges::sort(all);
        return all;
    }
    Array read(const std::string& name) override {
        const std::filesystem::path path = file_of(name);
        std::ifstream file(path, std::ios::binary);
        if (!file)
            throw DataError(fmt::format("{}: cannot be opened; check that you may read it", path.string()));
        remember_read(path);
        return read_npy(
            [&](std::span<char> to) {
                file.read(to.data(), static_cast<std::streamsize>(to.size()));
                return static_cast<std::size_t>(file.gcount());
            },
            path.string());
    }

  private:
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const {
        return path_ / (name.ends_with(kEnding) ? name : name + std::string(kEnding));
    }

    std::filesystem::path path_;
};

}  // namespace

std::unique_ptr<ArrayStore> open_npz(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return std::make_unique<Folder>(path);
    return std::make_unique<Archive>(path);
}

}  // namespace lockstep
