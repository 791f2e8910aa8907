// What a rank keeps from step to step: parameters and the optimizer's state, or its part of them. One
// implementation for each value of comm.shard; none changes a bit.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "comm/gradient_reducer.h"
#include "core/network/learner.h"
#include "core/training/optimizer.h"
#include "core/training/regularisation.h"
#include "launcher/recovery/step_digests.h"
#include "launcher/telemetry/phases.h"

namespace lockstep {

struct StoreOptions {
    OptimizerOptions optimizer;
    RegularisationOptions regularisation;
    bool gradient_sums = false;      ///< gradient_sums() will be asked for
    StepDigests* digests = nullptr;  ///< gets every step's gradient and new parameters; null: nobody does
};

/// Writes the parameters of a range as they are before the first step.
using FirstParameters = std::function<void(ArenaRange range, std::span<float> parameters)>;

class ParameterStore {
  public:
    virtual ~ParameterStore() = default;
    ParameterStore() = default;
    ParameterStore(const ParameterStore&) = delete;
    ParameterStore& operator=(const ParameterStore&) = delete;

    /// Every rank has made its store: the others' first parameters can be read. Collective, before all else.
    virtual void share_first() {}
    /// The parameters as they are after the last step; asking for them is collective where they are sharded.
    [[nodiscard]] virtual ParameterSource& parameters() = 0;

    // A step: begin_step, the reducer's begin with updater() and start for each layer, finish_step.

    /// What a step has that differs from the last one's.
    virtual void begin_step(const UpdateStep& step) = 0;
    /// What the reducer is to call with the sums of what this rank owns; null where all update everything.
    /// Then parameters change only in finish_step; otherwise as soon as a layer's gradient was started.
    [[nodiscard]] virtual GradientReducer::Update updater() = 0;
    /// Waits for the gradients' sums; afterwards every parameter is new. Collective.
    virtual void finish_step() = 0;
    /// Moves what is on its way without waiting.
    virtual void progress() {}
    /// The sums of the last step's gradients that this rank updates by, not divided, run after run of
    /// summed_runs(). Requires options.gradient_sums.
    [[nodiscard]] virtual std::span<const float> gradient_sums() const = 0;
    /// The runs of the arena that these are of; none: the whole arena, on every rank.
    [[nodiscard]] virtual std::vector<ArenaRange> summed_runs() const { return {}; }

    /// A run of parameters that this rank holds, and the place of their state in optimizer().state(i); a rank
    /// that holds parameters without their state has count 0 there.
    struct Held {
        ArenaRange range;
        std::span<float> parameters;
        ArenaRange state;
    };
    /// Visits them in the arena's order.
    using VisitHeld = std::function<void(const Held& held)>;
    virtual void visit_held(const VisitHeld& visit) = 0;
    /// The parameters were written, by visit_held, otherwise than by a step. Collective.
    virtual void parameters_written() = 0;

    /// Of the elements that this rank updates.
    [[nodiscard]] virtual Optimizer& optimizer() = 0;
};

/// The store for comm.shard = `sharding`, which the reducer must have been made for: with kParameters also
/// with room for ShardedValues. All but the options must outlive it; it gives the recorder what its
/// steps take. Not collective: when every rank has made its own, share_first() must follow.
std::unique_ptr<ParameterStore> make_parameter_store(Sharding sharding, const StoreOptions& options,
                                                     Learner& learner, GradientReducer& reducer,
                                                     const FirstParameters& first, PhaseRecorder& recorder);

}  // namespace lockstep
