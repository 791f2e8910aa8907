#include "launcher/options/config_stopping.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/network/objective.h"
#include "launcher/options/option_refusals.h"

namespace lockstep {

namespace {

std::string_view watching_key(const TrainingConfig& training) {
    return training.patience > 0 ? "training.patience" : "training.keep";
}

}  // namespace

void read_stopping(const ResolvedOptions& options, TrainingConfig& training) {
    const auto count = [&](std::string_view key) {
        return parse_number<std::size_t>(options.text(key)).value();
    };
    training.patience = count("training.patience");
    training.keep_best = options.text("training.keep") == "best";
    training.watches_accuracy = options.text("training.watch") == "validation_accuracy";
    refuse_without(options, "training.watch", training.watches_validation(),
                   "training.patience or training.keep = best");
    if (training.watches_validation() && options.text("run.evaluate_every") == "0") {
        throw ConfigError(
            fmt::format("{}: goes by the {}, which run.evaluate_every = 0 measures only at the end; set 1",
                        options.place(watching_key(training)), training.watched()));
    }

    training.stop_gradient = parse_number<double>(options.text("training.stop_gradient")).value();
    training.stop_gradient_steps = count("training.stop_gradient_steps");
    training.stop_gradient_of_epoch = options.text("training.stop_gradient_of") == "epoch";
    const bool stops = training.stop_gradient > 0.0;
    refuse_without(options, "training.stop_gradient_of", stops, "training.stop_gradient");
    refuse_without(options, "training.stop_gradient_steps", stops && !training.stop_gradient_of_epoch,
                   stops ? "training.stop_gradient_of = step: one epoch's gradient is enough"
                         : "training.stop_gradient");
    training.log_gradient = options.text("run.log_gradient") == "true";
}

void check_stopping(const Config& config, const ResolvedOptions& options, const NetworkSpec& network,
                    bool has_validation) {
    const TrainingConfig& training = config.training;
    if (!training.watches_validation()) return;
    if (!has_validation) {
        throw ConfigError(
            fmt::format("{}: goes by the {}, but there is no validation part; set data.split, as in 80/20",
                        options.place(watching_key(training)), training.watched()));
    }
    if (training.watches_accuracy && !Objective(network).counts_correct()) {
        throw ConfigError(
            fmt::format("{}: there is no accuracy where targets are numbers; choose validation_loss",
                        options.place("training.watch")));
    }
}

}  // namespace lockstep
