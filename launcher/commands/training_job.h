// What train, crossval and bag have in common, for a new run and for one that goes on.
#pragma once

#include "launcher/commands/commands.h"
#include "launcher/run/faults.h"
#include "launcher/run/requests.h"
#include "launcher/train/training_run.h"

namespace lockstep {

/// All arguments must outlive the job.
inline TrainingJob training_job(const CommandInput& input, const Prepared& prepared, const Faults& faults) {
    return {.config = input.config,
            .options = input.options,
            .prepared = prepared,
            .ask = RequestSignals::take,
            .going_on = input.going_on,
            .allowed = input.allowed,
            .faults = faults};
}

}  // namespace lockstep
