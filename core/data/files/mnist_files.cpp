#include "core/data/files/mnist_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/data/joined.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kNames{"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                                 "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

struct Found {
    fs::path path;
    int rank = std::numeric_limits<int>::max();  // the lowest of a role's files is taken
};

/// The files of one set, in the order of kNames.
struct Family {
    std::array<Found, 4> files;

    /// The first role without a file; 4: it is whole.
    [[nodiscard]] std::size_t first_missing() const {
        std::size_t role = 0;
        while (role < files.size() && !files[role].path.empty()) ++role;
        return role;
    }
    void offer(std::size_t role, fs::path path, int rank) {
        if (rank < files[role].rank) files[role] = {std::move(path), rank};
    }
};

using Families = std::map<std::string, Family>;  // by prefix

/// Takes the first of `endings` that `text` ends with off it, and returns it; "" where there is none.
std::string_view take_ending(std::string_view& text, std::initializer_list<std::string_view> endings) {
    for (const std::string_view ending : endings) {
        if (!text.ends_with(ending)) continue;
        text.remove_suffix(ending.size());
        return ending;
    }
    return {};
}

/// A file's name: prefix, part, "-images" or "-labels", "-idx3-ubyte" or its like, ".gz".
struct FileName {
    std::string_view prefix;
    std::string_view part;  ///< "train", "t10k" or "test"
    std::string_view kind;
    bool dotted = false;  ///< ".idx3-ubyte"
    bool packed = false;

    /// None where it is no such name. `name` must outlive the result.
    static std::optional<FileName> parse(std::string_view name) {
        FileName read;
        read.packed = !take_ending(name, {".gz"}).empty();
        if (take_ending(name, {"-ubyte", "-byte", "-short", "-int", "-float", "-double"}).empty()) return {};
        if (name.empty() || name.back() < '0' || name.back() > '9') return {};
        name.remove_suffix(1);
        const std::string_view idx = take_ending(name, {"-idx", ".idx"});
        read.kind = take_ending(name, {"-images", "-labels"});
        read.part = take_ending(name, {"train", "t10k", "test"});
        if (idx.empty() || read.kind.empty() || read.part.empty()) return {};
        if (!name.empty() && std::string_view("-_.").find(name.back()) == std::string_view::npos) return {};
        read.dotted = idx.front() == '.';
        read.prefix = name;
        return read;
    }
};

void add(Families& families, const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    const auto read = FileName::parse(name);
    if (!read) return;
    const std::size_t role = (read->part == "train" ? 0 : 2) + (read->kind == "-images" ? 0 : 1);
    int rank = (read->packed ? 1 : 0) + (read->dotted ? 2 : 0) + (read->part == "test" ? 4 : 0);
    std::error_code ignored;
    fs::path path = entry.path();
    if (fs::is_directory(path, ignored)) {
        path /= name;
        rank += 8;
    }
    if (!fs::exists(path, ignored) || fs::is_directory(path, ignored)) return;
    families[std::string(read->prefix)].offer(role, std::move(path), rank);
}

/// The sets in one folder, also those of which files are missing.
Families families_in(const fs::path& dir) {
    std::error_code error;
    fs::directory_iterator entries(dir, error);
    if (error) {
        throw DataError(
            fmt::format("{}: cannot be searched: {}; set data.dir to the folder of the four IDX files",
                        dir.string(), error.message()));
    }
    Families families;
    for (const fs::directory_iterator end; !error && entries != end; entries.increment(error))
        add(families, *entries);
    return families;
}

/// The folders raw of dir and of the folders in it that hold any set.
std::vector<fs::path> raw_folders(const fs::path& dir) {
    std::vector<fs::path> folders;
    std::error_code ignored;
    const auto consider = [&](const fs::path& folder) {
        if (fs::is_directory(folder, ignored) && !families_in(folder).empty()) folders.push_back(folder);
    };
    consider(dir / "raw");
    std::error_code error;
    fs::directory_iterator entries(dir, error);
    for (const fs::directory_iterator end; !error && entries != end; entries.increment(error))
        if (entries->is_directory(ignored)) consider(entries->path() / "raw");
    std::ranges::sort(folders);
    return folders;
}

[[noreturn]] void refuse_missing(const fs::path& dir, const std::string& prefix, std::size_t role) {
    const std::string name = prefix + std::string(kNames[role]);
    throw DataError(
        fmt::format("{}: holds neither {} nor {}.gz; set data.dir to the folder of the four MNIST files",
                    dir.string(), name, name));
}

/// Prefixes as they are shown; MNIST's own is none.
std::string names_of(const std::vector<std::string>& prefixes) {
    std::vector<std::string> shown;
    for (const std::string& prefix : prefixes) shown.push_back(prefix.empty() ? "(none)" : prefix);
    return joined(std::span<const std::string>(shown));
}

MnistFiles chosen(const fs::path& dir, const Families& families, const std::string& wanted) {
    std::vector<std::string> whole;
    for (const auto& [prefix, family] : families) {
        if (family.first_missing() == kNames.size()) whole.push_back(prefix);
    }
    std::string prefix = wanted;
    const bool own = std::ranges::find(whole, "") != whole.end();
    if (wanted.empty() && !own && !whole.empty()) {
        if (whole.size() > 1) {
            throw DataError(
                fmt::format("{}: holds the files of several sets, whose names begin with {}; set data.prefix "
                            "to one of these",
                            dir.string(), names_of(whole)));
        }
        prefix = whole.front();
    } else if (wanted.empty() && !families.empty() && !families.contains("")) {
        prefix = families.begin()->first;
    }
    const auto found = families.find(prefix);
    if (!wanted.empty() && found == families.end()) {
        throw DataError(fmt::format("{}: holds no file whose name begins with data.prefix = {}{}",
                                    dir.string(), wanted,
                                    whole.empty() ? "" : "; there are " + names_of(whole)));
    }
    const Family family = found == families.end() ? Family{} : found->second;
    if (const std::size_t role = family.first_missing(); role < kNames.size())
        refuse_missing(dir, prefix, role);
    std::erase(whole, prefix);
    return {family.files[0].path, family.files[1].path, family.files[2].path, family.files[3].path, prefix,
            names_of(whole)};
}

}  // namespace

MnistFiles find_mnist_files(const fs::path& dir, const std::string& prefix) {
    const Families families = families_in(dir);
    if (!families.empty()) return chosen(dir, families, prefix);
    const std::vector<fs::path> folders = raw_folders(dir);
    if (folders.empty()) return chosen(dir, families, prefix);
    if (folders.size() > 1) {
        std::vector<std::string> names;
        for (const fs::path& folder : folders) names.push_back(folder.string());
        throw DataError(fmt::format("{}: holds several sets, in {}; set data.dir to one of these",
                                    dir.string(), joined(std::span<const std::string>(names))));
    }
    return chosen(folders.front(), families_in(folders.front()), prefix);
}

}  // namespace lockstep
