// An archive of numpy, read by its names, and the same bytes as a single array.
#include <algorithm>

#include "core/data/arrays/npy_reader.h"
#include "core/data/arrays/npz_file.h"
#include "core/data/open_data.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    const MemoryFile file(as_text(input));
    try_to([&] {
        const auto arrays = open_npz(file.path());
        for (const std::string& name : arrays->names())
            try_to([&] { static_cast<void>(arrays->read(name)); });
    });
    DataOptions options;
    options.source = "npz";
    options.file = file.path();
    try_to([&] { open_data(options); });
    std::string_view rest = as_text(input);
    const auto read = [&](std::span<char> to) {
        const std::string_view piece = rest.substr(0, to.size());
        std::ranges::copy(piece, to.begin());
        rest.remove_prefix(piece.size());
        return piece.size();
    };
    try_to([&] { static_cast<void>(read_npy(read, "input")); });
}
