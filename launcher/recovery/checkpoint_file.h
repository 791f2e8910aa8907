// The files of a checkpoint: a manifest, checkpoint.json, and parts with the values, each written by one
// rank. Nothing in them depends on how many ranks there were: the manifest names every block of every array,
// and where it lies.
//
//   part      := a tensor file (tensor_file.h) of the magic "LOCKPART"
//     record  := JSON: [[array, first, count, digest], ...], the blocks in the order of their values
//     values  := the blocks' values, one behind the other; zeros up to a multiple of 16 of them
//   manifest  := JSON: {"body": {...}, "checksum": XXH3 128 of the body's compact text}
//     body    := {"format": 1, "step": t, "values": of each array, "run": what the run is and where it
//     stands,
//                 "error": of the validation part, where it was measured,
//                 "parts": [{"file", "values_offset", "bytes", "blocks": as in the part's record}, ...]}
//
// A block is a run of an array, of at most kCheckpointBlock values, and its digest XXH3 128 of its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/network/parameter_layout.h"
#include "launcher/files/tensor_file.h"
#include "launcher/recovery/state_arrays.h"

namespace lockstep {

inline constexpr TensorFormat kCheckpointPartFormat{.magic = {'L', 'O', 'C', 'K', 'P', 'A', 'R', 'T'},
                                                    .newest_version = 1,
                                                    .kind = "checkpoint",
                                                    .command = "lockstep train",
                                                    .remedy = "go on from an older checkpoint"};
inline constexpr std::string_view kManifestFile = "checkpoint.json";
/// 4 MiB: small beside what a reader holds, large beside its entry in the manifest.
inline constexpr std::size_t kCheckpointBlock = std::size_t{1} << 20;

struct CheckpointBlock {
    std::string array;
    ArenaRange range;
    std::string digest;  ///< 32 hex digits
    bool operator==(const CheckpointBlock&) const = default;
};

struct CheckpointPart {
    std::string file;  ///< its name in the checkpoint's folder
    std::uint64_t values_offset = 0;
    std::uint64_t bytes = 0;  ///< of the whole file
    std::vector<CheckpointBlock> blocks;
    bool operator==(const CheckpointPart&) const = default;
};

/// A manifest.
// NOLINTNEXTLINE(bugprone-exception-escape): what nlohmann's json checks when it is moved
struct Checkpoint {
    std::size_t step = 0;
    std::size_t values = 0;       ///< of each array: the arena's size
    nlohmann::json run;           ///< what the run is and where it stands (train/checkpointing.h)
    std::optional<double> error;  ///< of the validation part: the lowest is of the best checkpoint
    std::vector<CheckpointPart> parts;
    /// The arrays' names, each once.
    [[nodiscard]] std::vector<std::string> arrays() const;
};

/// "part-3" of rank 3, and so on: names alone, whoever reads them.
std::string part_name(std::size_t number);

/// Writes a part, whole or not at all, and reads it again: when this returns, the file on the disk is good.
/// Throws CheckpointError.
void write_part(const std::filesystem::path& path, std::span<const StateArray> arrays);
/// What a part says of itself. Throws CheckpointError.
CheckpointPart read_part(const std::filesystem::path& path);
/// Reads all of a part, and throws CheckpointError unless it is what the manifest says, bit for bit.
void verify_part(const std::filesystem::path& folder, const CheckpointPart& part);
/// Reads block `b` of a part: (blocks[b].range.count). Throws CheckpointError where it is damaged.
std::vector<float> read_block(const std::filesystem::path& folder, const CheckpointPart& part, std::size_t b);

/// Throws CheckpointError.
void write_manifest(const std::filesystem::path& folder, const Checkpoint& checkpoint);
/// Throws CheckpointError, naming the file and what is wrong with it: also where blocks overlap or something
/// of an array is missing.
Checkpoint read_manifest(const std::filesystem::path& folder);
/// The file's text, and what it says; messages call it `name`.
std::string manifest_text(const std::filesystem::path& folder);
Checkpoint parse_manifest(const std::string& text, const std::string& name);

}  // namespace lockstep
