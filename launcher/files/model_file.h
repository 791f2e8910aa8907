// The model file: what a network is and its parameters, versioned, checksummed, written whole or not at all.
//
// A tensor file (tensor_file.h) of the magic "LOCKSTEP":
//
//   record  := ModelRecord as a Boost text archive without its header
//              data_source: the source, and where its inputs were divided by another number than the source
//              always has " scale=DIVISOR" behind it, as in "csv scale=255", "csv scale=none"
//              version 2: the same, and its preprocessing behind it, vectors as strings of f32 little-endian
//              version 3: the same, the preprocessing perhaps "none", and behind it the two numbers that
//              stood for a class and for all others, as such a string, and the name of the arithmetic
//   values  := { block gap }, the blocks of record.parameters in order
//   block   := { value:f32 }, rows * cols of them, row-major, little-endian
//   gap     := zero bytes up to the next multiple of 64
//
// A reader of version v reads versions 1 to v. A model is written as the oldest version that holds what it
// is: without preprocessing, with classes as 0 and 1 and in fp32 it is one of version 1. The arena is laid
// out in the file as it is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/arithmetic/arithmetic.h"
#include "core/base/buffer.h"
#include "core/data/preprocessing.h"
#include "core/network/network_spec.h"
#include "core/network/parameter_source.h"

namespace lockstep {

inline constexpr std::uint32_t kModelFileVersion = 3;

/// A parameter block's name and shape, as the record lists it.
struct ParameterShape {
    std::string name;  ///< "layer0.weight", "layer0.bias"
    std::uint64_t layer = 0;
    std::uint64_t rows = 0;
    std::uint64_t cols = 0;
    bool operator==(const ParameterShape&) const = default;
};

/// What the file says about its network.
struct ModelRecord {
    NetworkSpec network;      ///< of its coding the two numbers, 0 and 1 in files that are older than these
    std::string data_source;  ///< data.source it was trained on
    std::optional<float> input_divisor;  ///< what stored inputs were divided by; nothing: the source stores
                                         ///< none, or the file was written before models knew
    std::size_t classes = 0;             ///< 0: real outputs
    std::uint64_t seed = 0;
    std::uint64_t step = 0;                     ///< optimizer steps taken
    std::uint64_t epoch = 0;                    ///< epochs completed
    std::string optimizer;                      ///< its name
    Arithmetic arithmetic = Arithmetic::kFp32;  ///< of its training; fp32 in files that do not say
    std::string lockstep_version;
    std::shared_ptr<const Preprocessing> preprocessing;  ///< none: inputs as they are
    std::vector<ParameterShape> parameters;              ///< write_model fills it in from the layout
    bool operator==(const ModelRecord&) const = default;
};

/// A model in memory: the record, and the parameters as the network's own arena.
struct Model {
    ModelRecord record;
    ParameterLayout layout;
    Buffer<float> arena;  ///< (layout.arena_size())
};

/// Writes to a temporary name in the same folder, fsyncs the file, renames it to `path`, fsyncs the folder:
/// after a crash `path` is the old file or the new one, never a part. Throws CheckpointError
/// naming the file and the reason, on every rank alike.
/// Rank 0 writes; the others take part, since the parameters may be sharded. `path` and `record` are rank
/// 0's. Collective.
void write_model(const Communicator& comm, const std::filesystem::path& path, ModelRecord record,
                 const ParameterLayout& layout, ParameterSource& parameters);
/// The same by this process alone. Not collective. Requires parameters.size() == layout.arena_size().
void write_model(const std::filesystem::path& path, ModelRecord record, const ParameterLayout& layout,
                 std::span<const float> parameters);

/// Throws CheckpointError naming the file, the offset, what was expected and what to do, where it is missing,
/// no model, of a newer version, truncated, of a wrong checksum, or where its blocks do not fit its network.
/// `own`: layer kinds of the program's own, as for parse_layer.
Model read_model(const std::filesystem::path& path, std::span<const LayerKind* const> own = {});

/// The record alone, as read_model, whose checks it makes, but for those of the parameters' blocks. Holds no
/// parameters.
ModelRecord read_model_record(const std::filesystem::path& path);
/// Whether the file begins as a model file does. False where it cannot be read.
bool is_model_file(const std::filesystem::path& path) noexcept;

/// Throws CheckpointError unless the model was made for `network` (inputs, layers, loss) and for inputs
/// preprocessed like that.
void check_fits(const std::filesystem::path& path, const ModelRecord& record, const NetworkSpec& network,
                const PreprocessingOptions& preprocessing);

}  // namespace lockstep
