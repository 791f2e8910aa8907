// Finds the newest good checkpoint of a run, and gives each rank what it holds of it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "launcher/recovery/checkpoint_file.h"
#include "launcher/recovery/state_arrays.h"

namespace lockstep {

class CheckpointReader {
  public:
    /// Looks in checkpoints of `folder`, which rank 0 sees, for the newest that is whole, bit for bit, of at
    /// most `last_step` steps. `comm` must outlive the reader. Collective; the ranks that see the files share
    /// the work.
    CheckpointReader(const Communicator& comm, const std::filesystem::path& folder,
                     std::size_t last_step = std::numeric_limits<std::size_t>::max());

    /// Nothing where there is no good one. The same on every rank.
    [[nodiscard]] const std::optional<Checkpoint>& checkpoint() const { return checkpoint_; }
    /// Where it is.
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
    /// A line for each that is newer and damaged.
    [[nodiscard]] const std::vector<std::string>& damaged() const { return damaged_; }

    /// Sets what is wanted of its arrays: every rank reads what it holds, or gets it from rank 0 where it
    /// does not see the files. Requires a checkpoint, and the same call on all ranks. Collective.
    void fill(const SetState& set, const WantsState& wants) const;

  private:
    /// "" where the checkpoint of that step is good; then it is the reader's.
    std::string take(const std::filesystem::path& folder, std::size_t step);

    const Communicator& comm_;
    std::filesystem::path folder_;  // of the checkpoint
    bool seen_by_all_ = false;
    std::optional<Checkpoint> checkpoint_;
    std::vector<std::string> damaged_;
};

}  // namespace lockstep
