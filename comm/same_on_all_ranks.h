// Ranks that were given different things: found before they compute with them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "comm/communicator.h"
#include "core/base/error.h"

namespace lockstep {

/// Something that must be the same on every rank: a key and its value, a data set and its digest.
struct Fact {
    std::string name;   ///< what it is, as a message begins: "training.seed", "the training set"
    std::string value;  ///< what is compared
    std::string shown;  ///< how a message shows it: the value and where it is from; empty: the value
};

/// Throws CollectiveError with `code` on every rank where the ranks' facts differ: of the lowest rank that
/// differs from rank 0, the first fact that does, with both values and hosts, and behind them `remedy`.
///
///   rank 3/8 on b: training.seed is '3' (x.ini:9), but '1' (x.ini:9) on rank 0/8 on a; <remedy>
///
/// Ranks may have different numbers of facts, and name others: a fact that a rank has not is missing there.
/// Requires that a rank's names are different. Collective. Cost: a 16-byte allgather where all are equal.
void same_on_all_ranks(const Communicator& comm, std::span<const Fact> facts, ExitCode code,
                       std::string_view remedy);

/// Whether all ranks give the same text, on every rank alike. Collective, at the same cost.
[[nodiscard]] bool is_same_on_all_ranks(const Communicator& comm, std::string_view text);

}  // namespace lockstep
