// `lockstep train`: from a configuration to a run directory with a model.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "launcher/commands/commands.h"
#include "launcher/run/printing.h"
#include "launcher/train/training_run.h"

namespace lockstep {

int command_train(Communicator& comm, const CommandInput& input) {
    Prepared prepared = prepare(comm, input.config, input.options);
    Progress progress = Progress::for_rank(comm.rank(), input.json);
    start_from_model(comm, {input.models, input.model_layers}, input.options, prepared,
                     input.config.preprocessing, progress);
    const FinishedRun run = run_training(comm, {input.config, input.options, prepared}, progress);
    progress.line(fmt::format("{}  {}", run.result.digest.hex(), run.model.string()));
    if (comm.rank() == 0 && input.json) print_json(to_json(run));
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
