// Where a run's time goes, phase by phase, on one rank.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

#include "core/base/names.h"
#include "launcher/telemetry/trace.h"

namespace lockstep {

enum class Phase {
    kData,                  ///< reading samples, distorting them
    kForward,               ///< forward pass and loss
    kBackward,              ///< gradients and deltas
    kCommunicationExposed,  ///< waiting for other ranks: what the computation did not hide
    kOptimizer,
    kEvaluation,  ///< of the validation and the test set
    kCheckpoint,  ///< for which the training waited
};
template <>
inline constexpr std::array<std::string_view, 7> names_of<Phase>{
    "data", "forward", "backward", "communication_exposed", "optimizer", "evaluation", "checkpoint"};
inline constexpr std::size_t kPhases = names_of<Phase>.size();

/// Seconds of each phase. Trivially copyable: ranks exchange it.
struct PhaseSeconds {
    std::array<double, kPhases> of{};

    [[nodiscard]] double operator[](Phase phase) const { return of[static_cast<std::size_t>(phase)]; }
    double& operator[](Phase phase) { return of[static_cast<std::size_t>(phase)]; }
    PhaseSeconds& operator+=(const PhaseSeconds& other) {
        for (std::size_t i = 0; i < kPhases; ++i) of[i] += other.of[i];
        return *this;
    }
};

/// What a rank measures its phases with: their seconds, summed, and their moments where a trace wants them.
struct PhaseRecorder {
    using Clock = std::chrono::steady_clock;
    PhaseSeconds seconds;
    Trace* trace = nullptr;  ///< null: none

    void add(Phase phase, Clock::time_point begin, Clock::time_point end) {
        seconds[phase] += std::chrono::duration<double>(end - begin).count();
        if (trace != nullptr) trace->span(name_of(phase), begin, end);
    }
};

/// Gives the time since the last lap to a phase. With sharding the optimizer's updates happen inside other
/// phases and count themselves (PhaseSpan), so that what they took since the last lap is left out. Cost: one
/// look at the clock a lap.
class PhaseClock {
  public:
    explicit PhaseClock(PhaseRecorder& recorder)
        : recorder_(recorder), counted_(recorder.seconds[Phase::kOptimizer]) {}

    void lap(Phase phase) {
        const auto now = PhaseRecorder::Clock::now();
        const double within = recorder_.seconds[Phase::kOptimizer] - counted_;
        recorder_.add(phase, last_, now);
        recorder_.seconds[phase] -= within;
        last_ = now;
        counted_ = recorder_.seconds[Phase::kOptimizer];
    }

    /// The moment of the last lap, or of construction.
    [[nodiscard]] PhaseRecorder::Clock::time_point last() const { return last_; }

  private:
    PhaseRecorder& recorder_;
    PhaseRecorder::Clock::time_point last_ = PhaseRecorder::Clock::now();
    double counted_;
};

/// Gives its own life's time to a phase.
class PhaseSpan {
  public:
    PhaseSpan(PhaseRecorder& recorder, Phase phase) : recorder_(recorder), phase_(phase) {}
    ~PhaseSpan() { recorder_.add(phase_, begin_, PhaseRecorder::Clock::now()); }
    PhaseSpan(const PhaseSpan&) = delete;
    PhaseSpan& operator=(const PhaseSpan&) = delete;

  private:
    PhaseRecorder& recorder_;
    Phase phase_;
    PhaseRecorder::Clock::time_point begin_ = PhaseRecorder::Clock::now();
};

/// The share of a reduction that takes `alone` seconds by itself which did not show as `exposed`, in [0, 1].
/// Waiting for a slower rank is exposed too, so that the share is no overstatement.
inline double hidden_share(double alone, double exposed) {
    return alone > 0.0 ? std::clamp(1.0 - exposed / alone, 0.0, 1.0) : 0.0;
}

}  // namespace lockstep
