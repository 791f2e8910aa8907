// What train, crossval and bag have in common, for a new run and for one that goes on.
#pragma once

#include "launcher/commands/commands.h"
#include "launcher/run/faults.h"
#include "launcher/run/progress.h"
#include "launcher/train/training_run.h"

namespace lockstep {

/// The data, the network, and the model that training starts from. Throws as prepare and start_from_model,
/// and CheckpointError where a run that goes on started from another model. Collective.
Prepared prepare_training(const Communicator& comm, const CommandInput& input, Progress& progress);

/// `input`, `prepared` and `faults` must outlive the job. Collective.
TrainingJob training_job(const Communicator& comm, const CommandInput& input, const Prepared& prepared,
                         const Faults& faults);

}  // namespace lockstep
