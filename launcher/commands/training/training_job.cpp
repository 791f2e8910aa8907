#include "launcher/commands/training/training_job.h"

#include <fmt/format.h>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "launcher/run/requests.h"
#include "launcher/run/time_limit.h"
#include "launcher/score/warm_start.h"

namespace lockstep {

Prepared prepare_training(const Communicator& comm, const CommandInput& input, Progress& progress) {
    Prepared prepared = prepare(comm, input.config, input.options);
    start_from_model(comm, {input.models, input.model_layers}, input.options, prepared,
                     input.config.preprocessing, progress);
    agree(comm, [&] {
        if (input.start_digest.empty() || prepared.start->origin().digest == input.start_digest) return;
        throw CheckpointError(
            fmt::format("the run started from a model of digest {}, but {} has {} now; put the old one back",
                        input.start_digest, input.models.front().string(), prepared.start->origin().digest));
    });
    return prepared;
}

TrainingJob training_job(const Communicator& comm, const CommandInput& input, const Prepared& prepared,
                         const Faults& faults) {
    return {.config = input.config,
            .options = input.options,
            .prepared = prepared,
            .ask = RequestSignals::take,
            .limit = time_limit_of_job(comm, TimeLimit::Seconds(input.config.run.max_wall_time_seconds)),
            .going_on = input.going_on,
            .allowed = input.allowed,
            .faults = faults};
}

}  // namespace lockstep
