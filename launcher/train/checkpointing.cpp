#include "launcher/train/checkpointing.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "comm/watchdog.h"
#include "core/base/error.h"
#include "launcher/files/parse_json.h"

namespace lockstep {

nlohmann::json to_json(const SavedRun& run) {
    return {{"identity", run.identity.to_json()},
            {"state", to_json(run.state)},
            {"seconds", run.times.all},
            {"training_seconds", run.times.training},
            {"ranks", run.ranks}};
}

SavedRun saved_run_from_json(const nlohmann::json& json) {
    try {
        return {.identity = RunIdentity::from_json(json.at("identity")),
                .state = run_state_from_json(json.at("state")),
                .times = {json.at("seconds").get<double>(), json.at("training_seconds").get<double>()},
                .ranks = whole_number(json.at("ranks"))};
    } catch (const nlohmann::json::exception& error) {
        throw CheckpointError(fmt::format("damaged checkpoint: {}; go on from an older one", error.what()));
    }
}

Checkpointing::Checkpointing(const Communicator& comm, const Config& config,
                             const std::filesystem::path& files, RunIdentity identity, Faults faults)
    : comm_(comm),
      every_(config.run.checkpoint_every),
      watches_accuracy_(config.training.watches_accuracy),
      identity_(std::move(identity)),
      writer_(comm, files, config.run.checkpoint_keep, std::move(faults)) {}

std::size_t Checkpointing::next_step(std::size_t step) const {
    if (every_.steps == 0) return std::numeric_limits<std::size_t>::max();
    return (step / every_.steps + 1) * every_.steps;
}

bool Checkpointing::due() {
    writer_.check();
    return comm_.rank() == 0 && every_.seconds > 0.0 && since_last_.seconds() >= every_.seconds;
}

void Checkpointing::save(Trainer& trainer, Journal& journal) {
    const RunState& state = trainer.state();
    since_last_ = Stopwatch();
    if (state.at.step == 0 || state.at.step == saved_step_) return;
    report_place(Place::kFiles);
    Checkpoint checkpoint;
    checkpoint.step = state.at.step;
    checkpoint.values = trainer.layout().arena_size();
    checkpoint.run = to_json(SavedRun{identity_, state, journal.times(), comm_.size()});
    // The last one that was measured: within an epoch that of the parameters at its beginning.
    if (const auto& validation = state.scores.validation)
        checkpoint.error =
            watches_accuracy_ && validation->accuracy ? -*validation->accuracy : validation->loss;
    writer_.save(std::move(checkpoint), trainer.state_arrays(), trainer.layout().arena_size());
    saved_step_ = state.at.step;
    journal.checkpoint(state.at, writer_.stalled_seconds());
}

}  // namespace lockstep
