// The keys that say when a run stops and which parameters its model holds: training.patience, watch, keep and
// stop_gradient.
#pragma once

#include "launcher/options/config.h"

namespace lockstep {

/// Reads them into `training`. Throws ConfigError naming key and origin for combinations that cannot be.
void read_stopping(const ResolvedOptions& options, TrainingConfig& training);

/// Whether there is what the run goes by: a validation part, and an accuracy where that is watched. Requires
/// `network` as check_against_data returns it. Throws ConfigError naming key and origin.
void check_stopping(const Config& config, const ResolvedOptions& options, const NetworkSpec& network,
                    bool has_validation);

}  // namespace lockstep
