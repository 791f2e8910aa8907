// `lockstep bag`: networks on bootstrap samples of the training set, to be averaged by eval and predict
// (Breiman, Bagging Predictors, 1996).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "launcher/commands/commands.h"
#include "launcher/run/printing.h"
#include "launcher/train/resampled_training.h"

namespace lockstep {

int command_bag(Communicator& comm, const CommandInput& input) {
    Prepared prepared = prepare(comm, input.config, input.options);
    Progress progress = Progress::for_rank(comm.rank(), input.json);
    start_from_model(comm, {input.models, input.model_layers}, input.options, prepared,
                     input.config.preprocessing, progress);
    const auto draw = [&](std::size_t i) {
        return bootstrap(prepared.data.train->size(), input.config.resampling.seed,
                         static_cast<std::uint32_t>(i));
    };
    const ResampledTraining training{.kind = "bag",
                                     .report_file = "bag.json",
                                     .count = input.config.resampling.bags,
                                     .draw = draw,
                                     .own_seeds = true};
    const Resampled trained =
        train_resampled(comm, {input.config, input.options, prepared}, training, progress);
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
        publish(trained, training, input.config.run.overwrite);
        if (input.json) print_json(trained.report);
    });
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
