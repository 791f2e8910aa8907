// Digests by layer of a step's gradient and of the parameters that come of it, whoever holds them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/network/parameter_layout.h"
#include "launcher/recovery/ledger.h"

namespace lockstep {

/// Every rank adds up what it has of the values, or, of what all of them have, its share (value_digest.h);
/// the ranks' sums are added by MPI during the next step, so that no step waits for them. Cost: reading
/// gradient and parameters once, divided among ranks and threads, and one sum of 128 bytes a layer.
class StepDigests {
  public:
    enum Of { kGradient, kParameters };
    enum HeldBy { kThisRank, kEveryRank };

    /// `comm` and `layout` must outlive it. Collective.
    StepDigests(const Communicator& comm, const ParameterLayout& layout);

    /// The next step is to be digested. The same on all ranks.
    void begin() { wanted_ = true; }
    /// A run of the arena has these values now: of the gradient before the optimizer takes it, of the
    /// parameters when they are those of the next step. Nothing where the step is not to be digested. Shape:
    /// values (range.count).
    void add(Of of, HeldBy held_by, ArenaRange range, std::span<const float> values);
    /// The step is over, and each value of the arena was added once by the rank that holds it, or by all.
    /// Does nothing where begin() was not called for it. Returns an earlier step's digests where they are
    /// there meanwhile, with one rank this step's. Collective.
    std::optional<LedgerLine> end(std::uint64_t epoch, std::uint64_t step);
    /// The digests that end() has not returned yet. Collective.
    std::optional<LedgerLine> flush();

  private:
    /// Of `of` and a layer, in own_ and in sent_.
    [[nodiscard]] std::size_t place(Of of, std::size_t layer) const;
    [[nodiscard]] std::vector<LayerDigest> digests(Of of) const;

    const ParameterLayout& layout_;
    std::size_t rank_;
    std::size_t ranks_;
    std::optional<Communicator> comm_;  // of its own, where there are several ranks
    std::optional<Requests> requests_;
    bool wanted_ = false;
    std::vector<std::uint64_t> own_;   // (2, layers, 8): of the step at hand
    std::vector<std::uint64_t> sent_;  // the same of the one under way
    std::optional<LedgerLine> under_way_;
};

}  // namespace lockstep
