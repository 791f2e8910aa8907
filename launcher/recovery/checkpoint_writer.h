// Writes checkpoints beside the training: save() copies the state, a thread does the rest.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "comm/communicator.h"
#include "launcher/recovery/checkpoint_file.h"
#include "launcher/recovery/state_arrays.h"
#include "launcher/run/faults.h"

namespace lockstep {

class CheckpointWriter {
  public:
    /// Into checkpoints of `folder`, which all ranks see where their state is divided; where each has all of
    /// it rank 0 alone writes. `keep`: how many of the newest stay, besides the best. `faults`: what strikes
    /// this rank's parts, on purpose. `comm` must outlive the writer, whose threads call no MPI. Removes what
    /// a killed run has left unfinished. Collective.
    CheckpointWriter(const Communicator& comm, const std::filesystem::path& folder, std::size_t keep,
                     Faults faults);
    /// Gives up what is not yet published. Not collective.
    ~CheckpointWriter();
    CheckpointWriter(const CheckpointWriter&) = delete;
    CheckpointWriter& operator=(const CheckpointWriter&) = delete;

    /// Copies what this rank saves of the arrays, and returns; `checkpoint` is rank 0's, its parts are filled
    /// in. First waits for the checkpoint before. Throws CheckpointError through agree. Collective.
    void save(Checkpoint checkpoint, std::span<const StateArray> arrays, std::size_t arena_size);
    /// Waits until the last checkpoint has its name. Throws as save. Collective.
    void finish();
    /// Throws what this rank's thread has met: one rank's own error, which ends the job. Cost: a look at a
    /// flag. Not collective.
    void check();

    /// How many this process has saved, whichever ranks wrote them.
    [[nodiscard]] std::size_t count() const { return number_; }
    /// Of the last that was saved: seconds for which the training waited, and until it was published (on rank
    /// 0; 0 before the first).
    [[nodiscard]] double stalled_seconds() const;
    [[nodiscard]] double written_seconds() const;

  private:
    /// Cuts the end off this rank's part of the last checkpoint where that fault is to strike.
    void tear() const;
    class Work;
    const Communicator& comm_;
    std::filesystem::path folder_;
    std::size_t keep_;
    Faults faults_;
    std::size_t number_ = 0;      // of the checkpoint at work, from 1
    std::filesystem::path last_;  // where it will be
    std::unique_ptr<Work> work_;
};

}  // namespace lockstep
