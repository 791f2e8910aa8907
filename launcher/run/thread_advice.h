// What to say of threads and the CPUs that a rank may run them on.
#pragma once

#include <cstddef>
#include <string>

namespace lockstep {

/// What to tell a user whose `threads` outnumber the CPUs that this process is bound to, or those that
/// OMP_THREAD_LIMIT allows; "" where they do not.
std::string crowded_threads_advice(std::size_t threads);

}  // namespace lockstep
