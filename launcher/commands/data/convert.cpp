// `lockstep convert`: the data of a configuration as a raw file, whose samples stay on the disk.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/data/raw/raw_writer.h"
#include "launcher/commands/commands.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/output_target.h"
#include "launcher/run/printing.h"
#include "launcher/score/memory_check.h"

namespace lockstep {

namespace {

void print(const CommandInput& input, const RawHeader& header) {
    const bool bytes = header.inputs == RawInputs::kBytes;
    if (input.json) {
        print_json(nlohmann::ordered_json{{"out", input.out.string()},
                                          {"train_samples", header.parts[0].rows},
                                          {"test_samples", header.parts[1].rows},
                                          {"inputs", shape_of(header).count()},
                                          {"type", bytes ? "bytes" : "float32"},
                                          {"row_bytes", header.row_bytes},
                                          {"bytes", layout_of(header, input.out).file_bytes}});
        return;
    }
    const std::string tested = header.parts[1].rows > 0
                                   ? fmt::format(" and {} test samples", header.parts[1].rows)
                                   : " samples, no test set";
    print_beside(input.out,
                 fmt::format("{} training{} of {} {} in {}; read them by data.source = raw, data.file = {}\n",
                             header.parts[0].rows, tested, shape_of(header).count(),
                             bytes ? "bytes" : "float32 values", input.out.string(), input.out.string()));
}

}  // namespace

int command_convert(const CommandInput& input) {
    check_drawn_samples(input.config.data, input.options, 1);
    // Parts are cut from the raw file as from its source, by the same numbers.
    const DataSets sets = open_uncut_data(input.config.data);
    check_output(input.out, input.positional, input.json);
    // Sources without a test set of their own give the training set again, as the raw one will.
    const Dataset* test = sets.test == sets.train ? nullptr : sets.test.get();
    AtomicFile file(input.out, ExitCode::kUsage);
    const RawHeader header =
        write_raw(*sets.train, test, [&](std::span<const std::byte> bytes) { file.write(bytes); });
    file.commit();
    print(input, header);
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
