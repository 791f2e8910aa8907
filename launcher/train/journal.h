// What a run tells: progress for the user, and the run directory's log. Rank 0 tells it; on the others it is
// silent.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/base/digest.h"
#include "launcher/run/progress.h"
#include "launcher/run/stopwatch.h"
#include "launcher/run/time_limit.h"
#include "launcher/score/evaluation.h"
#include "launcher/train/run_log.h"

namespace lockstep {

/// Where a run stands.
struct RunPosition {
    std::size_t epoch = 0;       ///< completed or in progress, from 1
    std::size_t step = 0;        ///< steps taken
    std::size_t samples = 0;     ///< trained on
    float learning_rate = 0.0F;  ///< of the last step
    bool operator==(const RunPosition&) const = default;
};

/// What was measured: of the training set while it was trained on, of the others afterwards.
struct Scores {
    std::optional<Score> train, validation, test;
    bool operator==(const Scores&) const = default;
};

/// What an epoch's communication took, as far as there was any.
struct EpochCommunication {
    std::optional<double> alone;    ///< seconds of a step's reduction with nothing to hide behind
    std::optional<double> exposed;  ///< seconds of a step in which it was waited for
    std::optional<double> ratio;    ///< bytes that were spared: those of plain sums over those sent
};

/// Why a run stopped, and which check of the validation part was the best.
struct Ending {
    enum Reason {
        kLimit,     ///< training.epochs or training.max_steps
        kPatience,  ///< training.patience
        kGradient,  ///< training.stop_gradient
    };
    Reason reason = kLimit;
    std::size_t best_epoch = 0;  ///< 0: there is no validation part
    bool operator==(const Ending&) const = default;
};
/// "limit", "patience", "gradient".
std::string to_string(Ending::Reason reason);
/// "request", "max_wall_time", "job_end".
std::string to_string(StopReason reason);

class Journal {
  public:
    /// `log` is nothing on the ranks other than 0, and on all where no run directory is wanted. The clock
    /// starts here. `log_every`: steps between lines of metrics.jsonl, 0 for none within an epoch.
    explicit Journal(Progress progress, std::optional<RunLog> log = std::nullopt, std::size_t log_every = 0);

    /// Seconds of all, and of the steps alone.
    struct Times {
        double all = 0.0;
        double training = 0.0;
    };
    /// The first line: of a run that begins, on so many ranks, or goes on where one on others has been for so
    /// long.
    void begin(std::size_t ranks);
    void go_on(const RunPosition& at, const Times& before, std::size_t ranks_before, std::size_t ranks);

    /// How long the run is, for those who watch it.
    void expect(std::size_t steps, std::size_t steps_per_epoch) {
        steps_ = steps;
        steps_per_epoch_ = steps_per_epoch;
    }
    /// Steps are taken between these two calls, and nothing else: samples_per_second goes by this time.
    void training_begins(const RunPosition& at);
    void training_ends();

    /// `gradient_norm`: of the batch's mean gradient, where it was taken; in epoch() of the epoch's.
    void step(const RunPosition& at, double train_loss, std::optional<double> gradient_norm);
    /// `phases`: of the epoch, the means over the ranks.
    void epoch(const RunPosition& at, const Scores& scores, const EpochCommunication& communication,
               const PhaseSeconds& phases, std::optional<double> gradient_norm);
    /// Says that the run ends before its limit.
    void stopped(const RunPosition& at, Ending::Reason reason);
    /// Says that the run was stopped, and how it goes on another time: `dir` is its directory.
    void stopped_early(const RunPosition& at, StopReason reason, const std::string& dir,
                       const PhaseReport& phases);
    /// `scores` are those of epoch `model_epoch`, whose parameters the model has. `concern`: what went wrong
    /// with the training, also told to the user; "" where nothing did.
    void end(const RunPosition& at, const Scores& scores, const Ending& ending, std::size_t model_epoch,
             const std::string& concern, const PhaseReport& phases);
    /// A checkpoint is on its way, for whose copy the training has waited so long.
    void checkpoint(const RunPosition& at, double stalled_seconds);
    /// Appends to the ledger: the replicas' digest after a step.
    void digest(const RunPosition& at, const Digest128& digest);
    /// The same with digests by layer.
    void ledger(const LedgerLine& line);
    /// Tells of each line of the ledger, whether or not there is a log.
    void observe_ledger(std::function<void(const LedgerLine& line)> observe) {
        observe_ = std::move(observe);
    }
    void warn(const std::string& text);
    void line(const std::string& text);

    /// Samples of `at` that steps between training_begins and training_ends have trained on: all but those
    /// of an earlier run that this one goes on with.
    [[nodiscard]] std::size_t samples_until(const RunPosition& at) const {
        return at.samples - samples_before_.value_or(at.samples);
    }
    [[nodiscard]] double seconds() const { return before_.all + watch_.seconds(); }
    [[nodiscard]] Times times() const { return {seconds(), before_.training + training_seconds()}; }
    /// result.json, before the model is written. On the rank that has a log, as the next.
    void result(const nlohmann::json& result) { log_->write_result(result); }
    /// The model is written: see RunLog::publish.
    void publish() { log_->publish(); }
    /// Of those between training_begins and training_ends, of this run's or, where it goes on, of since.
    [[nodiscard]] double training_seconds() const {
        return training_seconds_ + (steps_watch_ ? steps_watch_->seconds() : 0.0);
    }
    [[nodiscard]] const std::optional<RunLog>& log() const { return log_; }

  private:
    [[nodiscard]] Metrics metrics(const char* event, const RunPosition& at) const;
    /// The line of the end and of a stop.
    [[nodiscard]] Metrics last_metrics(const char* event, const RunPosition& at,
                                       const PhaseReport& phases) const;

    Progress progress_;
    std::function<void(const LedgerLine& line)> observe_;
    std::optional<RunLog> log_;
    std::size_t log_every_;
    std::size_t steps_ = 0;  // of the run
    std::size_t steps_per_epoch_ = 0;
    Stopwatch watch_;
    Times before_;
    std::optional<Stopwatch> steps_watch_;       // while steps are taken
    double training_seconds_ = 0.0;              // of those before
    std::optional<std::size_t> samples_before_;  // the first of them
    std::size_t steps_before_ = 0;               // the same
    double last_line_seconds_ = 0.0;
};

}  // namespace lockstep
