// `lockstep bag`: networks on bootstrap samples of the training set, to be averaged by eval and predict
// (Breiman, Bagging Predictors, 1996).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/training/training_job.h"
#include "launcher/run/printing.h"
#include "launcher/several/resampled_training.h"

namespace lockstep {

int command_bag(Communicator& comm, const CommandInput& input) {
    TrainingSetup setup = set_up_training(comm, input);
    Progress& progress = setup.progress;
    const Prepared& prepared = setup.prepared;
    const TrainingJob job = training_job(input, setup);
    const auto draw = [&](std::size_t i) {
        return bootstrap(prepared.data.train->size(), input.config.resampling.seed,
                         static_cast<std::uint32_t>(i));
    };
    const SeveralNetworks networks = agree(comm, [&] {
        return resampled_networks(job, {.subcommand = "bag",
                                        .kind = "bag",
                                        .count = input.config.resampling.bags,
                                        .draw = draw,
                                        .own_seeds = true});
    });
    const TrainedNetworks trained = train_several(comm, job, networks, progress);
    if (trained.is_stopped) return static_cast<int>(ExitCode::kStoppedEarly);
    agree(comm, [&] {
        if (comm.rank() != 0) return;
        const nlohmann::json& report = trained.report;
        for (const nlohmann::json& network : report["networks"]) {
            // Its validation part is what the bootstrap sample left out.
            progress.line(fmt::format("bag {:3}{}{}", network["number"].get<std::size_t>(),
                                      score_text(network, "validation"), score_text(network, "test")));
        }
        progress.line(fmt::format("together: lockstep eval {} --model {}", input.positional.front().string(),
                                  report["run_dir"].get<std::string>()));
        publish(trained, networks, input.config.run.overwrite);
        if (input.json) print_json(trained.report);
    });
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
