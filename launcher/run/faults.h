// Faults on purpose, for tests and for drills: what --inject asks for, and when it strikes a rank.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/base/names.h"
#include "core/network/parameter_layout.h"
#include "launcher/run/progress.h"

namespace lockstep {

enum class FaultKind {
    kKill,     ///< the rank's process ends by SIGKILL
    kHang,     ///< the rank stands still, though its process lives
    kThrow,    ///< an exception on that rank alone
    kFlip,     ///< a bit of the rank's parameters or of its gradient is another
    kSlow,     ///< the rank takes longer for its steps
    kNoSpace,  ///< a checkpoint meets a full disk
    kTorn,     ///< a checkpoint's file lacks its end, as after a loss of power
};
template <>
inline constexpr std::array<std::string_view, 7> names_of<FaultKind>{"kill", "hang",   "throw", "flip",
                                                                     "slow", "enospc", "torn"};

/// What a flipped bit belongs to.
enum class FlipTarget {
    /// The rank's replica, before the step: memory that lost a bit. The replicas differ from then on.
    kParameter,
    /// What the rank computes in the step of each node of the leaf tree, before it is summed: a core that
    /// computes wrongly. All replicas agree, and all are wrong.
    kGradient,
};
template <>
inline constexpr std::array<std::string_view, 2> names_of<FlipTarget>{"parameter", "gradient"};

/// What becomes of a checkpoint that is being written.
enum class CheckpointFault { kNone, kNoSpace, kTorn };

/// One fault. Steps and checkpoints count from 1.
struct Fault {
    static constexpr std::size_t kForEver = std::numeric_limits<std::size_t>::max();

    FaultKind kind = FaultKind::kKill;
    std::optional<std::size_t> rank;  ///< nothing: every rank
    std::size_t first_step = 1;
    std::size_t last_step = kForEver;
    std::size_t layer = 0;
    unsigned bit = 0;  ///< of a float's 32: 0 the last of the mantissa, 31 the sign
    FlipTarget what = FlipTarget::kParameter;
    std::chrono::milliseconds delay{0};
    std::size_t checkpoint = 0;
};

/// The faults of a text such as "kill:rank=2,step=40; slow:rank=1,ms=50", which commas or semicolons
/// separate. Throws ConfigError that says what each kind takes.
std::vector<Fault> parse_faults(std::string_view text);

/// The fault as parse_faults reads it.
std::string to_string(const Fault& fault);

/// The faults that strike one rank. A plain value; without faults every question costs a comparison.
class Faults {
  public:
    Faults() = default;
    /// Those of `all` that are of `rank`.
    Faults(std::span<const Fault> all, std::size_t rank);

    [[nodiscard]] bool any() const { return !faults_.empty(); }
    /// Throws ConfigError where a bit of a layer is to be flipped that has no parameters.
    void check(const ParameterLayout& layout) const;

    /// To be called before a step: may never return, throw, or take its time.
    void before_step(std::size_t step) const;
    /// Whether flip() would change anything in that step.
    [[nodiscard]] bool flips(FlipTarget what, std::size_t step) const;
    /// Flips the bits of the first value of a layer's run that are to be flipped in that step.
    void flip(FlipTarget what, std::size_t step, std::size_t layer, std::span<float> values) const;
    /// Those that did not strike in a run of the steps from `first_step` to `last_step` and so many
    /// checkpoints, as to_string has them.
    [[nodiscard]] std::vector<std::string> missed(std::size_t first_step, std::size_t last_step,
                                                  std::size_t checkpoints) const;
    /// Whether any rank of the job is to meet one: the same on all ranks.
    [[nodiscard]] bool armed() const { return armed_; }
    /// What is to happen to the checkpoint of that number, of those that this process writes.
    [[nodiscard]] CheckpointFault checkpoint(std::size_t number) const;

  private:
    std::vector<Fault> faults_;
    bool armed_ = false;
};

/// This rank's of the faults that --inject asks for, which the user is told of first of all. Throws
/// CollectiveError (exit code 2) where one is of a rank that the job has not. Collective.
Faults arm_faults(const Communicator& comm, std::span<const Fault> all, Progress& progress);

}  // namespace lockstep
