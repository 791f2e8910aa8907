// What `lockstep eval` says of classes taken for each other: --confusion and --wrong.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "comm/communicator.h"
#include "launcher/commands/commands.h"
#include "launcher/files/output_target.h"
#include "launcher/run/printing.h"
#include "launcher/score/confusion.h"
#include "launcher/score/ensemble.h"
#include "launcher/score/trained_network.h"

namespace lockstep {

/// Whether the command line asks for it.
bool asks_for_confusion(const CommandInput& input);

/// Prints what eval says, beside a file of --wrong that is the standard output.
template <class... T>
void say(const CommandInput& input, fmt::format_string<T...> format, T&&... values) {
    const std::string text = fmt::format(format, std::forward<T>(values)...);
    if (input.wrong.empty()) {
        print_out("{}", text);
    } else {
        print_beside(input.wrong, text);
    }
}

/// Refuses, before the work, a set without classes and a file of --wrong that cannot be written. Throws
/// ConfigError. Rank 0 alone looks at the file.
void check_confusion(const Communicator& comm, const CommandInput& input, const Dataset& set);

/// Of the whole set, the same on every rank; nothing where it is not asked for. Collective.
std::optional<Confusion> confusion_of(const Communicator& comm, const CommandInput& input,
                                      const TrainedNetwork& trained, const Dataset& set);
std::optional<Confusion> confusion_of(const Communicator& comm, const CommandInput& input,
                                      const Ensemble& ensemble, const std::shared_ptr<const Dataset>& set);

/// Writes the file of --wrong, and adds "confusion" and "wrong" to the object that --json prints.
void add_confusion(const CommandInput& input, const Confusion& confusion, nlohmann::json& json);
/// Writes the file of --wrong and prints matrix, precision and recall.
void print_confusion(const CommandInput& input, const Confusion& confusion);

}  // namespace lockstep
