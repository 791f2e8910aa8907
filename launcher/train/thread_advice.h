// Threads and the CPUs that a rank may run them on.
#pragma once

#include <cstddef>
#include <string>

namespace lockstep {

/// OMP_NUM_THREADS as OpenMP reads it: a list of whole numbers above 0, one a level of nesting, of which the
/// first counts here.
struct ThreadVariable {
    std::size_t threads = 1;  ///< 1 where it is not set, empty or no such list
    std::string fault;        ///< what is wrong with it; empty: nothing
};
ThreadVariable read_thread_variable();

/// What to tell a user whose `threads` outnumber the CPUs that this process is bound to, or those that
/// OMP_THREAD_LIMIT allows; "" where they do not.
std::string crowded_threads_advice(std::size_t threads);

}  // namespace lockstep
