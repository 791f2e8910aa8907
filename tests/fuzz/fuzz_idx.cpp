// IDX files: images and labels, plain or gzipped.
#include "core/data/files/idx_reader.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    const MemoryFile file(as_text(input));
    try_to([&] { read_idx_images(file.path()); });
    try_to([&] { read_idx_labels(file.path()); });
}
