// A program of ranks: from the start of MPI to the exit code, whatever is thrown on the way.
#pragma once

#include <functional>
#include <string>

#include "comm/communicator.h"

namespace lockstep {

/// The error on stderr, behind the rank it comes from; a message that names its rank already is left alone.
/// Never throws: the exit code must be the error's own.
void report_error(const std::string& where, const std::string& message) noexcept;

/// What `action` returns, or the exit code of what it threw, said once. With an error that is one rank's own
/// the whole job ends here, since the other ranks may wait for it. So does the process where the code is not
/// 0 and the launcher may be ending the job, whose MPI_Finalize would never return.
int guarded(const Communicator& comm, const std::function<int()>& action);

/// The whole of a program's main: MPI, the ranks, the contract's floating-point mode, and `work` on each
/// rank. Returns the exit code, 0 where nothing was thrown. To be called once, from the main thread. Where
/// the ranks should not wait for ever for one that hangs, `work` has a Watchdog.
int run_job(int argc, char** argv, const std::function<void(const Communicator& comm)>& work);

}  // namespace lockstep
