// Tables of samples as text: those of networks, and those of digraphs, with their words.
#include "core/data/files/table_dataset.h"
#include "launcher/files/digraph_table.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    const MemoryFile file(as_text(input));
    try_to([&] { const TableDataset table(file.path()); });
    try_to([&] { read_digraph_table(file.path()); });
}
