// The checkpoints of a run: a folder of folders, each of which appears under its name when all of it is on
// the disk, and `latest`, a link to the newest.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace lockstep {

class CheckpointFolder {
  public:
    /// Makes nothing.
    explicit CheckpointFolder(std::filesystem::path path) : path_(std::move(path)) {}

    /// Those that are there, by their names, newest first. None where the folder is missing. Throws
    /// CheckpointError where it cannot be read.
    [[nodiscard]] std::vector<std::size_t> steps() const;
    [[nodiscard]] std::filesystem::path of(std::size_t step) const;

    /// Makes an empty folder for a checkpoint that is about to be written. Throws CheckpointError, as the
    /// next.
    [[nodiscard]] std::filesystem::path begin(std::size_t step) const;
    /// It is whole: gives it its name, and lets `latest` lead to it.
    void publish(std::size_t step) const;
    /// Removes all but the newest `newest` up to `step`, the one just written, and the one of the lowest
    /// validation error. What is newer the run has gone on before, since it is damaged: it takes no place.
    void prune(std::size_t newest, std::size_t step) const;
    /// Removes what was begun by a run that was killed. While no other process writes there.
    void remove_unfinished() const;

  private:
    [[nodiscard]] std::filesystem::path unfinished(std::size_t step) const;

    std::filesystem::path path_;
};

}  // namespace lockstep
