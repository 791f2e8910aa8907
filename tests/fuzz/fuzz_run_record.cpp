// run.json, which says what a run is that is to go on.
#include <nlohmann/json.hpp>

#include "launcher/recovery/run_comparison.h"
#include "launcher/recovery/run_record.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/support/temporary_folder.h"

void lockstep::fuzz::read_input(Input input) {
    static const test::TemporaryFolder folder;
    folder.write("run.json", as_text(input));
    nlohmann::ordered_json record;
    try_to([&] { record = read_run_record(folder.path()); });
    try_to([&] { subcommand_of(record); });
    try_to([&] { allowed_of(record); });
    try_to([&] { start_of(record); });
    try_to([&] { options_of(record, {}); });
    try_to([&] { run_differences(record, {}); });
}
