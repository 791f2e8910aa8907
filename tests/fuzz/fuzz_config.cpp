// The configuration file, up to the typed configuration.
#include "launcher/options/config.h"
#include "launcher/options/options.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    const MemoryFile file(as_text(input));
    try_to([&] { make_config(resolve_options({file.path(), {}, {}})); });
}
