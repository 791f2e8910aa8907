#include "launcher/run/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/input_file.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/parse_json.h"
#include "launcher/run/launch_environment.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnfinished = "unfinished";

[[noreturn]] void throw_cannot_make(const fs::path& dir, int reason) {
    throw ConfigError(fmt::format("cannot make the run's directory {}: {}; choose another run.dir",
                                  dir.string(), std::strerror(reason)));
}

std::string base_name(const Config& config, std::chrono::system_clock::time_point now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm fields{};
    localtime_r(&seconds, &fields);
    std::array<char, 64> time{};
    std::strftime(time.data(), time.size(), "%Y%m%d-%H%M%S", &fields);
    return fmt::format("runs/{}-{}", config.name, time.data());
}

fs::path numbered(const std::string& base, int number) {
    return number == 1 ? base : fmt::format("{}-{}", base, number);
}

/// What speaks against a run in `dir`, which is there.
void check_run_dir(const fs::path& dir, bool overwrite, const ResolvedOptions& options) {
    const auto refuse = [&](const std::string& why) {
        throw ConfigError(fmt::format("{}: {}", options.place("run.dir"), why));
    };
    if (is_there(dir / kRunFile) && !overwrite) {
        const std::string choices = "name another directory, or give --run.overwrite true";
        if (is_there(dir / kModelFile))
            refuse(fmt::format("already holds a run, with its model; {}", choices));
        // Of several networks: one network's model is written after its result.
        if (is_there(dir / kResultFile) && !is_there(dir / "metrics.jsonl"))
            refuse(fmt::format("already holds a run, with its result; {}", choices));
        refuse(fmt::format(
            "already holds a run, but no model of it: it was interrupted, or goes on elsewhere; go "
            "on with it by `lockstep resume {}`, {}, which loses it",
            dir.string(), choices));
    }
    for (const std::string_view name : kRunFiles) {
        std::error_code ignored;
        if (fs::is_directory(dir / name, ignored))
            refuse(
                fmt::format("{} in it is a folder, where the run would write a file; move it away, or name "
                            "another directory",
                            name));
        if (was_read(dir / name))
            refuse(
                fmt::format("this run reads {} in it, and would replace it; name another directory", name));
    }
    for (const std::string_view folder : {kUnfinished, kCheckpoints, kTensorBoard}) {
        if (is_there(dir / folder) && !fs::is_directory(dir / folder))
            refuse(
                fmt::format("{} in it is a file, where the run would make a folder; move it away", folder));
    }
}

/// False where there is nothing of that name yet. Throws for what can be no directory.
bool is_made(const fs::path& dir, const ResolvedOptions& options) {
    std::error_code error;
    const fs::file_status status = fs::status(dir, error);
    if (error == std::errc::no_such_file_or_directory) return false;
    if (error) {
        throw ConfigError(fmt::format("{}: cannot be used: {}; name another directory",
                                      options.place("run.dir"), error.message()));
    }
    if (!fs::is_directory(status)) {
        throw ConfigError(fmt::format("{}: is a file; name a directory", options.place("run.dir")));
    }
    return true;
}

/// The model is the last that is moved.
bool is_half_published(const fs::path& dir) { return is_there(dir / kUnfinished / kModelFile); }

}  // namespace

void finish_run_directory(const fs::path& dir) {
    if (is_half_published(dir) || is_there(dir / kRunLockFile)) static_cast<void>(RunDirectory::of_run(dir));
}

bool is_there(const fs::path& path) noexcept {
    struct ::stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

fs::path files_of_run(const fs::path& dir) {
    return is_there(dir / kUnfinished / kRunFile) ? dir / kUnfinished : dir;
}

std::filesystem::path member_dir(const std::filesystem::path& dir, const std::string& kind,
                                 std::size_t number) {
    return dir / fmt::format("{}-{}", kind, number);
}

fs::path choose_run_dir(const Config& config, const ResolvedOptions& options,
                        std::chrono::system_clock::time_point now) {
    const fs::path& dir = config.run.dir;
    if (dir.empty()) {
        const std::string base = base_name(config, now);
        int number = 1;
        while (is_there(numbered(base, number))) ++number;
        return numbered(base, number);
    }
    if (is_made(dir, options)) check_run_dir(dir, config.run.overwrite, options);
    return dir;
}

std::optional<std::string> result_of_finished_run(const fs::path& dir) {
    finish_run_directory(dir);
    check_files_of_run(files_of_run(dir));
    if (files_of_run(dir) != dir || !is_there(dir / kModelFile)) return std::nullopt;
    std::ifstream input(dir / kResultFile, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(input), {}};
    return is_json(text) ? text : std::string();
}

RunDirectory::RunDirectory(const Config& config, const ResolvedOptions& options,
                           std::chrono::system_clock::time_point now) {
    try {
        if (config.run.dir.empty()) {
            make_unnamed(config, now);
            lock(path_.string());
        } else {
            path_ = config.run.dir;
            static_cast<void>(is_made(path_, options));
            do make_folders(path_);
            while (!lock(options.place("run.dir")));
            // Looked at under the lock: a run that goes on there is named as that, and one that has just
            // ended is seen.
            check_run_dir(path_, config.run.overwrite, options);
        }
    } catch (...) {
        release();
        throw;
    }
    files_ = is_there(path_ / kModelFile) ? path_ / kUnfinished : path_;
}

void check_files_of_run(const fs::path& files) {
    for (const std::string_view name : kRunFiles) {
        std::error_code ignored;
        const fs::path path = files / name;
        if (!is_there(path) || fs::is_regular_file(path, ignored)) continue;
        throw ConfigError(fmt::format("{} is no regular file; move it away", path.string()));
    }
}

RunDirectory RunDirectory::of_run(const fs::path& dir) {
    RunDirectory directory;
    directory.path_ = dir;
    directory.files_ = files_of_run(dir);
    directory.kept_ = true;
    check_files_of_run(directory.files_);
    while (!directory.lock(dir.string())) {
    }
    if (is_half_published(dir)) {
        directory.files_ = dir / kUnfinished;
        directory.publish();
    }
    return directory;
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      files_(std::move(other.files_)),
      made_(std::exchange(other.made_, {})),
      lock_(std::exchange(other.lock_, -1)),
      cleared_(std::exchange(other.cleared_, false)),
      kept_(other.kept_) {}

RunDirectory::~RunDirectory() { release(); }

/// Making a directory succeeds for one process alone: it decides who has the name.
void RunDirectory::make_unnamed(const Config& config, std::chrono::system_clock::time_point now) {
    const std::string base = base_name(config, now);
    make_folders(fs::path(base).parent_path());
    for (int number = 1;; ++number) {
        path_ = numbered(base, number);
        if (::mkdir(path_.c_str(), 0777) == 0) break;
        if (errno != EEXIST) throw_cannot_make(path_, errno);
    }
    made_.push_back(path_);
}

void RunDirectory::make_folders(const fs::path& path) {
    fs::path folder;
    for (const fs::path& part : path) {
        folder /= part;
        std::error_code ignored;
        if (fs::is_directory(folder, ignored)) continue;
        if (::mkdir(folder.c_str(), 0777) == 0) {
            made_.push_back(folder);
        } else if (errno != EEXIST || !fs::is_directory(folder, ignored)) {
            throw_cannot_make(path, errno == EEXIST ? ENOTDIR : errno);
        }
    }
}

bool RunDirectory::lock(const std::string& place) {
    const int file = ::open(lock_path().c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0 && errno == ENOENT) return false;
    if (file < 0) {
        throw ConfigError(fmt::format("cannot write in the run's directory {}: {}; choose another run.dir",
                                      path_.string(), std::strerror(errno)));
    }
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        std::array<char, 512> holder{};
        const ssize_t length = ::pread(file, holder.data(), holder.size(), 0);
        ::close(file);
        throw ConfigError(
            fmt::format("{}: already holds a run, which goes on: {} is writing there; name another "
                        "directory, or wait for its end",
                        place,
                        length > 0 ? std::string(holder.data(), static_cast<std::size_t>(length))
                                   : "a process that has just begun"));
    }
    // The run before may have removed the file between the two calls: then its lock is nobody's any more.
    struct ::stat locked {};
    struct ::stat named {};
    if (::fstat(file, &locked) != 0 || ::stat(lock_path().c_str(), &named) != 0 ||
        locked.st_ino != named.st_ino || locked.st_dev != named.st_dev) {
        ::close(file);
        return false;
    }
    lock_ = file;
    const std::string who = fmt::format("process {} on {}", ::getpid(), host_name());
    // For the message alone: a full disk is noticed where the run's own files are made.
    const bool noted = ::ftruncate(file, 0) == 0 && ::pwrite(file, who.data(), who.size(), 0) > 0;
    static_cast<void>(noted);
    // What a run wrote here when it was killed.
    for (const fs::path& folder : {path_, path_ / kUnfinished}) remove_abandoned_parts(folder);
    return true;
}

void RunDirectory::clear() {
    if (files_ != path_) make_folders(files_);
    remove_files();
    cleared_ = true;
}

void RunDirectory::remove_files() noexcept {
    for (const std::string_view name : kRunFiles) ::unlink((files_ / name).c_str());
    std::error_code ignored;
    for (const std::string_view folder : {kCheckpoints, kTensorBoard})
        fs::remove_all(files_ / folder, ignored);
}

void RunDirectory::publish() {
    if (files_ == path_) return;
    std::error_code ignored;
    // A process that was killed here has moved some of it already: the run's record first, and the model
    // last. What not every run has would stay from the older one.
    std::vector<std::string_view> names(kRunFiles.begin(), kRunFiles.end());
    names.insert(names.begin() + 1, {kCheckpoints, kTensorBoard});
    if (is_there(files_ / kRunFile)) {
        for (const std::string_view name : {kCheckpoints, kTensorBoard, kTraceFile})
            fs::remove_all(path_ / name, ignored);
    }
    for (const std::string_view name : names) {
        if (!is_there(files_ / name)) continue;
        // A folder that is not empty cannot be replaced.
        if (name == kCheckpoints || name == kTensorBoard) fs::remove_all(path_ / name, ignored);
        if (::rename((files_ / name).c_str(), (path_ / name).c_str()) == 0) continue;
        throw CheckpointError(
            fmt::format("the run is whole in {}, but {} cannot be moved to {}: {}; move it "
                        "yourself",
                        files_.string(), name, path_.string(), std::strerror(errno)));
    }
    ::rmdir(files_.c_str());
    files_ = path_;
}

void RunDirectory::release() noexcept {
    if (cleared_ && !kept_) remove_files();
    if (lock_ >= 0) {
        // Removed while the lock is held, so that it is not another run's.
        ::unlink(lock_path().c_str());
        ::close(std::exchange(lock_, -1));
    }
    // Those that hold something stay.
    for (; !made_.empty(); made_.pop_back()) ::rmdir(made_.back().c_str());
}

}  // namespace lockstep
