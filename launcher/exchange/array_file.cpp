#include "launcher/exchange/array_file.h"

#include <fmt/format.h>

#include <limits>
#include <stdexcept>

namespace lockstep {

std::vector<ArrayView> arrays_of(const Model& model) {
    std::vector<ArrayView> arrays;
    for (const ParameterBlock& block : model.layout.blocks()) {
        const bool vector = block.rows == 1 && block.name.ends_with(".bias");
        arrays.push_back({block.name, vector ? ArrayShape{block.cols} : ArrayShape{block.rows, block.cols},
                          block.values(model.arena.span())});
    }
    if (const Preprocessing* preprocessing = model.record.preprocessing.get()) {
        const std::size_t raw = preprocessing->raw_size();
        const std::size_t outputs = preprocessing->output_size();
        arrays.push_back({"preprocessing.offset", {raw}, preprocessing->offset});
        if (!preprocessing->rotation.empty())
            arrays.push_back({"preprocessing.rotation", {raw, outputs}, preprocessing->rotation});
        arrays.push_back({"preprocessing.factor", {outputs}, preprocessing->factor});
    }
    return arrays;
}

std::string array_shape_text(const ArrayShape& shape) {
    return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::size_t count_of(const ArrayShape& shape) {
    std::size_t count = 1;
    for (const std::size_t size : shape) {
        if (size > 0 && count > std::numeric_limits<std::size_t>::max() / sizeof(float) / size)
            throw std::runtime_error(
                fmt::format("an array of shape {} fits no memory", array_shape_text(shape)));
        count *= size;
    }
    return count;
}

}  // namespace lockstep
