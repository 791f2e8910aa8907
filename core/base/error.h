// The errors the program can end with, each with its exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace lockstep {

/// What the process returns to the shell; scripts rely on the numbers.
enum class ExitCode : int {
    kDone = 0,
    kInternal = 1,
    kUsage = 2,
    kData = 3,
    kCheckpoint = 4,
    kNumerical = 5,
    kHang = 6,
    kReplicasDiffer = 7,
    kStoppedEarly = 75,
};

/// What a std::bad_alloc is called.
inline constexpr const char* kOutOfMemory =
    "out of memory; use a smaller network or batch (`lockstep plan` says what is needed), or a larger "
    "machine";

/// An error a user can act on. The message says what happened, where (file, line, offset, key) and what to
/// do.
class Error : public std::runtime_error {
  public:
    Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] ExitCode code() const noexcept { return code_; }

  private:
    ExitCode code_;
};

/// A key, a value or a combination of them is wrong. Exit code 2.
class ConfigError : public Error {
  public:
    explicit ConfigError(const std::string& message) : Error(ExitCode::kUsage, message) {}
};

/// A data file is missing, damaged, or does not fit the network. Exit code 3.
class DataError : public Error {
  public:
    explicit DataError(const std::string& message) : Error(ExitCode::kData, message) {}
};

/// A model or checkpoint file is missing, damaged, or of another version. Exit code 4.
class CheckpointError : public Error {
  public:
    explicit CheckpointError(const std::string& message) : Error(ExitCode::kCheckpoint, message) {}
};

/// A loss, a weight or an input is NaN or infinite. Exit code 5.
class NumericalError : public Error {
  public:
    explicit NumericalError(const std::string& message) : Error(ExitCode::kNumerical, message) {}
};

}  // namespace lockstep
