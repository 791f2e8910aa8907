// What a file of data is packed in: gzip's members and what stands between and behind them.
#include <array>

#include "core/data/files/input_file.h"
#include "core/data/files/line_reader.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    const MemoryFile file(as_text(input));
    try_to([&] {
        InputFile content(file.path());
        // A prime, so that reads end within members and blocks.
        std::array<char, 97> piece;
        while (content.read(piece) == piece.size()) {
        }
    });
    try_to([&] {
        LineReader lines(file.path());
        std::string_view line;
        while (lines.next(line)) {
        }
    });
}
