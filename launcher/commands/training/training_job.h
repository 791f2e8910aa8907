// What train, crossval and bag have in common, for a new run and for one that goes on.
#pragma once

#include "launcher/commands/commands.h"
#include "launcher/run/faults.h"
#include "launcher/run/progress.h"
#include "launcher/run/time_limit.h"
#include "launcher/train/training_run.h"

namespace lockstep {

struct TrainingSetup {
    Progress progress;
    TimeLimit limit;
    Faults faults;
    Prepared prepared;  ///< with the model that training starts from
};

/// Throws as prepare, arm_faults and start_from_model, and CheckpointError where a run that goes on started
/// from another model. Collective.
TrainingSetup set_up_training(const Communicator& comm, const CommandInput& input);

/// Both arguments must outlive the job.
TrainingJob training_job(const CommandInput& input, const TrainingSetup& setup);

}  // namespace lockstep
