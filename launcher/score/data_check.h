// What a configuration can be refused for only once the data is open.
#pragma once

#include "core/data/dataset.h"
#include "core/network/network_spec.h"
#include "launcher/options/config.h"

namespace lockstep {

/// Returns the network with `inputs` filled in, once the outputs and the loss go with the targets and the
/// batch with the samples: what `plan` and `train` both refuse. Throws ConfigError naming key and origin,
/// DataError where the two sets do not go together.
NetworkSpec check_against_data(const Config& config, const ResolvedOptions& options, const Dataset& train,
                               const Dataset& test);

/// Whether there is what the run goes by: a validation part, and an accuracy where that is watched. Requires
/// `network` as check_against_data returns it. Throws ConfigError naming key and origin.
void check_stopping(const Config& config, const ResolvedOptions& options, const NetworkSpec& network,
                    bool has_validation);

}  // namespace lockstep
