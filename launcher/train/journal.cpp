#include "launcher/train/journal.h"

#include <fmt/format.h>

#include <utility>

#include "core/base/integers.h"
#include "launcher/train/replica.h"

namespace lockstep {

namespace {

constexpr double kQuiet_seconds = 2.0;

void add(Metrics& metrics, const Scores& scores) {
    const auto set = [](const std::optional<Score>& score, auto& loss, auto& accuracy) {
        if (!score) return;
        loss = score->loss;
        accuracy = score->accuracy;
    };
    set(scores.train, metrics.train_loss, metrics.train_accuracy);
    set(scores.validation, metrics.validation_loss, metrics.validation_accuracy);
    set(scores.test, metrics.test_loss, metrics.test_accuracy);
}

std::string text_of(const char* set, const std::optional<Score>& score) {
    if (!score) return {};
    std::string text = fmt::format("  {} loss {:.5f}", set, score->loss);
    if (score->accuracy) text += fmt::format(" accuracy {:.2f} %", 100.0 * *score->accuracy);
    return text;
}

}  // namespace

std::string to_string(Ending::Reason reason) {
    switch (reason) {
        case Ending::kLimit:
            return "limit";
        case Ending::kPatience:
            return "patience";
        case Ending::kGradient:
            return "gradient";
    }
    return "?";
}

std::string to_string(StopReason reason) {
    switch (reason) {
        case StopReason::kRequest:
            return "request";
        case StopReason::kMaxWallTime:
            return "max_wall_time";
        case StopReason::kJobEnd:
            return "job_end";
    }
    return "?";
}

Journal::Journal(Progress progress, std::optional<RunLog> log, std::size_t log_every)
    : progress_(progress), log_(std::move(log)), log_every_(log_every) {}

void Journal::begin(std::size_t ranks) {
    if (!log_) return;
    Metrics line = metrics("start", {});
    line.ranks = ranks;
    log_->write(line);
}

void Journal::go_on(const RunPosition& at, const Times& before, std::size_t ranks_before, std::size_t ranks) {
    before_ = before;
    progress_.line(fmt::format("goes on after step {} (epoch {}), on {} rank{}; it was on {}", at.step,
                               at.epoch, ranks, ranks == 1 ? "" : "s", ranks_before));
    if (!log_) return;
    Metrics line = metrics("resume", at);
    line.ranks = ranks;
    line.ranks_before = ranks_before;
    log_->write(line);
}

Metrics Journal::metrics(const char* event, const RunPosition& at) const {
    Metrics metrics;
    metrics.event = event;
    metrics.epoch = at.epoch;
    metrics.step = at.step;
    metrics.samples = at.samples;
    metrics.seconds = seconds();
    if (at.step > 0) metrics.learning_rate = at.learning_rate;
    if (const std::size_t samples = samples_until(at); samples > 0) {
        metrics.training_seconds = times().training;
        metrics.samples_per_second = static_cast<double>(samples) / training_seconds();
    }
    return metrics;
}

void Journal::training_begins(const RunPosition& at) {
    if (!samples_before_) {
        samples_before_ = at.samples;
        steps_before_ = at.step;
    }
    steps_watch_.emplace();
}

void Journal::training_ends() {
    training_seconds_ = training_seconds();
    steps_watch_.reset();
}

void Journal::step(const RunPosition& at, double train_loss, std::optional<double> gradient_norm) {
    if (log_ && log_every_ > 0 && at.step % log_every_ == 0) {
        Metrics line = metrics("step", at);
        line.train_loss = train_loss;
        line.gradient_norm = gradient_norm;
        log_->write(line);
    }
    if (!progress_.due()) return;
    const std::size_t taken = at.step - steps_before_;
    progress_.update({.epoch = at.epoch,
                      .epochs = ceil_divide(steps_, steps_per_epoch_),
                      .step = (at.step - 1) % steps_per_epoch_ + 1,
                      .steps = steps_per_epoch_,
                      .loss = train_loss,
                      .samples_per_second = static_cast<double>(samples_until(at)) / training_seconds(),
                      // Evaluations and checkpoints until now count, as there will be more of them.
                      .seconds_left = watch_.seconds() / static_cast<double>(taken) *
                                      static_cast<double>(steps_ - at.step)});
}

void Journal::epoch(const RunPosition& at, const Scores& scores, const EpochCommunication& communication,
                    const PhaseSeconds& phases, std::optional<double> gradient_norm) {
    Metrics line = metrics("epoch", at);
    line.epoch_phases = phases;
    line.gradient_norm = gradient_norm;
    line.communication_alone = communication.alone;
    line.communication_exposed = communication.exposed;
    if (communication.alone && communication.exposed) {
        line.communication_hidden_share = hidden_share(*communication.alone, *communication.exposed);
    }
    line.compression_ratio = communication.ratio;
    add(line, scores);
    if (log_) log_->write(line);
    // An experiment may have thousands of epochs a second: only those with a test, and now and then another.
    const bool measured = scores.validation || scores.test;
    if (!measured && line.seconds < last_line_seconds_ + kQuiet_seconds) return;
    last_line_seconds_ = line.seconds;
    progress_.line(fmt::format("epoch {:3}{}{}{}  {:.1f} s", at.epoch, text_of("train", scores.train),
                               text_of("validation", scores.validation), text_of("test", scores.test),
                               line.seconds));
}

void Journal::end(const RunPosition& at, const Scores& scores, const Ending& ending, std::size_t model_epoch,
                  const std::string& concern, const PhaseReport& phases) {
    progress_.clear();
    if (!concern.empty()) warn(concern);
    Metrics line = last_metrics("end", at, phases);
    add(line, scores);
    line.stopped_by = to_string(ending.reason);
    if (ending.best_epoch > 0) line.best_epoch = ending.best_epoch;
    line.model_epoch = model_epoch;
    line.warning = concern;
    if (log_) log_->write(line);
}

void Journal::stopped(const RunPosition& at, Ending::Reason reason) {
    progress_.line(fmt::format("training.{} stopped the run in epoch {}, after step {}",
                               reason == Ending::kPatience ? "patience" : "stop_gradient", at.epoch,
                               at.step));
}

Metrics Journal::last_metrics(const char* event, const RunPosition& at, const PhaseReport& phases) const {
    Metrics line = metrics(event, at);
    line.communication_hidden_share = phases.hidden_share;
    line.phases = phases;
    return line;
}

void Journal::stopped_early(const RunPosition& at, StopReason reason, const std::string& dir,
                            const PhaseReport& phases) {
    const char* why = "as asked";
    if (reason == StopReason::kMaxWallTime) why = "since run.max_wall_time is nearly over";
    if (reason == StopReason::kJobEnd) why = "since the Slurm job is nearly over";
    progress_.line(fmt::format("stopped {} after step {} (epoch {}); go on: lockstep resume {}", why, at.step,
                               at.epoch, dir));
    Metrics line = last_metrics("stop", at, phases);
    line.stopped_by = to_string(reason);
    if (log_) log_->write(line);
}

void Journal::checkpoint(const RunPosition& at, double stalled_seconds) {
    if (!log_) return;
    Metrics line = metrics("checkpoint", at);
    line.stalled_seconds = stalled_seconds;
    log_->write(line);
}

void Journal::digest(const RunPosition& at, const Digest128& digest) {
    ledger({.epoch = at.epoch, .step = at.step, .model = digest, .gradient = {}, .parameters = {}});
}

void Journal::ledger(const LedgerLine& line) {
    if (log_) log_->write(line);
    if (observe_) observe_(line);
}

void Journal::warn(const std::string& text) { progress_.warn(text); }

void Journal::line(const std::string& text) { progress_.line(text); }

}  // namespace lockstep
