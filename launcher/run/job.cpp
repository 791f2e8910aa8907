#include "launcher/run/job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <thread>

#include "comm/agreement.h"
#include "comm/launch_check.h"
#include "comm/mpi_runtime.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/threads.h"
#include "launcher/run/launch_environment.h"
#include "launcher/run/printing.h"
#include "launcher/run/requests.h"

namespace lockstep {

namespace {

/// For an error that the other ranks may not know of. Where several met one like it, rank 0 speaks: the
/// others give it time to, and are ended with it.
[[noreturn]] void end_job(const Communicator& comm, const std::string& message, ExitCode code) {
    if (comm.rank() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
    report_error(comm.where(), message);
    abort_job(code);
}

int run_ranks(int argc, char** argv, const std::function<void(const Communicator& comm)>& work) {
    const MpiRuntime runtime(argc, argv);
    const Communicator comm;
    return guarded(comm, [&] {
        const ContractFloatMode float_mode;
        agree(comm, [&] {
            check_launch([](const char* variable) { return std::getenv(variable); }, comm.size());
            instruction_set();
        });
        work(comm);
        return static_cast<int>(ExitCode::kDone);
    });
}

}  // namespace

void report_error(const std::string& where, const std::string& message) noexcept {
    try {
        const bool has_place = message.starts_with("rank ");
        print_error(fmt::format("lockstep: {}{}", has_place ? "" : where + ": ", message));
    } catch (const std::exception&) {
        write_text(stderr, "lockstep: an error, and no memory to say which\n");
    }
}

namespace {

int code_of(const Communicator& comm, const std::function<int()>& action) {
    try {
        return action();
    } catch (const CollectiveError& error) {
        if (comm.rank() == 0) report_error(comm.where(), error.what());
        return static_cast<int>(error.code());
    } catch (const Error& error) {
        end_job(comm, error.what(), error.code());
    } catch (const std::bad_alloc&) {
        end_job(comm, kOutOfMemory, ExitCode::kInternal);
    } catch (const std::exception& error) {
        end_job(comm, fmt::format("internal error: {}; please report it", error.what()), ExitCode::kInternal);
    }
}

}  // namespace

int guarded(const Communicator& comm, const std::function<int()>& action) {
    const int code = code_of(comm, action);
    if (code == 0) return 0;
    leave_on_termination(code);
    if (RequestSignals::is_terminated()) {
        std::fflush(nullptr);
        _exit(code);
    }
    return code;
}

int run_job(int argc, char** argv, const std::function<void(const Communicator& comm)>& work) {
    try {
        return run_ranks(argc, argv, work);
    } catch (const std::exception& error) {
        report_error(fmt::format("rank {}/{} on {}", launched_rank(), launched_processes(), host_name()),
                     error.what());
    }
    abort_job(ExitCode::kInternal);
}

}  // namespace lockstep
