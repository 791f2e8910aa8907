// [training].
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "launcher/options/config_sections.h"
#include "launcher/options/options_environment.h"

namespace lockstep {

namespace {

/// Pieces are cut along the leaf tree, so they are whole leaves.
std::size_t read_micro_batch(const ResolvedOptions& options, std::size_t leaf) {
    const std::size_t samples = count(options, "training.micro_batch");
    if (samples % leaf == 0) return samples;
    const std::size_t below = samples / leaf * leaf;
    throw ConfigError(
        fmt::format("{}: must be a multiple of training.leaf = {}; choose {}{}, or 0 for no bound",
                    options.place("training.micro_batch"), leaf,
                    below > 0 ? fmt::format("{} or ", below) : "", below + leaf));
}

/// The keys that say when a run stops and which parameters its model holds.
void read_stopping(const ResolvedOptions& options, TrainingConfig& training) {
    training.patience = count(options, "training.patience");
    training.keep_best = options.text("training.keep") == "best";
    training.watches_accuracy = options.text("training.watch") == "validation_accuracy";
    refuse_without(options, "training.watch", training.watches_validation(),
                   "training.patience or training.keep = best", {"training.patience", "training.keep"});

    training.stop_gradient = number<double>(options, "training.stop_gradient");
    training.stop_gradient_steps = count(options, "training.stop_gradient_steps");
    training.stop_gradient_of_epoch = options.text("training.stop_gradient_of") == "epoch";
    const bool stops = training.stop_gradient > 0.0;
    refuse_without(options, "training.stop_gradient_of", stops, "training.stop_gradient",
                   {"training.stop_gradient"});
    refuse_without(
        options, "training.stop_gradient_steps", stops && !training.stop_gradient_of_epoch,
        stops ? "training.stop_gradient_of = step: one epoch's gradient is enough" : "training.stop_gradient",
        {"training.stop_gradient", "training.stop_gradient_of"});
    training.log_gradient = options.text("run.log_gradient") == "true";
}

}  // namespace

std::size_t TrainingConfig::steps(std::size_t steps_per_epoch) const {
    std::size_t by_epochs = 0;
    if (__builtin_mul_overflow(epochs, steps_per_epoch, &by_epochs))
        by_epochs = std::numeric_limits<std::size_t>::max();
    if (epochs == 0) return max_steps;
    return max_steps == 0 ? by_epochs : std::min(by_epochs, max_steps);
}

TrainingConfig read_training(const ResolvedOptions& options) {
    const std::string& batch = options.text("training.global_batch");
    TrainingConfig training;
    training.epochs = count(options, "training.epochs");
    training.max_steps = count(options, "training.max_steps");
    training.global_batch = batch == "all" ? kWholeSet : count(options, "training.global_batch");
    training.leaf = count(options, "training.leaf");
    training.micro_batch = read_micro_batch(options, training.leaf);
    training.seed = number<std::uint64_t>(options, "training.seed");
    training.threads = count(options, "training.threads");
    training.arithmetic = value_named<Arithmetic>(options.text("training.arithmetic"));
    if (training.threads == 0) training.threads = read_thread_variable().threads;
    training.order = value_named<SampleOrder>(options.text("training.order"));
    read_stopping(options, training);
    if (!options.given("training.epochs") && !options.given("training.max_steps")) {
        throw ConfigError(
            "neither training.epochs nor training.max_steps is given; set one (0 to initialise the network "
            "and save "
            "it untrained)");
    }
    return training;
}

}  // namespace lockstep
