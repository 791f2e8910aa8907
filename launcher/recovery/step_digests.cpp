#include "launcher/recovery/step_digests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/arithmetic/value_digest.h"
#include "core/base/integers.h"

namespace lockstep {

namespace {

constexpr std::size_t kSums = DigestSums{}.size();

}  // namespace

StepDigests::StepDigests(const Communicator& comm, const ParameterLayout& layout)
    : layout_(layout),
      rank_(comm.rank()),
      ranks_(comm.size()),
      own_(2 * layout.layer_count() * kSums),
      sent_(own_) {
    if (ranks_ == 1) return;
    comm_.emplace(comm.duplicate());
    requests_.emplace(comm_->handle());
}

std::size_t StepDigests::place(Of of, std::size_t layer) const {
    return ((of == kGradient ? 0 : layout_.layer_count()) + layer) * kSums;
}

void StepDigests::add(Of of, HeldBy held_by, ArenaRange range, std::span<const float> values) {
    if (!wanted_) return;
    if (held_by == kEveryRank && ranks_ > 1) {
        const auto [begin, count] = balanced_piece(range.count, ranks_, rank_);
        values = values.subspan(begin, count);
        range = {range.first + begin, count};
    }
    if (range.count == 0) return;
    const std::size_t end = range.first + range.count;
    const std::size_t last = layout_.layer_of(end - 1);
    for (std::size_t l = layout_.layer_of(range.first); l <= last; ++l) {
        const ArenaRange layer = layout_.layer_range(l);
        const std::size_t from = std::max(layer.first, range.first);
        const std::size_t to = std::min(layer.first + layer.count, end);
        if (from >= to) continue;
        DigestSums sums{};
        add_to_digest(values.subspan(from - range.first, to - from), from - layer.first, sums);
        for (std::size_t i = 0; i < kSums; ++i) own_[place(of, l) + i] += sums[i];
    }
}

std::vector<LayerDigest> StepDigests::digests(Of of) const {
    std::vector<LayerDigest> layers;
    for (std::size_t l = 0; l < layout_.layer_count(); ++l) {
        if (layout_.layer_range(l).count == 0) continue;
        DigestSums sums{};
        std::copy_n(sent_.begin() + static_cast<std::ptrdiff_t>(place(of, l)), kSums, sums.begin());
        layers.push_back({fmt::format("layer{}", l), digest_of(sums)});
    }
    return layers;
}

std::optional<LedgerLine> StepDigests::end(std::uint64_t epoch, std::uint64_t step) {
    if (!std::exchange(wanted_, false)) return std::nullopt;
    std::optional<LedgerLine> earlier = flush();
    std::swap(own_, sent_);
    std::ranges::fill(own_, 0);
    under_way_ =
        LedgerLine{.epoch = epoch, .step = step, .model = std::nullopt, .gradient = {}, .parameters = {}};
    if (!comm_) return flush();
    comm_->start_reduce_sum(std::span(sent_), *requests_);
    return earlier;
}

std::optional<LedgerLine> StepDigests::flush() {
    if (!under_way_) return std::nullopt;
    if (requests_) requests_->wait_all();
    std::optional<LedgerLine> line = std::exchange(under_way_, std::nullopt);
    line->gradient = digests(kGradient);
    line->parameters = digests(kParameters);
    return line;
}

}  // namespace lockstep
