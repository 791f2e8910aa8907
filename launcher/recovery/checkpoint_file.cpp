#include "launcher/recovery/checkpoint_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/integers.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/parse_json.h"

namespace lockstep {

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kManifestFormat = 1;
/// That of a million blocks, 4 TiB of values.
constexpr std::uintmax_t kMostManifest_bytes = std::uintmax_t{1} << 27;

[[noreturn]] void fail(const std::string& name, const std::string& message) {
    throw CheckpointError(fmt::format("checkpoint {}: {}", name, message));
}

Json to_json(std::span<const CheckpointBlock> blocks) {
    Json json = Json::array();
    for (const CheckpointBlock& block : blocks)
        json.push_back({block.array, block.range.first, block.range.count, block.digest});
    return json;
}

std::vector<CheckpointBlock> blocks_from(const Json& json) {
    std::vector<CheckpointBlock> blocks;
    for (const Json& entry : json) {
        blocks.push_back({entry.at(0).get<std::string>(),
                          {whole_number(entry.at(1)), whole_number(entry.at(2))},
                          entry.at(3).get<std::string>()});
    }
    return blocks;
}

std::uint64_t file_bytes(std::uint64_t values_offset, std::span<const CheckpointBlock> blocks) {
    std::uint64_t values = 0;
    for (const CheckpointBlock& block : blocks) values += block.range.count;
    constexpr std::uint64_t kTrailer_bytes = 16;
    return values_offset + ceil_divide(values, std::uint64_t{kCacheLine_floats}) * kAlignment_bytes +
           kTrailer_bytes;
}

/// What a manifest or a part's record claims of a part holds together, and is no more than the file has.
void check_part(const CheckpointPart& part, const std::string& name) {
    std::uint64_t left = part.bytes / sizeof(float);
    for (const CheckpointBlock& block : part.blocks) {
        if (block.range.count == 0 || block.range.count > std::min<std::uint64_t>(left, kCheckpointBlock)) {
            fail(name, fmt::format("damaged: {} values of '{}' from {} on are no block of a file of {} bytes",
                                   block.range.count, block.array, block.range.first, part.bytes));
        }
        left -= block.range.count;
    }
    if (part.values_offset > part.bytes || file_bytes(part.values_offset, part.blocks) != part.bytes) {
        fail(name, fmt::format("damaged: the blocks of {} do not fill its {} bytes", part.file, part.bytes));
    }
}

/// Every value of every array is in one block.
void check_whole(const Checkpoint& checkpoint, const std::string& name) {
    std::map<std::string, std::vector<ArenaRange>> arrays;
    for (const CheckpointPart& part : checkpoint.parts) {
        for (const CheckpointBlock& block : part.blocks) arrays[block.array].push_back(block.range);
    }
    for (auto& [array, ranges] : arrays) {
        std::ranges::sort(ranges, {}, &ArenaRange::first);
        std::size_t end = 0;
        for (const ArenaRange& range : ranges) {
            if (range.first != end) {
                fail(name, fmt::format("damaged: '{}' has value {} not once; go on from an older checkpoint",
                                       array, std::min(end, range.first)));
            }
            end += range.count;
        }
        if (end == checkpoint.values) continue;
        fail(name, fmt::format("damaged: '{}' has {} values in place of {}; go on from an older checkpoint",
                               array, end, checkpoint.values));
    }
}

/// The text as the checksum has it.
std::string compact(const Json& body) { return body.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string checksum_of(const Json& body) {
    const std::string text = compact(body);
    return digest_of(std::as_bytes(std::span<const char>(text.data(), text.size()))).hex();
}

Checkpoint from_body(const Json& body, const std::string& name) {
    if (const std::uint64_t format = whole_number(body.at("format")); format != kManifestFormat) {
        fail(name, fmt::format("has format {}, but this program reads {}; use the lockstep that wrote it",
                               format, kManifestFormat));
    }
    Checkpoint checkpoint;
    checkpoint.step = whole_number(body.at("step"));
    checkpoint.values = whole_number(body.at("values"));
    checkpoint.run = body.at("run");
    if (body.contains("error")) checkpoint.error = body.at("error").get<double>();
    for (const Json& entry : body.at("parts")) {
        CheckpointPart part{entry.at("file").get<std::string>(), whole_number(entry.at("values_offset")),
                            whole_number(entry.at("bytes")), blocks_from(entry.at("blocks"))};
        if (part.file.empty() || part.file.find('/') != std::string::npos)
            fail(name, fmt::format("damaged: '{}' is no name of a part", part.file));
        check_part(part, name);
        checkpoint.parts.push_back(std::move(part));
    }
    check_whole(checkpoint, name);
    return checkpoint;
}

}  // namespace

std::vector<std::string> Checkpoint::arrays() const {
    std::vector<std::string> names;
    for (const CheckpointPart& part : parts) {
        for (const CheckpointBlock& block : part.blocks) names.push_back(block.array);
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::string part_name(std::size_t number) { return fmt::format("part-{}", number); }

void write_part(const std::filesystem::path& path, std::span<const StateArray> arrays) {
    std::vector<CheckpointBlock> blocks;
    std::vector<std::span<const float>> values;
    std::size_t count = 0;
    for (const StateArray& array : arrays) {
        for (const StateArray::Part& part : array.parts) {
            for (std::size_t first = 0; first < part.range.count; first += kCheckpointBlock) {
                values.emplace_back(
                    part.values.subspan(first, std::min(kCheckpointBlock, part.range.count - first)));
                blocks.emplace_back(CheckpointBlock{array.name,
                                                    {part.range.first + first, values.back().size()},
                                                    digest_of(values.back()).hex()});
                count += values.back().size();
            }
        }
    }
    const std::size_t padding = ceil_divide(count, kCacheLine_floats) * kCacheLine_floats - count;
    // It gets its name when it is known to be good: another rank waits for that.
    const std::filesystem::path unverified = path.string() + ".unverified";
    TensorWriter file(unverified, kCheckpointPartFormat, kCheckpointPartFormat.newest_version,
                      compact(to_json(blocks)), count + padding);
    for (const std::span<const float> run : values) file.write(run);
    const std::array<float, kCacheLine_floats> zeros{};
    file.write(std::span(zeros).first(padding));
    file.commit();
    verify_part(path.parent_path(), read_part(unverified));
    std::error_code error;
    std::filesystem::rename(unverified, path, error);
    if (error) fail(path.string(), fmt::format("cannot be renamed: {}", error.message()));
}

CheckpointPart read_part(const std::filesystem::path& path) {
    const TensorReader file(path, kCheckpointPartFormat);
    CheckpointPart part{path.filename().string(), file.values_offset(), file.file_bytes(), {}};
    try {
        part.blocks = blocks_from(parse_json<Json>(file.record()));
    } catch (const std::exception& error) {
        file.fail(fmt::format("damaged record: {}; {}", error.what(), file.copy_again()));
    }
    check_part(part, path.string());
    return part;
}

void verify_part(const std::filesystem::path& folder, const CheckpointPart& part) {
    const std::filesystem::path path = folder / part.file;
    TensorReader file(path, kCheckpointPartFormat);
    if (file.file_bytes() != part.bytes || file.values_offset() != part.values_offset) {
        file.fail(fmt::format("has {} bytes, but the manifest says {}; {}", file.file_bytes(), part.bytes,
                              file.copy_again()));
    }
    std::vector<float> values;
    std::size_t left = file.value_count();
    for (const CheckpointBlock& block : part.blocks) {
        values.resize(block.range.count);
        file.read(values);
        left -= values.size();
        if (const std::string found = digest_of(std::span<const float>(values)).hex();
            found != block.digest) {
            file.fail(fmt::format("damaged: values {} to {} of '{}' have checksum {} in place of {}; {}",
                                  block.range.first, block.range.first + block.range.count - 1, block.array,
                                  found, block.digest, file.copy_again()));
        }
    }
    values.resize(left);
    file.read(values);
    file.finish();
}

std::vector<float> read_block(const std::filesystem::path& folder, const CheckpointPart& part,
                              std::size_t b) {
    const std::filesystem::path path = folder / part.file;
    std::uint64_t offset = part.values_offset;
    for (std::size_t before = 0; before < b; ++before)
        offset += part.blocks[before].range.count * sizeof(float);
    std::ifstream input(path, std::ios::binary);
    input.seekg(static_cast<std::streamoff>(offset));
    std::vector<float> values(part.blocks[b].range.count);
    input.read(reinterpret_cast<char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
    if (!input) fail(path.string(), fmt::format("cannot be read at offset {}", offset));
    if (digest_of(std::span<const float>(values)).hex() != part.blocks[b].digest)
        fail(path.string(), fmt::format("damaged at offset {}; go on from an older checkpoint", offset));
    return values;
}

void write_manifest(const std::filesystem::path& folder, const Checkpoint& checkpoint) {
    Json parts = Json::array();
    for (const CheckpointPart& part : checkpoint.parts) {
        parts.push_back({{"file", part.file},
                         {"values_offset", part.values_offset},
                         {"bytes", part.bytes},
                         {"blocks", to_json(part.blocks)}});
    }
    Json body{{"format", kManifestFormat},
              {"step", checkpoint.step},
              {"values", checkpoint.values},
              {"run", checkpoint.run},
              {"parts", std::move(parts)}};
    if (checkpoint.error) body["error"] = *checkpoint.error;
    // As a reader will see it: a name's bytes that are no UTF-8 are replaced, and numbers have their form.
    body = Json::parse(compact(body));
    const Json whole{{"body", body}, {"checksum", checksum_of(body)}};
    write_file(folder / kManifestFile, compact(whole) + "\n");
    static_cast<void>(read_manifest(folder));
}

std::string manifest_text(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / kManifestFile;
    std::error_code error;
    // A pipe would never end.
    if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
        fail(path.string(), "damaged: is no regular file; go on from an older checkpoint");
    const std::uintmax_t size = error ? 0 : std::filesystem::file_size(path, error);
    if (error) fail(path.string(), fmt::format("cannot be read: {}", error.message()));
    if (size > kMostManifest_bytes) {
        fail(path.string(),
             fmt::format("damaged: {} bytes are no manifest; go on from an older checkpoint", size));
    }
    std::string text(size, '\0');
    std::ifstream input(path, std::ios::binary);
    input.read(text.data(), static_cast<std::streamsize>(size));
    if (!input) fail(path.string(), fmt::format("cannot be read: {}", std::strerror(errno)));
    return text;
}

Checkpoint read_manifest(const std::filesystem::path& folder) {
    return parse_manifest(manifest_text(folder), (folder / kManifestFile).string());
}

Checkpoint parse_manifest(const std::string& text, const std::string& name) {
    Json whole;
    try {
        whole = parse_json<Json>(text);
    } catch (const std::runtime_error& error) {
        fail(name, fmt::format("damaged: {}; go on from an older checkpoint", error.what()));
    }
    try {
        const Json& body = whole.at("body");
        const std::string found = checksum_of(body);
        if (const auto expected = whole.at("checksum").get<std::string>(); found != expected) {
            fail(name, fmt::format("damaged: its body has checksum {} in place of {}; go on from an older "
                                   "checkpoint",
                                   found, expected));
        }
        return from_body(body, name);
    } catch (const Json::exception& error) {
        fail(name, fmt::format("damaged: {}; go on from an older checkpoint", error.what()));
    }
}

}  // namespace lockstep
