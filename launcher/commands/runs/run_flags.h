// The flags of the commands that are about runs.
#pragma once

#include <array>

#include "launcher/commands/command_line.h"

namespace lockstep {

inline constexpr std::array kVerifyFlags{
    OwnFlag{"ranks", "N,N,…", "numbers of ranks; 1,2,3,4 where not given"},
    OwnFlag{"threads", "N,N,…", "with each of these training.threads; as configured where not given"},
    OwnFlag{.name = "shard",
            .value = "WORD,…",
            .help = "with each of these comm.shard; as configured where not given",
            .like_key = "comm.shard"},
    OwnFlag{"steps", "N", "steps of each run; 20 where not given"},
    OwnFlag{"launcher", "'WORDS'",
            "what starts ranks, up to their number; 'mpirun --oversubscribe --bind-to none -n' where not "
            "given"},
    kJson};
inline constexpr std::array kReplayFlags{
    OwnFlag{"step", "N", "which step, from 1", true},
    OwnFlag{"leaf", "L", "the gradient of this leaf of the batch by itself as well, from 0"}, kJson};
inline constexpr std::array kDiffFlags{
    OwnFlag{"ledger_only", "", "two runs: their ledgers alone, without replaying the step where they part"},
    kJson};

}  // namespace lockstep
