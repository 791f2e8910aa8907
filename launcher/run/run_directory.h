// A run's directory: chosen, made, held by one process alone, and its older run kept until the new one
// stands.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/options/config.h"
#include "launcher/options/options.h"

namespace lockstep {

inline constexpr std::string_view kRunFile = "run.json";
inline constexpr std::string_view kModelFile = "model.lockstep";
inline constexpr std::string_view kResultFile = "result.json";
inline constexpr std::string_view kTraceFile = "trace.json";
inline constexpr std::array<std::string_view, 7> kRunFiles{
    kRunFile, "metrics.jsonl", "metrics.csv", "ledger.jsonl", kTraceFile, kResultFile, kModelFile};
inline constexpr std::string_view kRunLockFile = ".lock";        ///< held while a process has the directory
inline constexpr std::string_view kCheckpoints = "checkpoints";  ///< a folder
inline constexpr std::string_view kTensorBoard = "tensorboard";  ///< the same

/// Where the files of the run in `dir` are: there, or in `unfinished` below it, where an older run has
/// stayed.
std::filesystem::path files_of_run(const std::filesystem::path& dir);
/// Throws ConfigError where one of kRunFiles is there and no regular file, as a pipe, which never ends.
void check_files_of_run(const std::filesystem::path& files);

/// Whether there is something of that name, a link's target counting. Never throws: what the system refuses
/// to look at counts as missing, and is named where it is opened.
bool is_there(const std::filesystem::path& path) noexcept;

/// Ends what a process was about when it was killed at the end of its run: takes the places of an older run's
/// files, and clears away. Throws as RunDirectory::of_run.
void finish_run_directory(const std::filesystem::path& dir);

/// The text of result.json of the run in `dir`, "" where that is missing or no JSON; nothing where the run is
/// not finished. First finishes a directory that a killed run was about to finish. Throws as
/// check_files_of_run.
std::optional<std::string> result_of_finished_run(const std::filesystem::path& dir);

/// The directory a run would use: run.dir, or runs/<configuration>-<date>-<time> with a number added where
/// that is taken. Throws ConfigError where run.dir already holds a run and run.overwrite is false, is not
/// a directory, or where a folder has the name of one of the run's files. Creates nothing.
std::filesystem::path choose_run_dir(const Config& config, const ResolvedOptions& options,
                                     std::chrono::system_clock::time_point now);

/// The run directory of network `number`, from 1, within that of them all.
std::filesystem::path member_dir(const std::filesystem::path& dir, const std::string& kind,
                                 std::size_t number);

/// While it lives no other process gets the same directory. The lock is one of flock(2) on the file .lock in
/// it: the system frees it when the process ends, however it ends. Over NFS, Linux makes it a lock of the
/// server's that all hosts see; a file system without locks (some mounts of Lustre) has none, and there two
/// runs that begin at the same moment with the same run.dir are not kept apart. Not collective: rank 0 alone
/// holds one.
class RunDirectory {
  public:
    /// Makes the directory, where it is not there, and takes the lock. Two runs without run.dir that begin in
    /// the same second get two directories. Throws ConfigError as choose_run_dir, where another process holds
    /// the directory, and where it cannot be made or written.
    RunDirectory(const Config& config, const ResolvedOptions& options,
                 std::chrono::system_clock::time_point now);
    /// The directory of a run that goes on. Throws ConfigError where another process holds it, and where it
    /// cannot be written.
    static RunDirectory of_run(const std::filesystem::path& dir);
    ~RunDirectory();
    RunDirectory(RunDirectory&& other) noexcept;
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;
    RunDirectory& operator=(RunDirectory&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Where the run's files are written: path(), but path()/unfinished while there is a model of an older
    /// run.
    [[nodiscard]] const std::filesystem::path& files() const { return files_; }
    /// Removes an older run's files from files(), and makes that. Until keep() is called, what this run has
    /// written there is removed in the end, and so is what was made for it.
    void clear();
    void keep() { kept_ = true; }
    /// The run is whole: its files take the places of the older run's. Throws CheckpointError.
    void publish();

  private:
    RunDirectory() = default;
    void make_unnamed(const Config& config, std::chrono::system_clock::time_point now);
    void make_folders(const std::filesystem::path& path);
    /// False where the directory was removed meanwhile, by a run that had made it and then failed.
    /// `place`: how messages name the directory.
    bool lock(const std::string& place);
    void remove_files() noexcept;
    void release() noexcept;
    [[nodiscard]] std::filesystem::path lock_path() const { return path_ / kRunLockFile; }

    std::filesystem::path path_;
    std::filesystem::path files_;
    std::vector<std::filesystem::path> made_;  // folders that were not there, outermost first
    int lock_ = -1;
    bool cleared_ = false;
    bool kept_ = false;
};

}  // namespace lockstep
