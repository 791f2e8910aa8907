// What eval and predict are given: a configuration, the directory of a run, or a model; and the models and
// settings that come of it.
#pragma once

#include <filesystem>
#include <vector>

#include "comm/communicator.h"
#include "launcher/commands/commands.h"
#include "launcher/options/options.h"

namespace lockstep {

/// The settings that the first argument and the flags give: of a configuration's file; of a run's record,
/// with the flags in place of its values and without variables, as resume has them; of a model, which says
/// what its network is. Throws ConfigError and CheckpointError. Not collective.
ResolvedOptions given_options(const CommandInput& input);

/// The input with the files of all models in `models`, and, where the first of them says what its network is,
/// with options and config as they are to use it. The models: those of --model; else those of the run that
/// the first argument is the directory of; and a model that is the first argument is the first of them. Rank
/// 0 warns of those that are of another network than the configuration. Throws on every rank alike, as
/// model_files, open_model and make_config, and CollectiveError (exit code 4) where ranks find other models.
/// Collective.
CommandInput with_models(const Communicator& comm, const CommandInput& given);

/// The files that the command line names, besides those of data: of what with_models has given.
std::vector<std::filesystem::path> files_given(const CommandInput& input);

}  // namespace lockstep
