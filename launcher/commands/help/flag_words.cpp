#include "launcher/commands/help/flag_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace lockstep {

namespace {

/// A key that most users need, and the subcommands that it matters to; empty: all that take keys.
struct CommonKey {
    std::string_view key;
    std::string_view subcommands = {};
};

constexpr std::string_view kTrains = "train crossval bag sweep plan verify";
constexpr std::array kCommonKeys{
    CommonKey{"data.source"},
    CommonKey{"data.dir"},
    CommonKey{"data.split"},
    CommonKey{"network.layer"},
    CommonKey{"network.loss"},
    CommonKey{"training.epochs", kTrains},
    CommonKey{"training.max_steps", kTrains},
    CommonKey{"training.global_batch", kTrains},
    CommonKey{"training.patience", kTrains},
    CommonKey{"training.keep", kTrains},
    CommonKey{"training.seed", kTrains},
    CommonKey{"training.threads"},
    CommonKey{"training.arithmetic"},
    CommonKey{"optimizer.name", kTrains},
    CommonKey{"optimizer.learning_rate", kTrains},
    CommonKey{"optimizer.schedule", kTrains},
    CommonKey{"optimizer.momentum", kTrains},
    CommonKey{"regularisation.l2", kTrains},
    CommonKey{"comm.shard", "train resume plan"},
    CommonKey{"resampling.folds", "crossval"},
    CommonKey{"resampling.bags", "bag"},
    CommonKey{"resampling.groups", "crossval bag sweep"},
    CommonKey{"run.dir", "train crossval bag sweep"},
    CommonKey{"run.overwrite", "train crossval bag"},
    CommonKey{"run.evaluate_every", "train resume"},
    CommonKey{"run.checkpoint_every", "train resume crossval bag"},
    CommonKey{"run.max_wall_time", "train resume crossval bag"},
};

constexpr std::array kExitWords{
    ExitWords{ExitCode::kDone, "done"},
    ExitWords{ExitCode::kInternal, "internal error (of diff: different)"},
    ExitWords{ExitCode::kUsage, "usage, configuration or an output that cannot be written"},
    ExitWords{ExitCode::kData, "data"},
    ExitWords{ExitCode::kCheckpoint, "model file or checkpoint"},
    ExitWords{ExitCode::kNumerical, "NaN or Inf"},
    ExitWords{ExitCode::kHang, "hang detected"},
    ExitWords{ExitCode::kReplicasDiffer, "replicas or ledgers differ or hardware computes wrongly"},
    ExitWords{ExitCode::kStoppedEarly, "stopped early with a checkpoint: `lockstep resume` goes on"},
};

bool has_word(std::string_view words, std::string_view word) {
    for (std::size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
    }
    return false;
}

/// What stands for a key's value.
std::string value_word(const OptionSpec& spec) {
    switch (spec.kind) {
        case OptionKind::kText:
            return spec.path ? "PATH" : "TEXT";
        case OptionKind::kWhole:
            return "N";
        case OptionKind::kWholeOrAll:
            return "N|all";
        case OptionKind::kWholeOrAuto:
            return "N|auto";
        case OptionKind::kReal:
        case OptionKind::kRates:
            return "X";
        case OptionKind::kChoice:
            return "NAME";
        case OptionKind::kSwitch:
            return "true|false";
        case OptionKind::kLayer:
            return "LAYER";
        case OptionKind::kDuration:
            return "TIME";
        case OptionKind::kInterval:
            return "N|TIME";
    }
    return "";
}

}  // namespace

FlagWords words_of(const OwnFlag& flag) {
    return {fmt::format("--{}", flag.name), std::string(flag.value),
            fmt::format("{}{}", flag.help, flag.required ? " (required)" : "")};
}

FlagWords words_of(const OptionSpec& spec) {
    std::string text = help_of(spec);
    // N is any whole number from 0 up.
    const bool is_plain = spec.kind == OptionKind::kWhole && spec.least == 0.0 && spec.most >= kMostWhole;
    const bool says_all = spec.kind == OptionKind::kText || spec.kind == OptionKind::kLayer ||
                          spec.kind == OptionKind::kSwitch || is_plain;
    if (!says_all) text += "; " + rule_text(spec);
    if (spec.required) {
        text += fmt::format(" (required{}{})", spec.repeated ? ", repeated in order" : "",
                            spec.unless.empty() ? "" : fmt::format(", but with {}", spec.unless));
    } else if (!spec.default_text.empty()) {
        text += fmt::format(" (default {})", spec.default_text);
    }
    return {fmt::format("--{}", spec.key), value_word(spec), std::move(text)};
}

std::string_view section_of(const OptionSpec& spec) { return spec.key.substr(0, spec.key.find('.')); }

bool takes_keys(const Subcommand& subcommand) { return subcommand.takes_config || subcommand.takes_run; }

bool is_common(const OptionSpec& spec, const Subcommand& subcommand) {
    const auto row = std::ranges::find(kCommonKeys, spec.key, &CommonKey::key);
    if (row == kCommonKeys.end()) return false;
    // Of a run that goes on, those that may change freely.
    if (subcommand.takes_run && !spec.free) return false;
    return row->subcommands.empty() || has_word(row->subcommands, subcommand.name) ||
           (subcommand.takes_run && spec.key == "training.threads");
}

std::vector<std::string_view> common_keys() {
    std::vector<std::string_view> keys;
    for (const CommonKey& row : kCommonKeys) keys.push_back(row.key);
    return keys;
}

std::vector<std::string_view> listed_values(std::string_view value) {
    std::vector<std::string_view> values;
    while (!value.empty()) {
        const std::size_t end = std::min(value.size(), value.find('|'));
        const std::string_view word = value.substr(0, end);
        const bool is_name = std::ranges::any_of(
            word, [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; });
        if (!is_name) values.push_back(word);
        value.remove_prefix(std::min(value.size(), end + 1));
    }
    return values;
}

std::vector<std::string_view> listed_values(const OptionSpec& spec) {
    if (spec.kind == OptionKind::kWholeOrAll) return {"all"};
    if (spec.kind == OptionKind::kWholeOrAuto) return {"auto"};
    return {spec.choices.begin(), spec.choices.end()};
}

std::span<const ExitWords> exit_words() { return kExitWords; }

}  // namespace lockstep
