#include "launcher/commands/runs/diff_replay.h"

#include <mpi.h>

#include <algorithm>
#include <array>

#include "comm/mpi_runtime.h"
#include "launcher/commands/runs/ledger_words.h"
#include "launcher/commands/runs/step_replay.h"

namespace lockstep {

namespace {

/// MPI for a command that otherwise needs none. A failed replay is told of, and ends nothing.
template <class Work>
void with_mpi(const Work& work) {
    int initialised = 0;
    MPI_Initialized(&initialised);
    if (initialised != 0) {
        throw ConfigError("a step can be replayed by a process without mpirun alone; start it without");
    }
    int argc = 0;
    char** argv = nullptr;
    std::optional<Error> failure;
    {
        const MpiRuntime runtime(argc, argv);
        const Communicator comm;
        try {
            work(comm);
        } catch (const Error& error) {
            failure = error;
        }
    }
    if (failure) throw Error(*failure);
}

std::string fault_of(const StepReplay& replay) {
    const LedgerCheck check = replay.check_ledger();
    return check.difference.kind == LedgerComparison::kEqual ? "" : difference_text(check.difference);
}

/// Of the steps that both have.
std::optional<std::size_t> first_different_step(const std::vector<LedgerLine>& a,
                                                const std::vector<LedgerLine>& b) {
    for (const LedgerLine& line : a) {
        const auto other = std::ranges::find(b, line.step, &LedgerLine::step);
        if (other == b.end()) continue;
        if (compare_lines(line, *other).kind != LedgerComparison::kEqual) return line.step;
    }
    return std::nullopt;
}

void compare_leaves(StepReplay& a, StepReplay& b, ReplayComparison& result) {
    if (a.leaf_size() != b.leaf_size() || a.batch().samples != b.batch().samples) return;
    for (std::size_t leaf = 0; leaf < a.batch().leaves; ++leaf) {
        result.value = first_difference(a.layout(), a.gradient_of(leaf), b.gradient_of(leaf));
        if (!result.value) continue;
        result.where = ReplayComparison::kLeaf;
        result.leaf = leaf;
        const auto samples_a = a.samples_of(leaf);
        const auto samples_b = b.samples_of(leaf);
        result.samples_a.assign(samples_a.begin(), samples_a.end());
        result.samples_b.assign(samples_b.begin(), samples_b.end());
        return;
    }
}

void compare_whole(const StepReplay& a, const StepReplay& b, ReplayComparison& result) {
    using Where = ReplayComparison::Where;
    result.value = first_difference(a.layout(), a.gradient(), b.gradient());
    if (result.value) result.where = Where::kGradient;
    if (result.value) return;
    result.value = first_difference(a.layout(), a.parameters(), b.parameters());
    if (result.value) result.where = Where::kParameters;
}

}  // namespace

ReplayComparison compare_by_replay(const std::filesystem::path& a, const std::filesystem::path& b,
                                   std::size_t equal_until, std::size_t step) {
    ReplayComparison result;
    with_mpi([&](const Communicator& comm) {
        result.step = first_different_step(StepReplay(comm, a, step, equal_until).lines(),
                                           StepReplay(comm, b, step, equal_until).lines())
                          .value_or(step);
        StepReplay replay_a(comm, a, result.step, equal_until);
        StepReplay replay_b(comm, b, result.step, equal_until);
        compare_leaves(replay_a, replay_b, result);
        replay_a.take();
        replay_b.take();
        if (result.where == ReplayComparison::kNowhere) compare_whole(replay_a, replay_b, result);
        result.fault_a = fault_of(replay_a);
        result.fault_b = fault_of(replay_b);
    });
    return result;
}

}  // namespace lockstep
