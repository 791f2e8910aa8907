// `lockstep crossval`: how well a configuration generalises, by k-fold cross-validation.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/training/training_job.h"
#include "launcher/run/printing.h"
#include "launcher/several/resampled_training.h"

namespace lockstep {

namespace {

void print(Progress& progress, const nlohmann::json& report) {
    for (const nlohmann::json& network : report["networks"]) {
        progress.line(fmt::format("fold {:3}{}{}", network["number"].get<std::size_t>(),
                                  score_text(network, "validation"), score_text(network, "test")));
    }
    std::string line = fmt::format("{} folds", report["networks"].size());
    const auto add = [&](const char* name, const nlohmann::json& of, double factor, const char* unit) {
        if (of.is_null()) return;
        line += fmt::format("  {} {:.5g} ± {:.2g}{}", name, factor * of["mean"].get<double>(),
                            factor * of["standard_deviation"].get<double>(), unit);
    };
    add("validation loss", report["validation_loss"], 1.0, "");
    add("accuracy", report["validation_accuracy"], 100.0, " %");
    progress.line(line);
}

}  // namespace

int command_crossval(Communicator& comm, const CommandInput& input) {
    TrainingSetup setup = set_up_training(comm, input);
    Progress& progress = setup.progress;
    const Prepared& prepared = setup.prepared;
    const std::vector<Resample> folds = agree(comm, [&] {
        const std::size_t count = input.config.resampling.folds;
        if (count <= prepared.data.train->size()) {
            return cross_validation(prepared.data.train->size(), count, input.config.resampling.seed);
        }
        throw ConfigError(fmt::format("{}: is more than the {} training samples; choose at most {}",
                                      input.options.place("resampling.folds"), prepared.data.train->size(),
                                      prepared.data.train->size()));
    });
    const TrainingJob job = training_job(input, setup);
    const SeveralNetworks networks = agree(comm, [&] {
        return resampled_networks(job, {.subcommand = "crossval",
                                        .kind = "fold",
                                        .count = folds.size(),
                                        .draw = [&](std::size_t i) { return folds[i]; }});
    });
    TrainedNetworks trained = train_several(comm, job, networks, progress);
    if (trained.is_stopped) return static_cast<int>(ExitCode::kStoppedEarly);
    agree(comm, [&] {
        if (comm.rank() != 0) return;
        nlohmann::json& report = trained.report;
        report["validation_loss"] = spread(report["networks"], "validation_loss");
        report["validation_accuracy"] = spread(report["networks"], "validation_accuracy");
        print(progress, report);
        publish(trained, networks, input.config.run.overwrite);
        if (input.json) print_json(trained.report);
    });
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
