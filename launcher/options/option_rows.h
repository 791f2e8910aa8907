// How the rows of the table of keys are written.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "launcher/options/options_table.h"

namespace lockstep {

inline constexpr std::array<std::string_view, 2> kSwitchWords{"true", "false"};

constexpr OptionSpec whole(std::string_view key, std::string_view default_text, double least, double most,
                           std::string_view help) {
    return {.key = key,
            .kind = OptionKind::kWhole,
            .default_text = default_text,
            .help = help,
            .least = least,
            .most = most};
}

constexpr OptionSpec real(std::string_view key, std::string_view default_text, double least, double most,
                          std::string_view help) {
    return {.key = key,
            .kind = OptionKind::kReal,
            .default_text = default_text,
            .help = help,
            .least = least,
            .most = most};
}

/// What lies at a path is compared where a run goes on, not its name.
constexpr OptionSpec path(std::string_view key, std::string_view help) {
    return {.key = key, .help = help, .path = true, .free = true};
}

constexpr OptionSpec free(OptionSpec spec) {
    spec.free = true;
    return spec;
}

/// Those of [comm], [resampling] and [run].
std::span<const OptionSpec> rows_of_a_job();

}  // namespace lockstep
