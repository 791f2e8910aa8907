#include "launcher/files/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/archive/text_oarchive.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/tracking.hpp>
#include <boost/serialization/vector.hpp>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/data/input_scale.h"
#include "core/network/network.h"
#include "launcher/files/record_reader.h"
#include "launcher/files/tensor_file.h"

namespace lockstep {

namespace {

constexpr TensorFormat kFormat{.magic = {'L', 'O', 'C', 'K', 'S', 'T', 'E', 'P'},
                               .newest_version = kModelFileVersion,
                               .kind = "model",
                               .command = "lockstep train",
                               .remedy = "train again"};

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

/// The numbers for a class and for the others, and the arithmetic.
template <class Archive>
void transfer_training(Archive& archive, ModelRecord& record) {
    std::vector<float> coding{record.network.coding.low, record.network.coding.high};
    transfer_floats(archive, coding);
    if (coding.size() != 2) throw ConfigError("there are not two numbers for its classes");
    record.network.coding.low = coding[0];
    record.network.coding.high = coding[1];
    std::string arithmetic(name_of(record.arithmetic));
    archive& arithmetic;
    const auto which = std::ranges::find(names_of<Arithmetic>, arithmetic);
    if (which == names_of<Arithmetic>.end())
        throw ConfigError(fmt::format("arithmetic {} is unknown", arithmetic));
    record.arithmetic = static_cast<Arithmetic>(which - names_of<Arithmetic>.begin());
}

/// The oldest version that holds the record.
std::uint32_t version_for(const ModelRecord& record) {
    const TargetCoding usual;
    const TargetCoding& coding = record.network.coding;
    if (coding.low != usual.low || coding.high != usual.high || record.arithmetic != Arithmetic::kFp32)
        return 3;
    return record.preprocessing ? 2 : 1;
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
        const std::uint32_t version = version_for(record);
        if (version >= 2) {
            Preprocessing preprocessing = record.preprocessing ? *record.preprocessing : Preprocessing{};
            transfer(archive, preprocessing);
        }
        if (version >= 3) transfer_training(archive, record);
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
        const bool is_none = version >= 3 && preprocessing == Preprocessing{};
        if (!is_none && !preprocessing.fits(record.network.inputs.count()))
            throw ConfigError("its preprocessing does not fit its inputs");
        if (!is_none) record.preprocessing = std::make_shared<Preprocessing>(std::move(preprocessing));
    }
    if (version >= 3) transfer_training(archive, record);
    archive.finish();
    return record;
}

/// The blocks the record lists against those its network has, and both against the arena that was read.
void check_blocks(const TensorReader& reader, const Model& model, const ParameterLayout& wanted) {
    const std::uint64_t offset = reader.values_offset();
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
        reader.fail(
            fmt::format("holds {} bytes of parameters from offset {} on, but its network needs {}; {}",
                        model.arena.size() * sizeof(float), offset, wanted.arena_size() * sizeof(float),
                        reader.copy_again()));
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

/// The file with everything but the parameters, which follow.
std::unique_ptr<TensorWriter> begin_file(const std::filesystem::path& path, ModelRecord record,
                                         const ParameterLayout& layout) {
    record.parameters.clear();
    for (const ParameterBlock& block : layout.blocks()) {
        record.parameters.push_back({block.name, block.layer, block.rows, block.cols});
    }
    const std::uint32_t version = version_for(record);
    return std::make_unique<TensorWriter>(path, kFormat, version, to_text(std::move(record)),
                                          layout.arena_size());
}

}  // namespace

void write_model(const Communicator& comm, const std::filesystem::path& path, ModelRecord record,
                 const ParameterLayout& layout, ParameterSource& parameters) {
    std::unique_ptr<TensorWriter> writer;
    agree(comm, [&] {
        if (comm.rank() == 0) writer = begin_file(path, std::move(record), layout);
    });
    // What goes wrong on rank 0 waits until it has asked for every layer: the others take part in that.
    std::exception_ptr error;
    for_each_layer(parameters, layout, [&](std::size_t, std::span<const float> layer) {
        if (!writer || error) return;
        try {
            writer->write(layer);
        } catch (...) {
            error = std::current_exception();
        }
    });
    agree(comm, [&] {
        if (error) std::rethrow_exception(error);
        if (writer) writer->commit();
    });
}

void write_model(const std::filesystem::path& path, ModelRecord record, const ParameterLayout& layout,
                 std::span<const float> parameters) {
    const std::unique_ptr<TensorWriter> writer = begin_file(path, std::move(record), layout);
    writer->write(parameters);
    writer->commit();
}

namespace {

/// What the record says, and the layout of its network.
std::pair<ModelRecord, ParameterLayout> described_by(const TensorReader& reader,
                                                     std::span<const LayerKind* const> own) {
    try {
        ModelRecord record = from_text(reader.record(), reader.version(), own);
        ParameterLayout layout = Network(record.network).layout();
        return {std::move(record), std::move(layout)};
    } catch (const ConfigError& error) {
        reader.fail(fmt::format("the record at offset {} describes no network: {}; train again",
                                TensorReader::record_offset(), error.what()));
    } catch (const std::runtime_error& error) {
        reader.fail(fmt::format("the record at offset {} cannot be read: {}; train again",
                                TensorReader::record_offset(), error.what()));
    }
}

}  // namespace

Model read_model(const std::filesystem::path& path, std::span<const LayerKind* const> own) {
    TensorReader reader(path, kFormat);
    Model model;
    model.arena = Buffer<float>(reader.value_count());
    reader.read(model.arena.span());
    reader.finish();
    std::tie(model.record, model.layout) = described_by(reader, own);
    check_blocks(reader, model, model.layout);
    return model;
}

ModelRecord read_model_record(const std::filesystem::path& path) {
    TensorReader reader(path, kFormat);
    std::vector<float> piece(std::min(reader.value_count(), std::size_t{1} << 18));
    for (std::size_t done = 0; done < reader.value_count(); done += piece.size())
        reader.read(std::span(piece).first(std::min(piece.size(), reader.value_count() - done)));
    reader.finish();
    return described_by(reader, {}).first;
}

bool is_model_file(const std::filesystem::path& path) noexcept {
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none)) return false;
    std::ifstream file(path, std::ios::binary);
    std::array<char, kFormat.magic.size()> magic{};
    return file.read(magic.data(), magic.size()) && magic == kFormat.magic;
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
