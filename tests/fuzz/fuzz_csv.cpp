// Comma-separated vectors and labels, plain or gzipped.
#include "core/data/files/csv_reader.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    constexpr std::size_t kClasses = 10;
    const MemoryFile file(as_text(input));
    try_to([&] { read_csv_vectors(file.path()); });
    try_to([&] { read_csv_labels(file.path(), kClasses); });
    const CsvForm form{
        .heading = CsvHeading::kAuto, .index = "id", .targets = {"2"}, .columns_with_targets = 3};
    try_to([&] { read_csv_table(file.path(), form, kClasses); });
    try_to(
        [&] { read_csv_table(file.path(), {.heading = CsvHeading::kYes, .index = "1", .targets = {"2"}}); });
}
