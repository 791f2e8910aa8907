// The settings by which a model is used: its own where it has a say, else those that are given.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "launcher/files/model_file.h"
#include "launcher/options/config.h"
#include "launcher/options/options.h"

namespace lockstep {

/// What a model says in place of a configuration, as OptionSources::base: its data source unless `flags` name
/// one, its network, and that nothing is trained.
std::vector<std::pair<std::string, OptionValue>> settings_of(
    const std::filesystem::path& path, const ModelRecord& record,
    const std::vector<std::pair<std::string, std::string>>& flags);

/// The options for using the model: network and preprocessing are the model's, whatever was given. So are the
/// number of classes, the arithmetic and what square errors take classes for, where nothing was given. Keys
/// of training have their defaults, so that none of them is in the way of a network that it was not made for.
ResolvedOptions with_model(const ResolvedOptions& options, const std::filesystem::path& path,
                           const ModelRecord& record);

/// "" where the model computes what the configuration's network does, else what it has and what the
/// configuration has: layers without first values and dropout, loss, preprocessing.
std::string difference(const ModelRecord& record, const Config& config);

}  // namespace lockstep
