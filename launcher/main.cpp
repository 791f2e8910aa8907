// The program `lockstep`: reads the command line, hands it to the subcommand, and says once what went wrong.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "comm/agreement.h"
#include "comm/communicator.h"
#include "comm/launch_check.h"
#include "comm/mpi_error.h"
#include "comm/mpi_runtime.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/error.h"
#include "core/base/threads.h"
#include "launcher/commands/command_line.h"
#include "launcher/run/launch_environment.h"
#include "launcher/run/version.h"

namespace {

using namespace lockstep;  // NOLINT(google-build-using-namespace): this file is the program itself

constexpr const char* kOutOfMemory =
    "out of memory; use a smaller network or batch (`lockstep plan` says what is needed), or a larger "
    "machine";

/// The error on stderr, behind the rank it comes from; a message that names its rank already is left alone.
void report(const std::string& where, const std::string& message) {
    const bool has_place = message.starts_with("rank ");
    fmt::print(stderr, "lockstep: {}{}\n", has_place ? "" : where + ": ", message);
    std::fflush(stderr);
}

std::string where_without_mpi() {
    return fmt::format("rank {}/{} on {}", launched_rank(), launched_processes(), host_name());
}

/// Ends a process that met an error which every process of the job meets, and cannot agree about by MPI. The
/// first one speaks; the others give it time to, since the launcher ends all as soon as one leaves with an
/// error.
int leave_together(const Error& error) {
    if (launched_rank() == 0) {
        report(where_without_mpi(), error.what());
    } else {
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    return static_cast<int>(error.code());
}

int run_alone(const CommandLine& line) {
    const std::string_view name = line.subcommand->name;
    CommandInput input = line.input;
    if (line.subcommand->takes_config) {
        input.options = resolve_options({input.positional.front(), line.config_flags, process_environment()});
        input.config = make_config(input.options);
    }
    if (name == "plan") return command_plan(input);
    if (name == "gradcheck") return command_gradcheck(input);
    if (name == "digest") return command_digest(input);
    if (name == "diff") return command_diff(input);
    if (name == "export") return command_export(input);
    return command_info(nullptr, input);
}

/// The options as rank 0 resolves them, on every rank: the others never read the file. Collective.
ResolvedOptions shared_options(const Communicator& comm, const CommandLine& line) {
    std::string bytes = agree(comm, [&]() -> std::string {
        if (comm.rank() != 0) return {};
        const ResolvedOptions options =
            resolve_options({line.input.positional.front(), line.config_flags, process_environment()});
        make_config(options);
        return to_bytes(options);
    });
    comm.broadcast(bytes, 0);
    return options_from_bytes(bytes);
}

int run_on_ranks(Communicator& comm, const CommandLine& line) {
    const std::string_view name = line.subcommand->name;
    CommandInput input = line.input;
    const ContractFloatMode float_mode;
    // A rank whose CPU lacks the instruction set that is asked for says so before any work is done.
    agree(comm, [] { instruction_set(); });
    if (line.subcommand->takes_config) {
        input.options = shared_options(comm, line);
        input.config = agree(comm, [&] { return make_config(input.options); });
    }
    if (name == "train") return command_train(comm, input);
    if (name == "crossval") return command_crossval(comm, input);
    if (name == "bag") return command_bag(comm, input);
    if (name == "eval") return command_eval(comm, input);
    if (name == "predict") return command_predict(comm, input);
    if (name == "bench") return command_bench(comm, input);
    return command_info(&comm, input);
}

int run_with_mpi(int argc, char** argv, const CommandLine& line) {
    const MpiRuntime runtime(argc, argv);
    Communicator comm;
    try {
        check_launch([](const char* variable) { return std::getenv(variable); }, comm.size());
    } catch (const Error& error) {
        return leave_together(error);
    }
    try {
        return run_on_ranks(comm, line);
    } catch (const CollectiveError& error) {
        if (comm.rank() == 0) report(comm.where(), error.what());
        return static_cast<int>(error.code());
    } catch (const Error& error) {
        report(comm.where(), error.what());
        abort_job(error.code());
    } catch (const std::bad_alloc&) {
        report(comm.where(), kOutOfMemory);
        abort_job(ExitCode::kInternal);
    } catch (const std::exception& error) {
        report(comm.where(), fmt::format("internal error: {}; please report it", error.what()));
        abort_job(ExitCode::kInternal);
    }
}

int run(int argc, char** argv) {
    CommandLine line;
    try {
        line = parse_command_line({argv + 1, argv + argc});
    } catch (const Error& error) {
        return leave_together(error);
    }
    const bool first = launched_rank() == 0;
    if (line.help || line.version) {
        if (!first) return 0;
        if (line.version) fmt::print("lockstep {}\n", kVersion);
        if (line.help) fmt::print("{}", line.subcommand ? help_text(*line.subcommand) : help_text());
        return 0;
    }
    const Where where = line.subcommand->where;
    if (where == Where::kAllRanks || (where == Where::kAllIfLaunched && launched_processes() > 1)) {
        return run_with_mpi(argc, argv, line);
    }
    if (!first) return 0;
    try {
        return run_alone(line);
    } catch (const Error& error) {
        report(where_without_mpi(), error.what());
        return static_cast<int>(error.code());
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::bad_alloc&) {
        report(where_without_mpi(), kOutOfMemory);
    } catch (const std::exception& error) {
        report(where_without_mpi(), error.what());
    }
    abort_job(ExitCode::kInternal);
}
