// On which cores of this machine the threads compute.
#pragma once

#include <sched.h>

#include <cstddef>
#include <vector>

namespace lockstep {

/// The cores that the threads of the pool (threads.h) may run on, and a hold on who runs where: what two
/// holds of different shifts compute, thread by thread, is computed by different cores.
class Cores {
  public:
    /// As the threads are bound now. Reads a file for each CPU.
    Cores();
    /// Releases.
    ~Cores();
    Cores(const Cores&) = delete;
    Cores& operator=(const Cores&) = delete;

    /// Cores; those of several threads of hardware count once. 1 where that cannot be found out.
    [[nodiscard]] std::size_t count() const { return cores_.size(); }
    /// Thread i of the pool runs on core (i + shift) mod count() alone from now on. Nothing where there is
    /// one core. Cost: some system calls a thread.
    void hold(std::size_t shift);
    /// And where it did before. Nothing where none is held.
    void release() noexcept;

  private:
    std::vector<cpu_set_t> before_;  // (threads) where each was bound to, while they are held
    std::vector<cpu_set_t> cores_;   // the CPUs of each core
};

}  // namespace lockstep
