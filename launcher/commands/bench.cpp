// `lockstep bench`: how fast the machine computes, steps and communicates.
#include "launcher/bench/bench.h"
#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/base/spelling.h"
#include "launcher/bench/bench_comm.h"
#include "launcher/commands/commands.h"
#include "launcher/forecast/measure_machine.h"

#include <fmt/format.h>

#include <array>

namespace lockstep {

int command_bench(Communicator& comm, const CommandInput& input) {
    const std::string kind = input.positional.front().string();
    if (kind != "io" && input.positional.size() > 1) {
        throw CollectiveError(ExitCode::kUsage,
                              fmt::format("lockstep bench {} takes no further argument, but {} is given",
                                          kind, input.positional[1].string()));
    }
    if (kind == "step") {
        bench_step(comm, input.bench, input.json);
    } else if (kind == "comm") {
        return bench_comm(comm, input.json);
    } else if (kind == "machine") {
        bench_machine(comm, input.bench, input.out, input.json);
    } else if (kind == "gemm") {
        if (comm.size() > 1) {
            throw CollectiveError(ExitCode::kUsage,
                                  "lockstep bench gemm measures one process, with --threads on several CPUs; "
                                  "run it without mpirun");
        }
        bench_gemm(input.bench, input.json);
    } else if (kind == "io") {
        if (input.positional.size() < 2) {
            throw CollectiveError(ExitCode::kUsage,
                                  "lockstep bench io needs CONFIG; usage: lockstep bench io CONFIG");
        }
        bench_io(comm, input.positional[1], input.bench, input.json);
    } else {
        constexpr std::array<std::string_view, 5> kKinds{"comm", "gemm", "io", "machine", "step"};
        throw CollectiveError(
            ExitCode::kUsage,
            fmt::format("lockstep bench {}: unknown kind{}; valid: comm, gemm, io, machine, step", kind,
                        did_you_mean(kind, kKinds)));
    }
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
