// The sections of the configuration, each read into its types by itself. What a section's own keys cannot be
// together is refused here, by a ConfigError that names key and origin; what two sections cannot be together
// stands in config_rules.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// A key was given which is not read, because of what other keys choose.
class UnreadKey : public ConfigError {
  public:
    /// `choices`: the keys by whose values `key` is not read; `why` ends the message.
    UnreadKey(const ResolvedOptions& options, std::string_view key, std::vector<std::string_view> choices,
              std::string_view why)
        : ConfigError(fmt::format("{}: {}", options.place(key), why)),
          key_(key),
          choices_(choices.begin(), choices.end()) {}
    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    [[nodiscard]] const std::vector<std::string>& choices() const noexcept { return choices_; }

  private:
    std::string key_;
    std::vector<std::string> choices_;
};

/// A number that was checked when it was resolved, so that reading it again cannot fail.
template <class T>
T number(const ResolvedOptions& options, std::string_view key) {
    return parse_number<T>(options.text(key)).value();
}

inline std::size_t count(const ResolvedOptions& options, std::string_view key) {
    return number<std::size_t>(options, key);
}

/// Throws UnreadKey where `key` was given though it has no effect, because `missing` is, as `choices` say.
inline void refuse_without(const ResolvedOptions& options, std::string_view key, bool effect,
                           std::string_view missing, std::vector<std::string_view> choices) {
    if (effect || !options.given(key)) return;
    throw UnreadKey(options, key, std::move(choices),
                    fmt::format("has no effect without {}; set that, or remove the key", missing));
}

}  // namespace lockstep
