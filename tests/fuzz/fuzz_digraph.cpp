// Digraphs as text.
#include "launcher/files/digraph_file.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    const MemoryFile file(as_text(input));
    try_to([&] { read_digraph_file(file.path()); });
}
