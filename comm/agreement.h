// One rank's error becomes every rank's, so that none waits for a rank that has given up.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "comm/communicator.h"
#include "core/base/error.h"

namespace lockstep {

/// An error that every rank throws alike, with the same message and exit code. Whoever catches it in main
/// prints it on rank 0 alone and may leave through MPI_Finalize; any other exception that reaches main is one
/// rank's own, and calls for abort_job.
class CollectiveError : public Error {
  public:
    using Error::Error;
};

/// Runs `action` on every rank; if it throws on any, every rank throws CollectiveError with the message and
/// the exit code of the lowest rank where it did. With more than one rank the message starts with that rank
/// and host: "rank 3/8 on host: ". Exceptions that are no Error count as exit code 1.
///
/// Collective; the action itself must not communicate, except through functions that throw CollectiveError on
/// all ranks alike. MpiError passes straight through: there is nothing left to agree by. Cost: one 8-byte
/// allreduce.
void agree(const Communicator& comm, const std::function<void()>& action);

/// The same for an action with a result: each rank gets its own.
template <class Action>
requires(!std::is_void_v<std::invoke_result_t<Action>>) std::invoke_result_t<Action> agree(
    const Communicator& comm, Action&& action) {
    std::optional<std::invoke_result_t<Action>> result;
    agree(comm, std::function<void()>([&] { result.emplace(std::forward<Action>(action)()); }));
    return std::move(*result);
}

/// Rank 0's text on every rank; the others make none. Collective, as agree.
std::string text_of_rank_0(const Communicator& comm, const std::function<std::string()>& make);

/// As agree, where `action` is at work within a group of ranks, which have communicators of their own: an
/// error that the group has agreed on becomes every rank's, while any other, for which the rest of its group
/// may be waiting, passes straight through.
void agree_among_groups(const Communicator& comm, const Communicator& group,
                        const std::function<void()>& action);

}  // namespace lockstep
