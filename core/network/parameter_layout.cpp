#include "core/network/parameter_layout.h"

#include <fmt/format.h>

#include <limits>
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
    count_layer(layer);
    blocks_.push_back({std::move(name), layer, rows, cols, arena_size_, role});
    arena_size_ += (rows * cols + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
}

std::size_t ParameterLayout::parameter_count() const {
    std::size_t count = 0;
    for (const ParameterBlock& block : blocks_) count += block.count();
    return count;
}

ArenaRange ParameterLayout::layer_range(std::size_t layer) const {
    std::size_t first = arena_size_;
    std::size_t end = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
        if (blocks_[b].layer != layer) continue;
        first = std::min(first, blocks_[b].offset);
        end = b + 1 < blocks_.size() ? blocks_[b + 1].offset : arena_size_;
    }
    return end > first ? ArenaRange{first, end - first} : ArenaRange{};
}

}  // namespace lockstep
