// run.log_file: what is printed, also in a file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "launcher/options/config.h"
#include "launcher/options/options.h"

namespace lockstep {

/// From now on what this process prints is remembered, until the file is there: what comes before a run has a
/// place belongs to it too, and a run that is refused leaves no file.
void remember_output();

/// Opens the file that the configuration names, if it names one, and writes what was remembered; of a run
/// that goes on behind what the file holds. `dir`: the run's directory. Throws ConfigError where the file
/// cannot be written, is one that this run has read, or one that it keeps itself.
void open_output_log(const Config& config, const ResolvedOptions& options, const std::filesystem::path& dir,
                     bool goes_on);

/// Called with all that is printed, as printable. Never throws.
void log_output(std::string_view text) noexcept;

/// "" where all that was printed has arrived in the file, or there is none; else an error message.
std::string lost_output_log();

}  // namespace lockstep
