// The model file as it is, and, so that checksums do not stop every change, with the input as its record and
// values in a container that is whole.
#include <cstring>
#include <string>
#include <vector>

#include "launcher/files/model_file.h"
#include "launcher/files/tensor_file.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/support/temporary_folder.h"

namespace {

constexpr lockstep::TensorFormat kFormat{.magic = {'L', 'O', 'C', 'K', 'S', 'T', 'E', 'P'},
                                         .newest_version = lockstep::kModelFileVersion,
                                         .kind = "model",
                                         .command = "",
                                         .remedy = ""};

}  // namespace

void lockstep::fuzz::read_input(Input input) {
    std::string_view rest = as_text(input);
    const MemoryFile raw(rest);
    try_to([&] { read_model(raw.path()); });

    if (rest.empty()) return;
    const auto version =
        static_cast<std::uint32_t>(1 + static_cast<unsigned char>(rest.front()) % kModelFileVersion);
    const auto blocks = static_cast<unsigned char>(rest.front()) / kModelFileVersion;
    rest.remove_prefix(1);
    static const test::TemporaryFolder folder;
    const std::filesystem::path whole = folder / "model";
    // Values come in blocks of 16; what they are is the same to the reader.
    const std::vector<float> values(16 * std::size_t{blocks}, 0.5F);
    TensorWriter writer(whole, kFormat, version, rest, values.size());
    writer.write(values);
    writer.commit();
    try_to([&] { read_model(whole); });
}
