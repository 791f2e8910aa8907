#include "launcher/files/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/archive/text_oarchive.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/tracking.hpp>
#include <boost/serialization/vector.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/data/input_scale.h"
#include "core/network/network.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/record_reader.h"

namespace lockstep {

namespace {

constexpr std::array<char, 8> kMagic{'L', 'O', 'C', 'K', 'S', 'T', 'E', 'P'};

/// The file's first bytes, in memory as on disk (x86-64 is little-endian).
struct Header {
    std::array<char, 8> magic = kMagic;
    std::uint32_t version = kModelFileVersion;
    std::uint32_t zero = 0;
    std::uint64_t record_bytes = 0;
    std::uint64_t file_bytes = 0;
};
static_assert(sizeof(Header) == 32);

using Trailer = std::array<unsigned char, 16>;

constexpr std::uint64_t arena_offset(std::uint64_t record_bytes) {
    return (sizeof(Header) + record_bytes + kAlignment_bytes - 1) / kAlignment_bytes * kAlignment_bytes;
}

/// The canonical order: most significant byte first, as the hex digits are read.
Trailer to_trailer(Digest128 digest) {
    Trailer trailer;
    for (std::size_t i = 0; i < 8; ++i) {
        trailer[i] = static_cast<unsigned char>(digest.high >> (56 - 8 * i));
        trailer[8 + i] = static_cast<unsigned char>(digest.low >> (56 - 8 * i));
    }
    return trailer;
}

Digest128 from_trailer(const Trailer& trailer) {
    Digest128 digest;
    for (std::size_t i = 0; i < 8; ++i) {
        digest.high = digest.high << 8 | trailer[i];
        digest.low = digest.low << 8 | trailer[8 + i];
    }
    return digest;
}

/// The record's fields in the file's order. Layers and loss are stored as the texts a configuration has, so
/// that an attribute that comes later needs no new version.
template <class Archive>
void transfer(Archive& archive, ModelRecord& record, std::vector<std::string>& layers, std::string& loss) {
    std::size_t inputs = record.network.inputs.count();
    archive& inputs& layers& loss& record.data_source& record.classes& record.seed& record.step& record
        .epoch& record.optimizer& record.lockstep_version& record.parameters;
    if (inputs != record.network.inputs.count()) record.network.inputs = inputs;
}

constexpr std::string_view kScale = " scale=";

/// MNIST's bytes were always divided by this, before models knew what their inputs were divided by.
std::optional<float> usual_divisor(const std::string& source) {
    if (source == "mnist") return 255.0F;
    return std::nullopt;
}

/// The source as the record's text has it.
std::string source_text(const ModelRecord& record) {
    if (!record.input_divisor || record.input_divisor == usual_divisor(record.data_source))
        return record.data_source;
    return fmt::format("{}{}{}", record.data_source, kScale,
                       to_string(InputScale{.automatic = false, .divisor = *record.input_divisor}));
}

/// The inverse, in place.
void split_source(ModelRecord& record) {
    const std::string text = record.data_source;
    const std::size_t at = text.find(kScale);
    record.data_source = text.substr(0, at);
    record.input_divisor = usual_divisor(record.data_source);
    if (at == std::string::npos) return;
    const auto scale = parse_input_scale(std::string_view(text).substr(at + kScale.size()));
    if (!scale || scale->automatic) throw ConfigError("what its inputs were divided by is no number");
    record.input_divisor = scale->divisor;
}

/// Values as the bytes of a string, which a text archive stores as they are.
template <class Archive>
void transfer_floats(Archive& archive, std::vector<float>& values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    archive& bytes;
    if (bytes.size() % sizeof(float) != 0) throw ConfigError("its preprocessing ends within a number");
    values.resize(bytes.size() / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
}

template <class Archive>
void transfer(Archive& archive, Preprocessing& preprocessing) {
    std::string inputs(input_scaling_names()[static_cast<std::size_t>(preprocessing.options.inputs)]);
    archive& inputs& preprocessing.options.components;
    const auto names = input_scaling_names();
    const auto which = std::ranges::find(names, inputs);
    if (which == names.end()) throw ConfigError(fmt::format("preprocessing {} is unknown", inputs));
    preprocessing.options.inputs = static_cast<InputScaling>(which - names.begin());
    transfer_floats(archive, preprocessing.offset);
    transfer_floats(archive, preprocessing.rotation);
    transfer_floats(archive, preprocessing.factor);
}

/// Whether the parts fit each other and the network.
bool is_whole(const Preprocessing& preprocessing, const NetworkSpec& network) {
    const std::size_t outputs = preprocessing.output_size();
    const bool square = preprocessing.rotation.empty() && preprocessing.raw_size() == outputs;
    return outputs == network.inputs.count() &&
           (square || preprocessing.rotation.size() == preprocessing.raw_size() * outputs);
}

std::string to_text(ModelRecord record) {
    std::vector<std::string> layers;
    for (const LayerSpec& layer : record.network.layers) layers.push_back(to_string(layer));
    std::string loss = to_string(record.network.loss);
    record.data_source = source_text(record);
    std::ostringstream stream;
    {
        boost::archive::text_oarchive archive(stream, boost::archive::no_header);
        transfer(archive, record, layers, loss);
        if (record.preprocessing) {
            Preprocessing preprocessing = *record.preprocessing;
            transfer(archive, preprocessing);
        }
    }
    return stream.str();
}

ModelRecord from_text(const std::string& text, std::uint32_t version, std::span<const LayerKind* const> own) {
    ModelRecord record;
    std::vector<std::string> layers;
    std::string loss;
    RecordReader archive(text);
    transfer(archive, record, layers, loss);
    split_source(record);
    for (const std::string& layer : layers) record.network.layers.push_back(parse_layer(layer, own));
    record.network.loss = parse_loss(loss);
    if (version >= 2) {
        Preprocessing preprocessing;
        transfer(archive, preprocessing);
        if (!is_whole(preprocessing, record.network))
            throw ConfigError("its preprocessing does not fit its inputs");
        record.preprocessing = std::make_shared<Preprocessing>(std::move(preprocessing));
    }
    archive.finish();
    return record;
}

/// Reads from one file and knows its name for the messages.
class Reader {
  public:
    explicit Reader(const std::filesystem::path& path) : path_(path) {
        const auto refuse = [&](const std::string& why) {
            fail(fmt::format("cannot be read: {}; check the path, or make a model with `lockstep train`",
                             why));
        };
        std::error_code error;
        const std::filesystem::file_status status = std::filesystem::status(path, error);
        if (!std::filesystem::exists(status)) refuse(error ? error.message() : std::strerror(ENOENT));
        if (std::filesystem::is_directory(status)) refuse("is a directory");
        if (!std::filesystem::is_regular_file(status)) refuse("is no regular file");
        size_ = std::filesystem::file_size(path, error);
        if (!error) input_.open(path, std::ios::binary);
        if (error || !input_) refuse(error ? error.message() : std::strerror(errno));
    }

    [[nodiscard]] std::uint64_t size() const { return size_; }

    void read(std::span<std::byte> bytes) {
        input_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        if (!input_) fail(fmt::format("cannot be read: {}; check the disk", std::strerror(errno)));
        digest_.update(std::span<const std::byte>(bytes));
    }
    [[nodiscard]] Digest128 digest() const { return digest_.digest(); }

    [[noreturn]] void fail(const std::string& message) const {
        throw CheckpointError(fmt::format("model {}: {}", path_.string(), message));
    }

  private:
    const std::filesystem::path& path_;
    std::ifstream input_;
    std::uint64_t size_ = 0;
    DigestBuilder digest_;
};

constexpr std::string_view kRemedy = "copy the file again, or train again";

Header read_header(Reader& reader) {
    Header header;
    if (reader.size() < sizeof header) {
        reader.fail(fmt::format(
            "ends at offset {}, but a model's header has {} bytes: truncated or no lockstep model; {}",
            reader.size(), sizeof header, kRemedy));
    }
    reader.read(std::as_writable_bytes(std::span(&header, 1)));
    if (header.magic != kMagic) {
        reader.fail(
            "is no lockstep model: expected \"LOCKSTEP\" at offset 0; name a file that `lockstep train` "
            "wrote");
    }
    if (header.version > kModelFileVersion) {
        reader.fail(
            fmt::format("has version {} at offset 8, but this program reads versions up to {}; use a newer "
                        "lockstep",
                        header.version, kModelFileVersion));
    }
    if (reader.size() < header.file_bytes) {
        reader.fail(fmt::format("truncated: ends at offset {}, but its header promises {} bytes; {}",
                                reader.size(), header.file_bytes, kRemedy));
    }
    const std::uint64_t most_record_bytes = reader.size() - sizeof header;
    if (header.version == 0 || header.zero != 0 || reader.size() != header.file_bytes ||
        header.record_bytes > most_record_bytes ||
        arena_offset(header.record_bytes) + sizeof(Trailer) > header.file_bytes ||
        (header.file_bytes - sizeof(Trailer)) % kAlignment_bytes != 0) {
        reader.fail(fmt::format(
            "damaged header: version {} at offset 8, {} record bytes at offset 16 and {} file bytes "
            "at offset 24 do not fit a file of {} bytes; {}",
            header.version, header.record_bytes, header.file_bytes, reader.size(), kRemedy));
    }
    return header;
}

/// The blocks the record lists against those its network has, and both against the arena that was read.
void check_blocks(const Reader& reader, std::uint64_t offset, const Model& model,
                  const ParameterLayout& wanted) {
    for (std::size_t b = 0; b < std::max(model.record.parameters.size(), wanted.blocks().size()); ++b) {
        const auto text = [](std::string_view name, std::uint64_t rows, std::uint64_t cols) {
            return fmt::format("{} ({} x {})", name, rows, cols);
        };
        const bool has = b < model.record.parameters.size();
        const bool wants = b < wanted.blocks().size();
        const std::string found = has ? text(model.record.parameters[b].name, model.record.parameters[b].rows,
                                             model.record.parameters[b].cols)
                                      : "nothing";
        const std::string expected =
            wants ? text(wanted.blocks()[b].name, wanted.blocks()[b].rows, wanted.blocks()[b].cols)
                  : "nothing";
        if (found == expected) continue;
        reader.fail(
            fmt::format("block {} at offset {} is {}, but its network needs {}; train again", b,
                        offset + (wants ? wanted.blocks()[b].offset : wanted.arena_size()) * sizeof(float),
                        found, expected));
    }
    if (wanted.arena_size() != model.arena.size()) {
        reader.fail(fmt::format(
            "holds {} bytes of parameters from offset {} on, but its network needs {}; {}",
            model.arena.size() * sizeof(float), offset, wanted.arena_size() * sizeof(float), kRemedy));
    }
}

}  // namespace

template <class Archive>
void serialize(Archive& archive, ParameterShape& shape, unsigned /*version*/) {
    archive& shape.name& shape.layer& shape.rows& shape.cols;
}

}  // namespace lockstep

// Plain fields in the archive: the file's own version is the only one.
BOOST_CLASS_IMPLEMENTATION(lockstep::ParameterShape, boost::serialization::object_serializable)
BOOST_CLASS_TRACKING(lockstep::ParameterShape, boost::serialization::track_never)

namespace lockstep {

namespace {

/// The model's file while it is written, digest and all.
class Writer {
  public:
    Writer(const std::filesystem::path& path, ModelRecord record, const ParameterLayout& layout)
        : file_(path) {
        record.parameters.clear();
        for (const ParameterBlock& block : layout.blocks()) {
            record.parameters.push_back({block.name, block.layer, block.rows, block.cols});
        }
        const std::string text = to_text(record);
        Header header;
        header.version = record.preprocessing ? 2 : 1;
        header.record_bytes = text.size();
        header.file_bytes = arena_offset(text.size()) + layout.arena_size() * sizeof(float) + sizeof(Trailer);
        const std::string padding(arena_offset(text.size()) - sizeof header - text.size(), '\0');
        write(std::as_bytes(std::span(&header, 1)));
        write(std::as_bytes(std::span(text)));
        write(std::as_bytes(std::span(padding)));
    }

    void write(std::span<const std::byte> bytes) {
        digest_.update(bytes);
        file_.write(bytes);
    }
    void commit() {
        const Trailer trailer = to_trailer(digest_.digest());
        file_.write(std::as_bytes(std::span(trailer)));
        file_.commit();
    }

  private:
    AtomicFile file_;
    DigestBuilder digest_;
};

}  // namespace

void write_model(const std::filesystem::path& path, ModelRecord record, const ParameterLayout& layout,
                 ParameterSource& parameters) {
    std::exception_ptr error;
    std::optional<Writer> writer;
    const auto attempt = [&](const auto& action) {
        if (error) return;
        try {
            action();
        } catch (...) {
            error = std::current_exception();
        }
    };
    attempt([&] { writer.emplace(path, std::move(record), layout); });
    for_each_layer(parameters, layout, [&](std::size_t, std::span<const float> layer) {
        attempt([&] { writer->write(std::as_bytes(layer)); });
    });
    attempt([&] { writer->commit(); });
    if (error) std::rethrow_exception(error);
}

void write_model(const std::filesystem::path& path, ModelRecord record, const ParameterLayout& layout,
                 std::span<const float> parameters) {
    WholeArena arena(layout, parameters);
    write_model(path, std::move(record), layout, arena);
}

Model read_model(const std::filesystem::path& path, std::span<const LayerKind* const> own) {
    Reader reader(path);
    const Header header = read_header(reader);
    const std::uint64_t offset = arena_offset(header.record_bytes);
    const std::uint64_t trailer_offset = header.file_bytes - sizeof(Trailer);

    Model model;
    std::string text(offset - sizeof header, '\0');
    reader.read(std::as_writable_bytes(std::span(text)));
    model.arena = Buffer<float>((trailer_offset - offset) / sizeof(float));
    reader.read(std::as_writable_bytes(model.arena.span()));
    const Digest128 found = reader.digest();
    Trailer trailer;
    reader.read(std::as_writable_bytes(std::span(trailer)));
    if (const Digest128 expected = from_trailer(trailer); found != expected) {
        reader.fail(fmt::format("damaged: bytes 0 to {} have checksum {}, but offset {} says {}; {}",
                                trailer_offset - 1, found.hex(), trailer_offset, expected.hex(), kRemedy));
    }

    text.resize(header.record_bytes);
    try {
        model.record = from_text(text, header.version, own);
        const Network network(model.record.network);
        model.layout = network.layout();
    } catch (const ConfigError& error) {
        reader.fail(fmt::format("the record at offset {} describes no network: {}; train again",
                                sizeof header, error.what()));
    } catch (const std::runtime_error& error) {
        reader.fail(fmt::format("the record at offset {} cannot be read: {}; train again", sizeof header,
                                error.what()));
    }
    check_blocks(reader, offset, model, model.layout);
    return model;
}

void check_fits(const std::filesystem::path& path, const ModelRecord& record, const NetworkSpec& network,
                const PreprocessingOptions& preprocessing) {
    const auto fail = [&](const std::string& has, const std::string& wants) {
        throw CheckpointError(fmt::format(
            "model {}: has {}, but the configuration has {}; name the configuration the model was trained "
            "with",
            path.string(), has, wants));
    };
    const auto text = [](const PreprocessingOptions& options) {
        return fmt::format("preprocessing.inputs = {}",
                           input_scaling_names()[static_cast<std::size_t>(options.inputs)]);
    };
    const PreprocessingOptions fitted =
        record.preprocessing ? record.preprocessing->options : PreprocessingOptions{};
    if (fitted.inputs != preprocessing.inputs) fail(text(fitted), text(preprocessing));
    const NetworkSpec& made_for = record.network;
    if (made_for.inputs.count() != network.inputs.count()) {
        fail(fmt::format("{} inputs", made_for.inputs.count()), fmt::format("{}", network.inputs.count()));
    }
    if (made_for.layers.size() != network.layers.size()) {
        fail(fmt::format("{} layers", made_for.layers.size()), fmt::format("{}", network.layers.size()));
    }
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
        if (made_for.layers[l] == network.layers[l]) continue;
        fail(fmt::format("layer {} = {}", l, to_string(made_for.layers[l])), to_string(network.layers[l]));
    }
    if (made_for.loss != network.loss) {
        fail(fmt::format("loss {}", to_string(made_for.loss)), to_string(network.loss));
    }
}

}  // namespace lockstep
