#include "launcher/recovery/checkpoint_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <system_error>

#include "core/base/error.h"
#include "core/base/number.h"
#include "launcher/files/atomic_file.h"
#include "launcher/recovery/checkpoint_file.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "step-";
constexpr std::string_view kUnfinished = ".step-";
constexpr std::string_view kLatest = "latest";

[[noreturn]] void fail(const fs::path& path, const std::string& action, const std::string& reason) {
    throw CheckpointError(
        fmt::format("cannot {} {}: {}; check the folder, its permissions and the free space", action,
                    path.string(), reason));
}

void check(const std::error_code& error, const fs::path& path, const std::string& action) {
    if (error) fail(path, action, error.message());
}

}  // namespace

fs::path CheckpointFolder::of(std::size_t step) const { return path_ / fmt::format("{}{:09}", kName, step); }

fs::path CheckpointFolder::unfinished(std::size_t step) const {
    return path_ / fmt::format("{}{:09}", kUnfinished, step);
}

std::vector<std::size_t> CheckpointFolder::steps() const {
    std::vector<std::size_t> steps;
    std::error_code error;
    if (!fs::exists(path_, error)) return steps;
    for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(kName)) continue;
        const auto step = parse_number<std::size_t>(std::string_view(name).substr(kName.size()));
        if (step && of(*step).filename() == name) steps.push_back(*step);
    }
    check(error, path_, "read");
    std::ranges::sort(steps, std::greater());
    return steps;
}

fs::path CheckpointFolder::begin(std::size_t step) const {
    fs::path folder = unfinished(step);
    std::error_code error;
    fs::remove_all(folder, error);
    check(error, folder, "remove");
    fs::create_directories(folder, error);
    check(error, folder, "make");
    return folder;
}

void CheckpointFolder::publish(std::size_t step) const {
    const fs::path folder = of(step);
    std::error_code error;
    // One of the same step, as a damaged one that the run has gone on before.
    fs::remove_all(folder, error);
    check(error, folder, "replace");
    fs::rename(unfinished(step), folder, error);
    check(error, folder, "make");
    const fs::path link = path_ / fmt::format(".{}", kLatest);
    fs::remove(link, error);
    fs::create_directory_symlink(folder.filename(), link, error);
    // A file system without links has the names alone, which is enough to find the newest.
    if (!error) fs::rename(link, path_ / kLatest, error);
    if (!sync_folder(path_)) fail(path_, "sync", std::strerror(errno));
}

void CheckpointFolder::prune(std::size_t newest, std::size_t step) const {
    std::vector<std::size_t> all = steps();
    std::erase_if(all, [&](std::size_t other) { return other > step; });
    std::optional<double> lowest;
    std::size_t best = 0;
    // Of equal ones the oldest, which training.keep = best would choose.
    for (const std::size_t step : all) {
        try {
            const std::optional<double> error = read_manifest(of(step)).error;
            if (!error || (lowest && *error > *lowest)) continue;
            lowest = error;
            best = step;
        } catch (const CheckpointError&) {
            continue;  // a damaged one is no best one
        }
    }
    for (std::size_t i = newest; i < all.size(); ++i) {
        if (lowest && all[i] == best) continue;
        // Under another name first, so that a half removed one is never taken for a checkpoint.
        std::error_code error;
        fs::rename(of(all[i]), unfinished(all[i]), error);
        check(error, of(all[i]), "remove");
        fs::remove_all(unfinished(all[i]), error);
        check(error, unfinished(all[i]), "remove");
    }
}

void CheckpointFolder::remove_unfinished() const {
    std::error_code error;
    std::vector<fs::path> left;
    for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().filename().string().starts_with(".")) left.push_back(entry->path());
    }
    for (const fs::path& path : left) fs::remove_all(path, error);
}

}  // namespace lockstep
