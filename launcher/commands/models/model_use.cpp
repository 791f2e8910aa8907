#include "launcher/commands/models/model_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "core/data/open_data.h"
#include "launcher/commands/models/model_settings.h"
#include "launcher/exchange/open_model.h"
#include "launcher/options/options_table.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/warning.h"
#include "launcher/score/same_inputs.h"

namespace lockstep {

namespace {

enum class Given { kConfig, kRun, kModel };

Given what_is(const std::filesystem::path& path) {
    std::error_code none;
    if (std::filesystem::is_directory(path, none)) return Given::kRun;
    return form_of(path) == ModelForm::kNone ? Given::kConfig : Given::kModel;
}

/// The run's options for the source that the flags name: without the keys of its own that this one does not
/// read.
ResolvedOptions for_source(const ResolvedOptions& options,
                           const std::vector<std::pair<std::string, std::string>>& flags) {
    const auto named = std::ranges::find(flags, "data.source", &std::pair<std::string, std::string>::first);
    if (named == flags.end() || named->second == options.text("data.source")) return options;
    std::vector<ResolvedOption> all = options.all();
    for (ResolvedOption& option : all) {
        if (!option.key.starts_with("data.")) continue;
        if (!is_key_of_others(named->second, std::string_view(option.key).substr(5))) continue;
        option.values = {{std::string(find_option(option.key)->default_text), "default"}};
    }
    return {options.config_name(), std::move(all)};
}

ResolvedOptions options_of_record(const CommandInput& input) {
    const auto record = read_run_record(input.positional.front());
    return with_flags(for_source(options_of(record, {}), input.config_flags), input.config_flags);
}

ResolvedOptions options_of_model(const CommandInput& input) {
    const std::filesystem::path& path = input.positional.front();
    const std::optional<ModelRecord> record = open_model_record(path);
    if (!record) {
        throw CheckpointError(fmt::format(
            "model {}: says nothing of its network, as another program wrote it; name a configuration "
            "that does, and give the file by --model",
            path.string()));
    }
    return resolve_options({.config_file = {},
                            .flags = input.config_flags,
                            .environment = process_environment(),
                            .base = settings_of(path, *record, input.config_flags)});
}

std::vector<std::filesystem::path> files_of(const CommandInput& input) {
    const std::filesystem::path& path = input.positional.front();
    const Given given = what_is(path);
    std::vector<std::filesystem::path> files = model_files(input.models);
    if (given == Given::kRun && files.empty()) return model_files(std::span(&path, 1), "");
    if (given == Given::kModel) files.insert(files.begin(), path);
    return files;
}

}  // namespace

ResolvedOptions given_options(const CommandInput& input) {
    switch (what_is(input.positional.front())) {
        case Given::kRun:
            return options_of_record(input);
        case Given::kModel:
            return options_of_model(input);
        case Given::kConfig:
            break;
    }
    return resolve_options({input.positional.front(), input.config_flags, process_environment()});
}

CommandInput with_models(const Communicator& comm, const CommandInput& given) {
    CommandInput input = given;
    input.models = agree(comm, [&] { return files_of(given); });
    check_same_models(comm, input.models);
    std::vector<std::string> remarks;
    agree(comm, [&] {
        const Given kind = what_is(given.positional.front());
        const bool is_asked = kind == Given::kConfig || (kind == Given::kRun && !given.models.empty());
        for (const std::filesystem::path& model : input.models) {
            const std::optional<ModelRecord> record = open_model_record(model);
            if (!record) continue;
            if (&model == &input.models.front()) {
                input.options = with_model(given.options, model, *record);
                input.config = make_config(input.options);
            }
            const std::string text = is_asked ? difference(*record, given.config) : "";
            if (!text.empty())
                remarks.push_back(fmt::format("model {}: {}; the model's own is used", model.string(), text));
        }
    });
    for (const std::string& remark : remarks) warn(comm, remark);
    return input;
}

std::vector<std::filesystem::path> files_given(const CommandInput& input) {
    std::vector<std::filesystem::path> files = input.models;
    files.insert(files.end(), input.positional.begin(), input.positional.end());
    return files;
}

}  // namespace lockstep
