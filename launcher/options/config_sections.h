// The sections of the configuration, each read into its types by itself. What a section's own keys cannot be
// together is refused here, by a ConfigError that names key and origin; what two sections cannot be together
// stands in config_rules.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string_view>

#include "core/base/error.h"
#include "core/base/number.h"
#include "launcher/options/config.h"
#include "launcher/options/options.h"

namespace lockstep {

/// [data], with the keys that the chosen source does not read refused.
DataOptions read_data(const ResolvedOptions& options);
AugmentationOptions read_augmentation(const ResolvedOptions& options);
/// [preprocessing] but for the targets, which are the network's.
PreprocessingOptions read_preprocessing(const ResolvedOptions& options);
/// The layers, the loss and how it takes classes.
NetworkSpec read_network(const ResolvedOptions& options);
/// check(network) with the place of its last layer.
void check_network(const ResolvedOptions& options, const NetworkSpec& network);
TrainingConfig read_training(const ResolvedOptions& options);
OptimizerOptions read_optimizer(const ResolvedOptions& options);
LearningRateOptions read_learning_rate(const ResolvedOptions& options);
RegularisationOptions read_regularisation(const ResolvedOptions& options);
CommConfig read_comm(const ResolvedOptions& options);
ResamplingConfig read_resampling(const ResolvedOptions& options);
RunConfig read_run(const ResolvedOptions& options);

/// A number that was checked when it was resolved, so that reading it again cannot fail.
template <class T>
T number(const ResolvedOptions& options, std::string_view key) {
    return parse_number<T>(options.text(key)).value();
}

inline std::size_t count(const ResolvedOptions& options, std::string_view key) {
    return number<std::size_t>(options, key);
}

/// Throws ConfigError where `key` was given though it has no effect, because `missing` is.
inline void refuse_without(const ResolvedOptions& options, std::string_view key, bool effect,
                           std::string_view missing) {
    if (effect || !options.given(key)) return;
    throw ConfigError(fmt::format("{}: has no effect without {}; set that, or remove the key",
                                  options.place(key), missing));
}

}  // namespace lockstep
