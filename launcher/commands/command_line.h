// What the command line says: the subcommand, its files, its own flags, and keys of the configuration as
// flags.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launcher/commands/commands.h"

namespace lockstep {

/// A flag that is no key of the configuration.
struct OwnFlag {
    std::string_view name;   ///< without "--"
    std::string_view value;  ///< what it takes, for the help: "FILE"; empty for a switch
    std::string_view help;
    bool required = false;
    bool repeated = false;           ///< may be given several times
    std::string_view like_key = {};  ///< the key whose values it takes, one or several by comma
};

inline constexpr OwnFlag kJson{"json", "", "print one JSON object on stdout and nothing else"};

/// One row of `lockstep --help`, and what carries it out: on all ranks of a job, or, where it has no such
/// form, on the first process without MPI, where all were started alike, else each its own. One that has both
/// needs no MPI where nothing was launched.
struct Subcommand {
    std::string_view name;
    /// "CONFIG", "A B": one word for each file it takes; "RUN_DIR…": or more; "[CONFIG]": or none.
    std::string_view arguments;
    std::string_view help;
    std::span<const OwnFlag> flags;
    bool takes_config = false;  ///< the first argument is a configuration; its keys are flags
    bool uses_model = false;    ///< the configuration may be that of a run, or a model's own (model_use.h)
    bool takes_run = false;  ///< the first argument is a run's directory; its configuration's keys are flags
    bool computes = true;    ///< with threads, whose number may be worth a warning
    bool trains = false;     ///< signals ask it to stop, or for a checkpoint (requests.h)
    int (*on_ranks)(Communicator& communicator, const CommandInput& input) = nullptr;
    int (*alone)(const CommandInput& input) = nullptr;
};

std::span<const Subcommand> subcommands();

/// What the program is asked about itself, and answers before all else: help.h.
enum class Question { kNone, kHelp, kHelpAll, kVersion, kManPage, kBashCompletion };
/// How each is asked, in that order.
inline constexpr std::array<std::string_view, 6> kQuestionFlags{"",          "--help", "--help-all",
                                                                "--version", "--man",  "--bash-completion"};

struct CommandLine {
    const Subcommand* subcommand = nullptr;  ///< none: only with a question
    Question question = Question::kNone;
    CommandInput input;                                          ///< but for options and config
    std::vector<std::pair<std::string, std::string>> own_flags;  ///< no keys: name and value, in order
};

/// Reads the arguments behind the program's name. Throws ConfigError naming the flag and the nearest valid
/// spelling.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace lockstep
