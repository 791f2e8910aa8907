#include "launcher/exchange/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/network/layers/layer_kind.h"
#include "core/network/network.h"
#include "launcher/exchange/array_file.h"
#include "launcher/exchange/metadata.h"

namespace lockstep {

namespace {

constexpr std::string_view kPreprocessing = "preprocessing.";

ArrayFile read_arrays(const std::filesystem::path& path, ModelForm form, bool metadata_alone) {
    return form == ModelForm::kNpz ? read_npz(path, metadata_alone) : read_safetensors(path, metadata_alone);
}

/// What `read` gives; what it throws as a CheckpointError that names the file.
template <class Read>
auto of_file(const std::filesystem::path& path, const Read& read) {
    try {
        return read();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const DataError& error) {  // of a reader that has named the file
        throw CheckpointError(fmt::format("model {}", error.what()));
    } catch (const std::exception& error) {
        throw CheckpointError(fmt::format("model {}: {}", path.string(), error.what()));
    }
}

const NamedArray* find(const ArrayFile& file, std::string_view name) {
    const auto found = std::ranges::find(file.arrays, name, &NamedArray::name);
    return found == file.arrays.end() ? nullptr : &*found;
}

const NamedArray& needed(const ArrayFile& file, std::string_view name) {
    if (const NamedArray* array = find(file, name)) return *array;
    std::vector<std::string> names;
    for (const NamedArray& array : file.arrays) names.push_back(array.name);
    throw std::runtime_error(fmt::format("has no array {}, which its network needs; it has {}", name,
                                         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

/// The rows of the first layer's first array: its inputs, where nothing else says how many. Its columns,
/// where the array is one that check_shape calls turned.
std::size_t inputs_of(const ArrayFile& file, const NetworkSpec& network) {
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
        const auto blocks = network.layers[l].kind->blocks(network.layers[l], Shape(1));
        if (blocks.empty()) continue;
        const NamedArray& array = needed(file, fmt::format("layer{}.{}", l, blocks.front().name));
        const std::size_t units = blocks.front().cols;
        const bool turned = array.shape.size() == 2 && array.shape[1] != units && array.shape[0] == units;
        return array.shape.empty() ? 0 : array.shape[turned ? 1 : 0];
    }
    return 0;
}

void check_shape(const NamedArray& array, const ParameterBlock& block) {
    const ArrayShape wanted{block.rows, block.cols};
    if (array.shape == wanted || (block.rows == 1 && array.shape == ArrayShape{block.cols})) return;
    const bool turned = array.shape == ArrayShape{block.cols, block.rows};
    throw std::runtime_error(fmt::format(
        "array {} is of shape {}, but its network needs {}{}", array.name, array_shape_text(array.shape),
        array_shape_text(wanted),
        turned ? ", inputs by units; PyTorch keeps weights the other way round: write its transpose" : ""));
}

/// The preprocessing's numbers into a record that has its options.
void fill_preprocessing(const ArrayFile& file, ModelRecord& record) {
    if (!record.preprocessing) return;
    Preprocessing preprocessing = *record.preprocessing;
    preprocessing.offset = needed(file, "preprocessing.offset").values;
    preprocessing.factor = needed(file, "preprocessing.factor").values;
    if (const NamedArray* rotation = find(file, "preprocessing.rotation"))
        preprocessing.rotation = rotation->values;
    if (!preprocessing.fits(record.network.inputs.count()))
        throw std::runtime_error("its preprocessing does not fit its inputs");
    record.preprocessing = std::make_shared<Preprocessing>(std::move(preprocessing));
}

/// Throws where an array would be passed over without a word.
void check_all_used(const ArrayFile& file, const Model& model) {
    for (const NamedArray& array : file.arrays) {
        const bool is_block = std::ranges::find(model.layout.blocks(), array.name, &ParameterBlock::name) !=
                              model.layout.blocks().end();
        const bool is_input = model.record.preprocessing && array.name.starts_with(kPreprocessing);
        if (is_block || is_input) continue;
        throw std::runtime_error(
            fmt::format("has an array {} of shape {}, for which its network has no place; name a "
                        "configuration with its layers, or leave the array out",
                        array.name, array_shape_text(array.shape)));
    }
}

ModelRecord record_by(const ModelOutline& outline, const ArrayFile& file) {
    ModelRecord record;
    record.network = outline.network;
    if (record.network.inputs.count() == 0) record.network.inputs = inputs_of(file, outline.network);
    record.data_source = outline.data_source;
    record.input_divisor = outline.input_divisor;
    record.classes = outline.classes;
    if (record.classes == 0 && record.network.layers.back().softmax)
        record.classes = output_shape(record.network).count();
    return record;
}

Model model_of(const ArrayFile& file, const ModelOutline* outline) {
    Model model;
    if (is_of_lockstep(file.metadata)) {
        model.record = record_of(file.metadata);
    } else if (outline != nullptr) {
        model.record = record_by(*outline, file);
    } else {
        throw std::runtime_error(
            "says nothing of its network, as another program wrote it; name a configuration that does, as in "
            "`lockstep import FILE --config CONFIG --out model.lockstep`");
    }
    fill_preprocessing(file, model.record);
    model.layout = Network(model.record.network).layout();
    // What is not there is found before memory is held for it.
    for (const ParameterBlock& block : model.layout.blocks()) check_shape(needed(file, block.name), block);
    check_all_used(file, model);
    model.arena = Buffer<float>(model.layout.arena_size());
    for (const ParameterBlock& block : model.layout.blocks()) {
        std::ranges::copy(needed(file, block.name).values, block.values(model.arena.span()).begin());
    }
    return model;
}

}  // namespace

ModelForm form_of(const std::filesystem::path& path) noexcept {
    if (is_model_file(path)) return ModelForm::kLockstep;
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none)) return ModelForm::kNone;
    // A zip archive, and a JSON object behind the number of its bytes.
    std::ifstream file(path, std::ios::binary);
    std::array<char, 9> begin{};
    if (!file.read(begin.data(), begin.size())) return ModelForm::kNone;
    const std::string_view bytes(begin.data(), begin.size());
    if (bytes.starts_with(std::string_view("PK\x03\x04", 4))) return ModelForm::kNpz;
    // Headers of more than a gigabyte are no headers, but text.
    return bytes.substr(4, 5) == std::string_view("\0\0\0\0{", 5) ? ModelForm::kSafetensors
                                                                  : ModelForm::kNone;
}

Model open_model(const std::filesystem::path& path, const ModelOutline* outline) {
    const ModelForm form = form_of(path);
    // What is none of these is named by the reader of our own form.
    if (form == ModelForm::kLockstep || form == ModelForm::kNone) return read_model(path);
    return of_file(path, [&] { return model_of(read_arrays(path, form, false), outline); });
}

std::optional<ModelRecord> open_model_record(const std::filesystem::path& path) {
    const ModelForm form = form_of(path);
    if (form == ModelForm::kLockstep || form == ModelForm::kNone) return read_model_record(path);
    return of_file(path, [&]() -> std::optional<ModelRecord> {
        // Preprocessed inputs have numbers in arrays, which its options alone cannot be without.
        const ArrayFile file = read_arrays(path, form, true);
        if (!is_of_lockstep(file.metadata)) return std::nullopt;
        return record_of(file.metadata);
    });
}

}  // namespace lockstep
