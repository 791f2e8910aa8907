// The lowest failing rank is found by one allreduce; its message is broadcast.
#include "comm/agreement.h"

#include <exception>
#include <new>

#include "comm/mpi_error.h"

namespace lockstep {

namespace {

struct Failure {
    ExitCode code = ExitCode::kInternal;
    std::string message;
};

std::optional<Failure> failure_of(const Communicator& comm, const std::function<void()>& action) {
    const auto here = [&](const std::string& what) {
        return comm.size() > 1 ? comm.where() + ": " + what : what;
    };
    try {
        action();
        return std::nullopt;
    } catch (const MpiError&) {
        throw;
    } catch (const CollectiveError& error) {
        return Failure{error.code(), error.what()};  // it names its ranks already
    } catch (const Error& error) {
        return Failure{error.code(), here(error.what())};
    } catch (const std::bad_alloc&) {
        return Failure{ExitCode::kInternal, here(kOutOfMemory)};
    } catch (const std::exception& error) {
        return Failure{ExitCode::kInternal, here(error.what())};
    } catch (...) {
        return Failure{ExitCode::kInternal, here("an exception of an unknown type")};
    }
}

}  // namespace

namespace {

void agree_on(const Communicator& comm, const std::optional<Failure>& failure) {
    const auto nobody = static_cast<std::int64_t>(comm.size());
    const std::int64_t lowest = comm.min(failure ? static_cast<std::int64_t>(comm.rank()) : nobody);
    if (lowest == nobody) return;
    const auto root = static_cast<std::size_t>(lowest);
    Failure first = failure.value_or(Failure{});
    auto code = static_cast<int>(first.code);
    comm.broadcast_value(code, root);
    comm.broadcast(first.message, root);
    throw CollectiveError(static_cast<ExitCode>(code), first.message);
}

}  // namespace

void agree(const Communicator& comm, const std::function<void()>& action) {
    agree_on(comm, failure_of(comm, action));
}

std::string text_of_rank_0(const Communicator& comm, const std::function<std::string()>& make) {
    std::string text = agree(comm, [&] { return comm.rank() == 0 ? make() : std::string(); });
    comm.broadcast(text, 0);
    return text;
}

void agree_among_groups(const Communicator& comm, const Communicator& group,
                        const std::function<void()>& action) {
    std::optional<Failure> failure;
    if (group.size() == 1) {
        failure = failure_of(comm, action);
    } else {
        try {
            action();
        } catch (const CollectiveError& error) {
            failure = Failure{error.code(), error.what()};
        }
    }
    agree_on(comm, failure);
}

}  // namespace lockstep
