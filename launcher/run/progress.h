// What rank 0 says while it works: a bar on a terminal, plain lines elsewhere, nothing on stdout with --json.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace lockstep {

class Progress {
  public:
    enum class Style { kSilent, kLines, kBar };

    /// What fits here: silent on ranks other than 0; with `json` on stderr, else on stdout; a bar where that
    /// is a terminal, lines where it is not.
    static Progress for_rank(std::size_t rank, bool json = false);

    Progress(Style style, std::FILE* out);

    /// A line that stays: the run's directory, an epoch's result, a warning.
    void line(std::string_view text);

    /// Whether it is time to draw the bar: at most ten times a second, and on a terminal alone.
    [[nodiscard]] bool due() const;
    /// Draws the bar, where one is drawn: `done` of `total` units of the work called `label` ("epoch 3/10"),
    /// with a note ("loss 0.1234").
    void update(std::string_view label, std::size_t done, std::size_t total, std::string_view note);

    /// Removes the bar. line() does so itself.
    void clear();

  private:
    Style style_;
    std::FILE* out_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point last_draw_{};
};

/// True where text written to `out` reaches a terminal. Under mpirun a rank's stdout is a pseudo-terminal of
/// mpirun's even where mpirun's own output goes to a file, so there mpirun's is asked.
bool reaches_terminal(std::FILE* out);

}  // namespace lockstep
