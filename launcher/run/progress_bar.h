// How far a run is, as a line of so many columns.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace lockstep {

struct RunProgress {
    std::size_t epoch = 0;  ///< in progress, from 1
    std::size_t epochs = 0;
    std::size_t step = 0;  ///< of the epoch, done
    std::size_t steps = 0;
    double loss = 0.0;                         ///< of the last step
    std::optional<double> samples_per_second;  ///< of training alone
    std::optional<double> seconds_left;        ///< of the run
};

/// "epoch 3/10 [#######---------]  45 %  loss 0.12345  12346 samples/s  1:23 left": as much of it as fits
/// into `columns`, and a bar in what room is left. `colour`: with escape sequences that colour the bar and
/// take no room.
std::string progress_bar(const RunProgress& at, std::size_t columns, bool colour);

/// All of it without a bar.
std::string progress_line(const RunProgress& at);

/// "1:23", "2:03:04", "3 d 4 h".
std::string duration_text(double seconds);

}  // namespace lockstep
