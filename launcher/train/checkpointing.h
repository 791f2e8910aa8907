// When a run saves its state, and what: a checkpoint is all that its further course depends on.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "comm/communicator.h"
#include "launcher/options/config.h"
#include "launcher/recovery/checkpoint_file.h"
#include "launcher/recovery/checkpoint_writer.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/stopwatch.h"
#include "launcher/train/journal.h"
#include "launcher/train/run_state.h"
#include "launcher/train/trainer.h"

namespace lockstep {

/// What a checkpoint says of its run, besides the arrays.
struct SavedRun {
    RunIdentity identity;
    RunState state;
    Journal::Times times;
    std::size_t ranks = 1;
};
nlohmann::json to_json(const SavedRun& run);
/// Throws CheckpointError where something is missing.
SavedRun saved_run_from_json(const nlohmann::json& json);

class Checkpointing {
  public:
    /// `files`: where the run's files are, of rank 0. `comm` must outlive the object. Collective.
    Checkpointing(const Communicator& comm, const Config& config, const std::filesystem::path& files,
                  RunIdentity identity, Faults faults);

    /// The step after which the next one is due; no limit where they are due by time, or never.
    [[nodiscard]] std::size_t next_step(std::size_t step) const;
    /// Whether this rank asks for one now, by time: rank 0 speaks for all. Throws CheckpointError where what
    /// this rank was to write of the last one is not on the disk. Not collective.
    bool due();
    /// Saves where the trainer stands; it goes on while this is written. Nothing where that is saved already.
    /// Throws CheckpointError through agree. Collective.
    void save(Trainer& trainer, Journal& journal);
    /// Waits until all that was saved is on the disk. Throws the same. Collective.
    void finish() { writer_.finish(); }

    /// How many were saved.
    [[nodiscard]] std::size_t count() const { return writer_.count(); }
    /// Seconds that saving takes until all is on the disk: the last one's, 0 before there is one.
    [[nodiscard]] double seconds() const { return writer_.stalled_seconds() + writer_.written_seconds(); }

  private:
    const Communicator& comm_;
    Interval every_;
    bool watches_accuracy_;
    RunIdentity identity_;
    CheckpointWriter writer_;
    Stopwatch since_last_;
    std::size_t saved_step_ = 0;  // 0: none
};

}  // namespace lockstep
