#include "launcher/commands/same_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <system_error>
#include <vector>

#include "comm/agreement.h"
#include "comm/same_on_all_ranks.h"
#include "core/arithmetic/dispatch/policy_digest.h"
#include "launcher/commands/models/model_use.h"
#include "launcher/options/config.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

constexpr std::string_view kSameStart =
    "start every rank with the same subcommand, flags, configuration and LOCKSTEP_ variables";

std::string in_quotes(std::string_view value) { return fmt::format("'{}'", value); }

/// Flags in the order of their names; one that is given several times has a number from the second on.
std::vector<Fact> facts_of(std::vector<std::pair<std::string, std::string>> flags) {
    std::ranges::stable_sort(flags, {}, &std::pair<std::string, std::string>::first);
    std::vector<Fact> facts;
    std::size_t number = 1;
    for (std::size_t i = 0; i < flags.size(); ++i) {
        const auto& [name, value] = flags[i];
        number = i > 0 && flags[i - 1].first == name ? number + 1 : 1;
        const std::string shown = value.empty() ? "given" : in_quotes(value);
        facts.push_back({number == 1 ? "--" + name : fmt::format("--{} ({})", name, number), value, shown});
    }
    return facts;
}

std::vector<std::string> own_variables() {
    std::vector<std::string> variables;
    for (const std::string& entry : process_environment()) {
        // The instruction set may differ from rank to rank: it changes no bit.
        if (entry.starts_with("LOCKSTEP_") && !entry.starts_with("LOCKSTEP_ISA=")) variables.push_back(entry);
    }
    std::ranges::sort(variables);
    return variables;
}

std::vector<Fact> facts_of(const ResolvedOptions& options) {
    std::vector<Fact> facts;
    for (const ResolvedOption& option : options.all()) {
        for (std::size_t i = 0; i < option.values.size(); ++i) {
            const OptionValue& value = option.values[i];
            facts.push_back({i == 0 ? option.key : fmt::format("{} ({})", option.key, i + 1), value.text,
                             fmt::format("{} ({})", in_quotes(value.text), value.origin)});
        }
    }
    return facts;
}

ResolvedOptions own_options(const CommandLine& line) {
    ResolvedOptions options = line.subcommand->uses_model
                                  ? given_options(line.input)
                                  : resolve_options({line.input.positional.front(), line.input.config_flags,
                                                     process_environment()});
    make_config(options);
    return options;
}

/// Whether rank 0 has something under this name that only one can read, such as what mpirun passes on to its
/// stdin.
bool is_stream_on_rank_0(const Communicator& comm, const std::filesystem::path& path) {
    std::error_code none;
    const bool here = std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none) &&
                      !std::filesystem::is_directory(path, none);
    return comm.any(comm.rank() == 0 && here);
}

ResolvedOptions options_of_rank_0(const Communicator& comm, const CommandLine& line) {
    std::vector<Fact> given = facts_of(line.input.config_flags);
    for (const std::string& variable : own_variables()) {
        const std::size_t equals = variable.find('=');
        given.push_back({variable.substr(0, equals), variable.substr(equals + 1), {}});
    }
    same_on_all_ranks(comm, given, ExitCode::kUsage, kSameStart);
    std::string bytes = agree(comm, [&]() -> std::string {
        if (comm.rank() != 0) return {};
        return to_bytes(own_options(line));
    });
    comm.broadcast(bytes, 0);
    return options_from_bytes(bytes);
}

}  // namespace

void check_same_command(const Communicator& comm, const CommandLine& line) {
    const std::string byte_order =
        std::endian::native == std::endian::little ? "little-endian" : "big-endian";
    const std::vector<Fact> program{{"the version of lockstep", std::string(kVersion), {}},
                                    {"the byte order", byte_order, {}}};
    same_on_all_ranks(comm, program, ExitCode::kUsage, "run the same program on every host");

    std::string command = "lockstep";
    if (line.subcommand != nullptr) command += fmt::format(" {}", line.subcommand->name);
    if (line.question != Question::kNone)
        command += fmt::format(" {}", kQuestionFlags[static_cast<std::size_t>(line.question)]);
    std::vector<Fact> facts{{"the command", command, {}}};
    // A configuration's name says nothing; what it sets is compared.
    for (std::size_t i = 0; i < line.input.positional.size() && !line.subcommand->takes_config; ++i) {
        const std::string argument = line.input.positional[i].string();
        facts.push_back({fmt::format("argument {}", i + 1), argument, in_quotes(argument)});
    }
    for (Fact& flag : facts_of(line.own_flags)) facts.push_back(std::move(flag));
    // Elsewhere the keys are compared as each rank resolves them; a run that goes on has rank 0's, and flags.
    if (line.subcommand != nullptr && line.subcommand->takes_run) {
        for (Fact& flag : facts_of(line.input.config_flags)) facts.push_back(std::move(flag));
    }
    same_on_all_ranks(comm, facts, ExitCode::kUsage, kSameStart);
}

void check_same_arithmetic(const Communicator& comm) {
    if (comm.size() == 1) return;
    const std::vector<Fact> facts{
        {"the digest of the arithmetic", agree(comm, [] { return arithmetic_policy_digest().hex(); }), {}}};
    same_on_all_ranks(comm, facts, ExitCode::kUsage,
                      "run the same program on every host; where it is the same, one of these CPUs computes "
                      "wrongly: leave its host out");
}

ResolvedOptions same_options(const Communicator& comm, const CommandLine& line) {
    if (comm.size() > 1 && is_stream_on_rank_0(comm, line.input.positional.front())) {
        return options_of_rank_0(comm, line);
    }
    ResolvedOptions options = agree(comm, [&] { return own_options(line); });
    same_on_all_ranks(comm, facts_of(options), ExitCode::kUsage, kSameStart);
    return options;
}

std::string start_text(const std::vector<std::string>& arguments) {
    std::error_code none;
    return fmt::format("{}\n{}\n{}", fmt::join(arguments, "\n"), fmt::join(own_variables(), "\n"),
                       std::filesystem::current_path(none).string());
}

}  // namespace lockstep
