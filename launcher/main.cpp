// The program `lockstep`: reads the command line, hands it to the subcommand, and says once what went wrong.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "comm/communicator.h"
#include "comm/launch_check.h"
#include "comm/mpi_error.h"
#include "comm/mpi_runtime.h"
#include "comm/same_on_all_ranks.h"
#include "comm/watchdog.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/error.h"
#include "core/base/threads.h"
#include "launcher/commands/command_line.h"
#include "launcher/commands/help/help.h"
#include "launcher/commands/same_start.h"
#include "launcher/options/options_environment.h"
#include "launcher/run/job.h"
#include "launcher/run/launch_environment.h"
#include "launcher/run/launcher_watch.h"
#include "launcher/run/output_log.h"
#include "launcher/run/printing.h"
#include "launcher/run/requests.h"
#include "launcher/run/thread_advice.h"

namespace {

using namespace lockstep;  // NOLINT(google-build-using-namespace): this file is the program itself

std::string where_without_mpi() {
    return fmt::format("rank {}/{} on {}", launched_rank(), launched_processes(), host_name());
}

/// Ends a process that met an error which every process of the job meets, and cannot agree about by MPI. The
/// first one speaks; the others give it time to, since most launchers end all as soon as one leaves with an
/// error. Those that are still there then speak as well: perhaps there is no first one.
int leave_together(const Error& error) {
    leave_on_termination(static_cast<int>(error.code()));
    if (launched_rank() > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
    report_error(where_without_mpi(), error.what());
    return static_cast<int>(error.code());
}

/// What the arguments ask for, or what is wrong with them.
struct Request {
    std::vector<std::string> arguments;
    CommandLine line;
    std::optional<Error> fault;
    bool is_answered = false;  ///< a question, as for help: before MPI is asked for anything
};

Request read_request(std::vector<std::string> arguments) {
    Request request{std::move(arguments), {}, {}};
    try {
        request.line = parse_command_line(request.arguments);
    } catch (const Error& error) {
        request.fault = error;
    }
    return request;
}

/// Whether the program is asked about itself alone.
bool is_question(const Request& request) { return request.line.question != Question::kNone; }

/// Whether a process with this request computes together with others, so that they wait for it in MPI. A
/// faulty one does as it would without the fault.
bool is_of_ranks(const Request& request) {
    if (is_question(request) || request.arguments.empty()) return false;
    const auto found = std::ranges::find(subcommands(), request.arguments.front(), &Subcommand::name);
    if (found == subcommands().end() || found->on_ranks == nullptr) return false;
    return launched_processes() > 1 || (found->alone == nullptr && !request.fault);
}

/// What is amiss with the threads of a rank: with the variable that says how many, and with their number.
std::array<std::string, 2> thread_warnings(const CommandInput& input, bool takes_config) {
    if (!takes_config) return {"", crowded_threads_advice(input.bench.threads)};
    if (!input.config.digraph.empty()) return {};
    const bool by_variable = input.options.text("training.threads") == "0";
    return {by_variable ? read_thread_variable().fault : "",
            crowded_threads_advice(input.config.training.threads)};
}

void say_dropped(const ResolvedOptions& options) {
    if (!options.dropped().empty()) print_note(options.dropped());
}

int run_subcommand_alone(const CommandLine& line) {
    CommandInput input = line.input;
    if (line.subcommand->takes_config) {
        input.options =
            resolve_options({input.positional.front(), line.input.config_flags, process_environment()});
        input.config = make_config(input.options);
        say_dropped(input.options);
        for (const std::string& text : thread_warnings(input, true)) {
            if (!text.empty()) print_warning(text);
        }
    }
    return line.subcommand->alone(input);
}

/// Without MPI, or after it.
int run_alone(const Request& request) {
    if (request.fault) return leave_together(*request.fault);
    try {
        if (is_question(request)) {
            print_out("{}", answer_text(request.line));
            return 0;
        }
        return run_subcommand_alone(request.line);
    } catch (const Error& error) {
        report_error(where_without_mpi(), error.what());
        return static_cast<int>(error.code());
    }
}

/// Rank 0 says what is amiss with the threads of the first rank of which there is something to say.
void warn_of_threads(const Communicator& comm, const std::array<std::string, 2>& warnings) {
    for (const std::string& own : warnings) {
        const std::vector<std::string> all = comm.allgather(own);
        const auto first = std::ranges::find_if(all, [](const std::string& text) { return !text.empty(); });
        if (comm.rank() != 0 || first == all.end()) continue;
        const auto rank = static_cast<std::size_t>(first - all.begin());
        print_warning((rank == 0 ? "" : comm.where(rank) + ": ") + *first);
    }
}

int run_on_ranks(Communicator& comm, const CommandLine& line) {
    CommandInput input = line.input;
    const ContractFloatMode float_mode;
    // A rank whose CPU lacks the instruction set that is asked for says so before any work is done.
    agree(comm, [] { instruction_set(); });
    if (line.subcommand->computes) check_same_arithmetic(comm);
    const bool configured = line.subcommand->takes_config || line.subcommand->takes_run;
    if (configured) {
        input.options = line.subcommand->takes_run ? options_of_run(comm, input) : same_options(comm, line);
        input.config = agree(comm, [&] { return make_config(input.options); });
        if (comm.rank() == 0) say_dropped(input.options);
    }
    if (comm.rank() == 0 && line.subcommand->trains && !input.config.run.log_file.empty()) remember_output();
    if (line.subcommand->computes) warn_of_threads(comm, thread_warnings(input, configured));
    Watchdog watchdog(comm, std::chrono::duration<double>(input.config.run.hang_timeout_seconds),
                      "the job ends; run.hang_timeout says how long ranks may wait, 0: for ever");
    const int code = line.subcommand->on_ranks(comm, input);
    watchdog.finish();
    return code;
}

/// A process that is one of several, or that computes. All of them meet here, also those that need no MPI, so
/// that none waits for one that was started for something else.
int run_with_mpi(int argc, char** argv, const Request& request) {
    const bool of_ranks = is_of_ranks(request);
    // Before MPI starts, which may take its time: no signal that asks for something may end the job.
    std::optional<RequestSignals> signals;
    if (of_ranks && request.line.subcommand != nullptr && request.line.subcommand->trains) signals.emplace();
    bool is_left = false;  // a request that is not of ranks, for when MPI has ended
    int code = 0;
    {
        const LauncherWatch launcher(launched_rank() == 0 ? where_without_mpi() : "");
        const MpiRuntime runtime(argc, argv);
        Communicator comm;
        if (of_ranks) {
            try {
                check_launch([](const char* variable) { return std::getenv(variable); }, comm.size());
            } catch (const Error& error) {
                return leave_together(error);
            }
        }
        code = guarded(comm, [&] {
            agree(comm, [&] {
                if (request.fault) throw Error(*request.fault);
            });
            if (comm.any(of_ranks)) {
                check_same_command(comm, request.line);
                return run_on_ranks(comm, request.line);
            }
            const bool is_same = is_same_on_all_ranks(comm, start_text(request.arguments));
            is_left = comm.rank() == 0 || !is_same;
            return 0;
        });
    }
    return is_left && !request.is_answered ? run_alone(request) : code;
}

int run(int argc, char** argv) {
    Request request = read_request({argv + 1, argv + argc});
    if (!is_of_ranks(request) && !is_one_of_several()) return run_alone(request);
    if (is_question(request) && launched_rank() == 0) {
        print_out("{}", answer_text(request.line));
        request.is_answered = true;
    }
    return run_with_mpi(argc, argv, request);
}

/// The exit code of a command that has done its work, unless what it printed has not arrived.
int after_output(int code) {
    const std::string lost = lost_output();
    const bool failed = code != static_cast<int>(ExitCode::kDone) && code != kModelsDiffer;
    if (lost.empty() || failed) return code;
    report_error(where_without_mpi(), lost);
    return static_cast<int>(ExitCode::kUsage);
}

}  // namespace

int main(int argc, char** argv) {
    guard_standard_streams();
    // A reader that goes away, as head(1) does, costs what it would have read, not the run.
    std::signal(SIGPIPE, SIG_IGN);
    // A limit on the size of files (ulimit -f) is an error of the write, which removes what was begun.
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        return after_output(run(argc, argv));
    } catch (const std::bad_alloc&) {
        report_error(where_without_mpi(), kOutOfMemory);
    } catch (const std::exception& error) {
        report_error(where_without_mpi(), error.what());
    }
    abort_job(ExitCode::kInternal);
}
