// Ledgers: the input cut in two at its first zero, each read and compared with the other.
#include "launcher/recovery/ledger.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    std::string_view rest = as_text(input);
    const MemoryFile first(take_piece(rest));
    const MemoryFile second(rest);
    try_to([&] {
        LedgerReader a(first.path());
        LedgerReader b(second.path());
        compare_ledgers(a, b);
    });
    try_to([&] {
        LedgerReader all(second.path());
        while (all.next()) {
        }
    });
}
