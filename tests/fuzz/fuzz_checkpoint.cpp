// A checkpoint: the manifest as it is, with its body's checksum made right, and a part whose record is the
// input.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "launcher/recovery/checkpoint_file.h"
#include "launcher/train/checkpointing.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace lockstep;
using Json = nlohmann::json;

constexpr std::size_t kValues = 64;

/// As if the blocks' digests were those of what the part holds.
CheckpointPart with_digests(CheckpointPart part) {
    const std::vector<float> values(kValues, 0.5F);
    for (CheckpointBlock& block : part.blocks) {
        if (block.range.count <= values.size())
            block.digest = digest_of(std::span<const float>(values).first(block.range.count)).hex();
    }
    return part;
}

/// Reads all that the manifest names.
void read_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint) {
    fuzz::try_to([&] { saved_run_from_json(checkpoint.run); });
    for (const CheckpointPart& claimed : checkpoint.parts) {
        const CheckpointPart part = with_digests(claimed);
        fuzz::try_to([&] { verify_part(folder, part); });
        for (std::size_t b = 0; b < part.blocks.size(); ++b)
            fuzz::try_to([&] { read_block(folder, part, b); });
    }
}

}  // namespace

void lockstep::fuzz::read_input(Input input) {
    std::string_view rest = as_text(input);
    const std::string body(take_piece(rest));
    const std::string_view record = rest;
    static const test::TemporaryFolder folder;
    const std::vector<float> values(kValues, 0.5F);
    TensorWriter writer(folder / part_name(0), kCheckpointPartFormat, 1, record, values.size());
    writer.write(values);
    writer.commit();
    try_to([&] { verify_part(folder.path(), with_digests(read_part(folder / part_name(0)))); });

    try_to([&] { read_checkpoint(folder.path(), parse_manifest(body, "manifest")); });
    // The checksum is of the text that the parsed body has.
    const Json parsed = Json::parse(body, nullptr, false);
    if (parsed.is_discarded()) return;
    std::string compact;
    try {
        compact = parsed.dump(-1, ' ', false, Json::error_handler_t::replace);
    } catch (const Json::exception&) {
        return;
    }
    const std::string checksum =
        digest_of(std::as_bytes(std::span<const char>(compact.data(), compact.size()))).hex();
    const std::string manifest = R"({"body":)" + body + R"(,"checksum":")" + checksum + "\"}";
    try_to([&] { read_checkpoint(folder.path(), parse_manifest(manifest, "manifest")); });
}
