// Ends a rank whose mpirun was killed, and removes what that has left on this host.
#pragma once

#include <pthread.h>

#include <filesystem>
#include <optional>
#include <string>

namespace lockstep {

/// A thread that sleeps until Open MPI's mpirun on this host is gone: then it removes mpirun's folder of
/// temporary files and ends the process. Open MPI itself ends a rank a second later, and leaves the folder.
/// Watches nothing where there is no such mpirun, no memory for a thread, or a kernel before 5.3. Not
/// collective.
class LauncherWatch {
  public:
    /// `where`: this rank, for the message; "": it says nothing. As soon as MPI has started, and until it
    /// ends.
    explicit LauncherWatch(std::string where);
    ~LauncherWatch();
    LauncherWatch(const LauncherWatch&) = delete;
    LauncherWatch& operator=(const LauncherWatch&) = delete;

  private:
    static void* run(void* watch);
    void wait() const;
    [[noreturn]] void end_process() const;

    std::string where_;
    std::filesystem::path folder_;  // mpirun's
    int launcher_ = -1;             // becomes readable as mpirun ends
    int over_ = -1;                 // becomes readable as the watch ends
    std::optional<pthread_t> thread_;
};

}  // namespace lockstep
