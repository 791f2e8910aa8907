#include "core/network/parameter_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/buffer.h"
#include "core/base/error.h"

namespace lockstep {

namespace {
constexpr std::size_t kFloatsPerLine = kAlignment_bytes / sizeof(float);
// The address space of a process, in floats: what no arena can exceed.
constexpr std::size_t kMostFloats = (std::size_t{1} << 47) / sizeof(float);
}  // namespace

void ParameterLayout::append(std::string name, std::size_t layer, std::size_t rows, std::size_t cols,
                             ParameterRole role) {
    if (rows > 0 && cols > (kMostFloats - arena_size_) / rows) {
        throw ConfigError(fmt::format("{} of {} x {} parameters fits no machine", name, rows, cols));
    }
    if (!blocks_.empty() && layer < blocks_.back().layer)
        throw Error(ExitCode::kInternal, fmt::format("{}: layers must be appended in order", name));
    count_layer(layer);
    while (first_block_.size() <= layer) first_block_.push_back(blocks_.size());
    blocks_.push_back({std::move(name), layer, rows, cols, arena_size_, role});
    arena_size_ += (rows * cols + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
}

std::size_t ParameterLayout::parameter_count() const {
    std::size_t count = 0;
    for (const ParameterBlock& block : blocks_) count += block.count();
    return count;
}

std::span<const ParameterBlock> ParameterLayout::blocks_of(std::size_t layer) const {
    const auto first_of = [&](std::size_t l) {
        return l < first_block_.size() ? first_block_[l] : blocks_.size();
    };
    return std::span(blocks_).subspan(first_of(layer), first_of(layer + 1) - first_of(layer));
}

ArenaRange ParameterLayout::layer_range(std::size_t layer) const {
    const std::span<const ParameterBlock> own = blocks_of(layer);
    if (own.empty()) return {};
    const ParameterBlock* behind = own.data() + own.size();
    const bool last = behind == blocks_.data() + blocks_.size();
    const std::size_t end = last ? arena_size_ : behind->offset;
    return {own.front().offset, end - own.front().offset};
}

std::size_t ParameterLayout::layer_of(std::size_t element) const {
    const auto behind = std::ranges::upper_bound(blocks_, element, {}, &ParameterBlock::offset);
    return std::prev(behind)->layer;
}

}  // namespace lockstep
