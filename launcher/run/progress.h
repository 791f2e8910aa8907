// What rank 0 says while it works: a bar on a terminal, plain lines elsewhere, nothing on stdout with --json.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include "launcher/run/progress_bar.h"

namespace lockstep {

class Progress {
  public:
    enum class Style { kSilent, kLines, kBar };

    /// What fits here: silent on ranks other than 0; with `json` on stderr, else on stdout; a bar where that
    /// is a terminal which can erase it, lines where it is not; in colour unless NO_COLOR is set
    /// (no-color.org).
    static Progress for_rank(std::size_t rank, bool json = false);

    Progress(Style style, std::FILE* out, bool colour = false);

    /// A line that stays: the run's directory, an epoch's result.
    void line(std::string_view text);
    /// "warning: text", a line that stays.
    void warn(std::string_view text);

    /// Whether it is time to say how far the run is: ten times a second with a bar, once a minute without.
    [[nodiscard]] bool due() const;
    /// Draws the bar, as wide as the terminal is now, or prints a line.
    void update(const RunProgress& at);

    /// Removes the bar. line() does so itself.
    void clear();

  private:
    Style style_;
    std::FILE* out_;
    bool colour_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// True where text written to `out` reaches a terminal. Under mpirun a rank's stdout is a pseudo-terminal of
/// mpirun's even where mpirun's own output goes to a file, so there mpirun's is asked.
bool reaches_terminal(std::FILE* out);

}  // namespace lockstep
