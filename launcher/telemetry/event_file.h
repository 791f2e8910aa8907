// Metrics for TensorBoard: an event file as TensorFlow's summary writers make it.
//
// A file is a sequence of records (TFRecord): length (8 bytes, little-endian), the masked CRC-32C of these,
// an Event in protocol buffers' wire format, its masked CRC-32C. Of tensorflow/core/util/event.proto and
// framework/summary.proto this needs four messages of a field or two, which are written by hand.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace lockstep {

class EventFile {
  public:
    /// A new file in `folder`, which is made, behind those of the run's earlier sessions. It goes on after
    /// step `step`: TensorBoard forgets what it has of later ones. Throws ConfigError.
    EventFile(const std::filesystem::path& folder, std::size_t step);

    /// Takes a line of metrics.jsonl: those of steps and epochs. Throws CheckpointError.
    void write(const nlohmann::ordered_json& line);

  private:
    void write_record(std::string_view event);
    struct Close {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };

    std::filesystem::path path_;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace lockstep
