// `lockstep train`: from a configuration to a run directory with a model.
#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/training/run_summary.h"
#include "launcher/commands/training/training_job.h"
#include "launcher/run/printing.h"
#include "launcher/train/training_run.h"

namespace lockstep {

int command_train(Communicator& comm, const CommandInput& input) {
    TrainingSetup setup = set_up_training(comm, input);
    Progress& progress = setup.progress;
    const TrainingJob job = training_job(input, setup);
    const FinishedRun run = run_training(comm, job, progress);
    if (!run.is_stopped && comm.rank() == 0)
        for (const std::string& text : summary_of(to_json(run))) progress.line(text);
    if (comm.rank() == 0 && input.json) print_json(to_json(run));
    return static_cast<int>(run.exit_code());
}

}  // namespace lockstep
