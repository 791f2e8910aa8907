#include "launcher/commands/training/training_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "launcher/run/requests.h"
#include "launcher/run/time_limit.h"
#include "launcher/score/warm_start.h"

namespace lockstep {

namespace {

void check_same_start(const CommandInput& input, const Prepared& prepared) {
    if (input.start_digest.empty() || prepared.start->origin().digest == input.start_digest) return;
    throw CheckpointError(
        fmt::format("the run started from a model of digest {}, but {} has {} now; put the old one back",
                    input.start_digest, input.models.front().string(), prepared.start->origin().digest));
}

}  // namespace

TrainingSetup set_up_training(const Communicator& comm, const CommandInput& input) {
    // The time counts from here.
    const TimeLimit limit =
        time_limit_of_job(comm, TimeLimit::Seconds(input.config.run.max_wall_time_seconds));
    Progress progress = Progress::for_rank(comm.rank(), input.json);
    Faults faults = arm_faults(comm, input.faults, progress);
    Prepared prepared = prepare(comm, input.config, input.options);
    start_from_model(comm, {input.models, input.model_layers}, input.options, prepared,
                     input.config.preprocessing, progress);
    agree(comm, [&] { check_same_start(input, prepared); });
    return {progress, limit, std::move(faults), std::move(prepared)};
}

TrainingJob training_job(const CommandInput& input, const TrainingSetup& setup) {
    std::vector<std::string> allowed = input.allowed_before;
    for (const std::string& name : input.allowed)
        if (std::ranges::find(allowed, name) == allowed.end()) allowed.push_back(name);
    return {.config = input.config,
            .options = input.options,
            .prepared = setup.prepared,
            .ask = RequestSignals::take,
            .limit = setup.limit,
            .going_on = input.going_on,
            .allowed = std::move(allowed),
            .faults = setup.faults};
}

}  // namespace lockstep
