#include "launcher/telemetry/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/crc.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/number.h"
#include "launcher/run/launch_environment.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kPrefix = "events.out.tfevents.";

double wall_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class Value>
std::string little_endian(Value value) {
    static_assert(std::endian::native == std::endian::little);
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Protocol buffers: a field is its number and wire type, and its value.
enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80 | (value & 0x7f));
    return bytes + static_cast<char>(value);
}
std::string key(unsigned field, Wire wire) { return varint(field << 3 | static_cast<unsigned>(wire)); }
std::string field(unsigned number, double value) {
    return key(number, Wire::kFixed64) + little_endian(value);
}
std::string field(unsigned number, float value) { return key(number, Wire::kFixed32) + little_endian(value); }
std::string field(unsigned number, std::uint64_t value) { return key(number, Wire::kVarint) + varint(value); }
std::string field(unsigned number, std::string_view bytes) {
    return key(number, Wire::kBytes) + varint(bytes.size()) + std::string(bytes);
}

// Event's fields: wall_time = 1, step = 2, and one of file_version = 3, summary = 5, session_log = 7.
std::string event(std::size_t step, const std::string& content) {
    return field(1, wall_time()) + field(2, std::uint64_t{step}) + content;
}
/// Of Summary: value = 1; of Value: tag = 1, simple_value = 2.
std::string scalar(std::string_view tag, double value) {
    return field(1, field(1, tag) + field(2, static_cast<float>(value)));
}

/// CRC-32C (Castagnoli) as TFRecord masks it, since a CRC of data that holds CRCs is weak.
std::uint32_t masked_crc(std::string_view bytes) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return std::rotr<std::uint32_t>(crc.checksum(), 15) + 0xa282ead8U;
}

/// The second in the new file's name: readers go through the files by their names, so later than the others'.
std::uint64_t second_of_new(const fs::path& folder) {
    auto second = static_cast<std::uint64_t>(wall_time());
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const auto other = parse_number<std::uint64_t>(
            name.substr(kPrefix.size(), name.find('.', kPrefix.size()) - kPrefix.size()));
        if (other) second = std::max(second, *other + 1);
    }
    return second;
}

/// What TensorBoard shows a key of a step's or an epoch's line as; what belongs together shares a chart.
std::string tag_of(const std::string& key, bool of_epoch) {
    const std::size_t end = key.rfind('_');
    if (end != std::string::npos) {
        const std::string what = key.substr(end + 1);
        const std::string set = key.substr(0, end);
        if (what == "loss" || what == "accuracy") return what + "/" + (of_epoch ? set : "batch");
    }
    if (key == "gradient_norm") return of_epoch ? "gradient_norm/epoch" : "gradient_norm/batch";
    if (key.starts_with("communication_")) return "communication/" + key.substr(key.find('_') + 1);
    constexpr std::array<std::string_view, 3> kOthers{"learning_rate", "samples_per_second",
                                                      "compression_ratio"};
    return std::ranges::find(kOthers, key) != kOthers.end() ? key : "";
}

}  // namespace

EventFile::EventFile(const fs::path& folder, std::size_t step) {
    try {
        fs::create_directories(folder);
        path_ =
            folder / fmt::format("{}{:010}.{}.{}.0", kPrefix, second_of_new(folder), host_name(), ::getpid());
    } catch (const fs::filesystem_error& error) {
        throw ConfigError(fmt::format("cannot write {}: {}; choose another run.dir", folder.string(),
                                      error.code().message()));
    }
    file_.reset(std::fopen(path_.c_str(), "wbe"));
    if (!file_) {
        throw ConfigError(
            fmt::format("cannot write {}: {}; choose another run.dir", path_.string(), std::strerror(errno)));
    }
    write_record(event(0, field(3, std::string_view("brain.Event:2"))));
    // SessionLog: status = 1, which is START = 1. Whatever is of later steps was lost with the session
    // before.
    write_record(event(step + 1, field(7, field(1, std::uint64_t{1}))));
}

void EventFile::write(const Json& line) {
    const bool of_epoch = line.at("event") == "epoch";
    if (!of_epoch && line.at("event") != "step") return;
    std::string summary;
    for (const auto& [key, value] : line.items()) {
        const std::string tag = tag_of(key, of_epoch);
        if (!tag.empty() && value.is_number()) summary += scalar(tag, value.get<double>());
    }
    if (of_epoch && line.contains("phases")) {
        for (const auto& [phase, seconds] : line.at("phases").items())
            summary += scalar("phases/" + phase, seconds.get<double>());
    }
    write_record(event(line.at("step").get<std::size_t>(), field(5, summary)));
}

void EventFile::write_record(std::string_view event) {
    const std::string length = little_endian(std::uint64_t{event.size()});
    const std::string record =
        length + little_endian(masked_crc(length)) + std::string(event) + little_endian(masked_crc(event));
    if (std::fwrite(record.data(), 1, record.size(), file_.get()) == record.size() &&
        std::fflush(file_.get()) == 0)
        return;
    throw CheckpointError(
        fmt::format("cannot write {}: {}; check the free space", path_.string(), std::strerror(errno)));
}

}  // namespace lockstep
