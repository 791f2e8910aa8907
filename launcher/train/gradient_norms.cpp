#include "launcher/train/gradient_norms.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>

#include "core/arithmetic/elementwise.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

namespace {

/// A block, or a part of one, in a message: its sum of squares follows where that is `whole`, else `count`
/// values from place `first` of the block on.
struct BlockPart {
    std::uint64_t block;
    std::uint64_t first;
    std::uint64_t count;
    std::uint64_t whole;
};

template <class T>
void append(std::string& bytes, std::span<const T> values) {
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

template <class T>
void take(const char*& from, std::span<T> values) {
    std::memcpy(values.data(), from, values.size_bytes());
    from += values.size_bytes();
}

std::size_t count_of(const std::vector<ArenaRange>& held) {
    std::size_t count = 0;
    for (const ArenaRange& run : held) count += run.count;
    return count;
}

}  // namespace

GradientNorms::GradientNorms(const Communicator& comm, const ParameterLayout& layout,
                             std::vector<ArenaRange> held, bool of_epochs)
    : comm_(comm),
      held_(std::move(held)),
      epoch_sums_(!of_epochs  ? 0
                  : divided() ? count_of(held_)
                              : layout.arena_size()),
      first_block_{0} {
    for (std::size_t l = 0; l < layout.layer_count(); ++l) {
        layers_.push_back(layout.layer_range(l));
        first_block_.push_back(first_block_.back() + square_blocks(layers_.back().count));
    }
    block_sums_.resize(first_block_.back());
}

double GradientNorms::of_step(std::span<const float> sums, float mean_factor) {
    if (epoch_sums_.size() > 0) add_values(epoch_sums_.span(), sums);
    return norm(sums, mean_factor);
}

double GradientNorms::of_epoch(float mean_factor) {
    const double result = norm(epoch_sums_.span(), mean_factor);
    std::ranges::fill(epoch_sums_.span(), 0.0F);
    return result;
}

double GradientNorms::norm(std::span<const float> sums, float mean_factor) {
    if (divided()) take_blocks(comm_.allgather(own_blocks(sums)));
    double sum = 0.0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        const std::span<double> blocks =
            std::span(block_sums_).subspan(first_block_[l], first_block_[l + 1] - first_block_[l]);
        const auto [first, count] = layers_[l];
        sum += divided() ? tree_sum(std::span<const double>(blocks))
                         : square_sum(sums.subspan(first, count), blocks);
    }
    return std::sqrt(sum) * static_cast<double>(mean_factor);
}

std::string GradientNorms::own_blocks(std::span<const float> sums) const {
    std::string bytes;
    std::size_t place = 0;  // in sums
    for (const ArenaRange& run : held_) {
        const std::size_t end = run.first + run.count;
        const auto next = std::ranges::upper_bound(layers_, run.first, {}, &ArenaRange::first);
        for (auto l = static_cast<std::size_t>(next - layers_.begin()) - 1; l < layers_.size(); ++l) {
            const auto [first, count] = layers_[l];
            if (first >= end) break;
            const std::size_t from = std::max(first, run.first);
            const std::size_t to = std::min(first + count, end);
            if (from >= to) continue;
            for (std::size_t b = (from - first) / kSquareBlock; first + b * kSquareBlock < to; ++b) {
                const std::size_t block = first + b * kSquareBlock;
                const std::size_t block_end = std::min(block + kSquareBlock, first + count);
                const std::size_t begin = std::max(block, from);
                const auto values = sums.subspan(place + begin - run.first, std::min(block_end, to) - begin);
                const BlockPart part{first_block_[l] + b, begin - block, values.size(),
                                     values.size() == block_end - block ? 1U : 0U};
                append(bytes, std::span(&part, 1));
                if (part.whole == 0) {
                    append(bytes, values);
                    continue;
                }
                double square = 0.0;
                square = square_sum(values, {&square, 1});
                append(bytes, std::span<const double>(&square, 1));
            }
        }
        place += run.count;
    }
    return bytes;
}

void GradientNorms::take_blocks(const std::vector<std::string>& parts) {
    std::map<std::uint64_t, std::vector<float>> divided;  // blocks of which several ranks have a part
    for (const std::string& bytes : parts) {
        for (const char* from = bytes.data(); from < bytes.data() + bytes.size();) {
            BlockPart part{};
            take(from, std::span(&part, 1));
            if (part.whole != 0) {
                take(from, std::span(&block_sums_[part.block], 1));
                continue;
            }
            std::vector<float>& values = divided[part.block];
            values.resize(std::max<std::size_t>(values.size(), part.first + part.count));
            take(from, std::span(values).subspan(part.first, part.count));
        }
    }
    for (const auto& [block, values] : divided) {
        double& square = block_sums_[block];
        square = square_sum(values, {&square, 1});
    }
}

}  // namespace lockstep
