#include "launcher/train/journal.h"

#include <fmt/format.h>

#include <utility>

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
    if (!samples_before_) samples_before_ = at.samples;
    steps_watch_.emplace();
}

void Journal::training_ends() {
    training_seconds_ = training_seconds();
    steps_watch_.reset();
}

void Journal::step(const RunPosition& at, double train_loss, std::optional<double> gradient_norm,
                   std::size_t step_in_epoch, std::size_t steps_in_epoch) {
    if (log_ && log_every_ > 0 && at.step % log_every_ == 0) {
        Metrics line = metrics("step", at);
        line.train_loss = train_loss;
        line.gradient_norm = gradient_norm;
        log_->write(line);
    }
    if (!progress_.due()) return;
    progress_.update(fmt::format("epoch {}", at.epoch), step_in_epoch, steps_in_epoch,
                     fmt::format("loss {:.5f}", train_loss));
}

void Journal::epoch(const RunPosition& at, const Scores& scores, const EpochCommunication& communication,
                    std::optional<double> gradient_norm) {
    Metrics line = metrics("epoch", at);
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
                  const std::string& concern) {
    if (!concern.empty()) warn(concern);
    Metrics line = metrics("end", at);
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

void Journal::stopped_early(const RunPosition& at, StopReason reason, const std::string& dir) {
    const char* why = "as asked";
    if (reason == StopReason::kMaxWallTime) why = "since run.max_wall_time is nearly over";
    if (reason == StopReason::kJobEnd) why = "since the Slurm job is nearly over";
    progress_.line(fmt::format("stopped {} after step {} (epoch {}); go on: lockstep resume {}", why, at.step,
                               at.epoch, dir));
    Metrics line = metrics("stop", at);
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

void Journal::warn(const std::string& text) { progress_.line("warning: " + text); }

void Journal::line(const std::string& text) { progress_.line(text); }

}  // namespace lockstep
