// One step of a finished, killed or running run, recomputed by this process alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/base/buffer.h"
#include "core/base/threads.h"
#include "core/network/network_learner.h"
#include "launcher/options/config.h"
#include "launcher/recovery/ledger.h"
#include "launcher/score/prepare.h"
#include "launcher/score/sample_reader.h"
#include "launcher/score/warm_start.h"
#include "launcher/train/trainer.h"

namespace lockstep {

/// Where a replay and the run's ledger stand.
struct LedgerCheck {
    std::size_t compared = 0;  ///< lines by layer, or of the model, that both have
    bool has_step = false;     ///< the step asked for is one of them
    /// What differs first in the steps that were recomputed.
    LedgerComparison difference;
};

/// The step is taken on one rank, whatever ranks, threads and comm.shard the run had, from its newest good
/// checkpoint before the step, or from its beginning. Nothing in the run's directory changes.
class StepReplay {
  public:
    /// Stands before step `step`, from 1, having begun from a checkpoint of at most `most_saved` steps.
    /// `comm` must have one rank and outlive the object. Throws ConfigError where the run has no such step,
    /// DataError where the data are others than those that it was trained on, CheckpointError.
    StepReplay(const Communicator& comm, std::filesystem::path run_dir, std::size_t step,
               std::size_t most_saved);

    [[nodiscard]] std::size_t step() const { return step_; }
    [[nodiscard]] std::size_t epoch() const { return batch_.epoch + 1; }
    /// Steps of the checkpoint it began from; 0: the run's beginning.
    [[nodiscard]] std::size_t from_step() const { return from_step_; }
    [[nodiscard]] const ParameterLayout& layout() const { return trainer_->layout(); }
    [[nodiscard]] const Batch& batch() const { return batch_; }
    [[nodiscard]] std::size_t leaf_size() const { return config_.training.leaf; }
    /// A line for each thing that the user should know: checkpoints that are damaged, another version.
    [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }

    /// The places in the training set of the samples of a leaf, from 0. Requires leaf < batch().leaves.
    [[nodiscard]] std::span<const std::uint64_t> samples_of(std::size_t leaf) const;
    /// The sum of the gradients of a leaf's samples at the parameters before the step, in one arena, to be
    /// read until the next call. Before take().
    [[nodiscard]] std::span<const float> gradient_of(std::size_t leaf);

    /// Takes the step. Once.
    void take();
    /// What the ledger calls the gradient, and the parameters after the step, each in one arena.
    [[nodiscard]] std::span<const float> gradient() const { return gradient_.span(); }
    [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }
    /// The digests of the steps that were recomputed, without a gap: to this one, once it is taken.
    [[nodiscard]] const std::vector<LedgerLine>& lines() const { return lines_; }
    /// Compares all steps that were recomputed with the run's ledger.
    [[nodiscard]] LedgerCheck check_ledger() const;

  private:
    /// Lets the run start from the model that it started from.
    void start_from(const Communicator& comm, const ModelOrigin& origin);
    [[nodiscard]] Journal silent_journal();

    ContractFloatMode float_mode_;
    std::filesystem::path run_dir_;
    std::size_t step_;
    ResolvedOptions options_;
    Config config_;
    Prepared prepared_;
    std::unique_ptr<Trainer> trainer_;
    std::size_t from_step_ = 0;
    std::vector<std::string> remarks_;
    Batch batch_;
    std::vector<std::uint64_t> order_;  // of the step's epoch
    std::vector<LedgerLine> lines_;     // of the steps that were taken
    Buffer<float> gradient_;
    Buffer<float> parameters_;
    // For a leaf by itself, once one is asked for.
    std::optional<NetworkLearner> learner_;
    std::optional<SampleReader> reader_;
    Buffer<float> leaf_gradient_;
};

}  // namespace lockstep
