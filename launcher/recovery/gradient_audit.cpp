#include "launcher/recovery/gradient_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "comm/agreement.h"
#include "comm/requests.h"
#include "comm/watchdog.h"
#include "core/base/integers.h"
#include "core/base/philox.h"

namespace lockstep {

namespace {

/// Values that have a digest of their own: one of 16 bytes for each 4 KiB.
constexpr std::size_t kBlock = 1024;
constexpr int kTag = 0;

constexpr std::size_t kUsualInterval = 200;
constexpr double kLeastOperations = 1e10;

/// The draw of a step that is of no rank.
constexpr std::uint64_t kOfAllRanks = ~std::uint64_t{0};

/// Equal bits; a NaN's payload is not part of the promise.
bool same(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

std::size_t first_difference(std::span<const float> a, std::span<const float> b) {
    return static_cast<std::size_t>(std::ranges::mismatch(a, b, same).in1 - a.begin());
}

std::string value_text(float value) {
    return fmt::format("{:.9g} (bits {:08x})", value, std::bit_cast<std::uint32_t>(value));
}

std::size_t largest_layer(const ParameterLayout& layout) {
    std::size_t largest = 0;
    for (std::size_t l = 0; l < layout.layer_count(); ++l) {
        largest = std::max(largest, layout.layer_range(l).count);
    }
    return largest;
}

std::size_t window_count(const ParameterLayout& layout, std::span<const Slice> windows) {
    if (windows.empty()) return layout.arena_size();
    return std::ranges::max(windows, {}, &Slice::count).count;
}

std::size_t beside_count(const ParameterLayout& layout, std::span<const Slice> windows) {
    return windows.size() > 1 ? largest_layer(layout) : 0;
}

}  // namespace

std::size_t usual_audit_interval(std::size_t parameters, std::size_t batch_samples) {
    // Forward and backward, a multiplication and an addition each, for the value, its gradient and its delta.
    const double step = 6.0 * static_cast<double>(parameters) * static_cast<double>(batch_samples);
    return std::max(kUsualInterval, static_cast<std::size_t>(std::ceil(kLeastOperations / step)));
}

std::size_t audit_bytes(const ParameterLayout& layout, std::span<const Slice> windows) {
    return (window_count(layout, windows) + beside_count(layout, windows)) * sizeof(float);
}

class GradientAudit::Sink : public GradientSink {
  public:
    explicit Sink(GradientAudit& audit) : audit_(audit) {}

    std::span<float> gradient(std::size_t layer, std::size_t /*node*/) override {
        const ArenaRange range = audit_.layout_.layer_range(layer);
        return audit_.in_window(range) ? audit_.recomputed(layer) : audit_.beside_.span().first(range.count);
    }
    void gradient_done(std::size_t layer) override {
        if (!audit_.in_window(audit_.layout_.layer_range(layer))) return;
        std::span<const float> values = audit_.recomputed(layer);
        for (Digest128& digest : audit_.blocks(audit_.own_, layer)) {
            const std::size_t count = std::min(kBlock, values.size());
            digest = digest_of(values.first(count));
            values = values.subspan(count);
        }
    }
    void layer_done(std::size_t /*layer*/) override {}

  private:
    GradientAudit& audit_;
};

GradientAudit::GradientAudit(const Communicator& comm, const BatchPlan& plan, const ParameterLayout& layout,
                             AuditOptions options)
    : comm_(comm),
      pairs_(comm.duplicate()),
      plan_(plan),
      layout_(layout),
      options_(std::move(options)),
      order_(comm.size()),
      place_(comm.size()),
      first_block_{0} {
    const std::vector<std::string>& hosts = comm.hosts();
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::stable_sort(order_, {}, [&](std::size_t rank) { return hosts[rank]; });
    for (std::size_t place = 0; place < order_.size(); ++place) place_[order_[place]] = place;
    std::size_t most_on_host = 0;
    for (const std::string& host : hosts) {
        most_on_host = std::max(most_on_host, static_cast<std::size_t>(std::ranges::count(hosts, host)));
    }
    // Places so far apart are on different hosts, if there are any.
    const std::size_t ranks = comm.size();
    const bool apart = 2 * most_on_host <= ranks;
    least_shift_ = apart ? most_on_host : std::min<std::size_t>(1, ranks - 1);
    most_shift_ = apart ? ranks - most_on_host : ranks - 1;
    for (std::size_t l = 0; l < layout.layer_count(); ++l) {
        first_block_.push_back(first_block_.back() + ceil_divide(layout.layer_range(l).count, kBlock));
    }
    agree(comm, [&] {
        own_.resize(first_block_.back());
        expected_.resize(first_block_.back());
        values_ = Buffer<float>(window_count(layout, options_.windows));
        beside_ = Buffer<float>(beside_count(layout, options_.windows));
        if (comm_.size() == 1) cores_.emplace();
    });
}

bool GradientAudit::in_window(ArenaRange layer) const {
    return layer.count > 0 && layer.first >= window_.begin && layer.first < window_.begin + window_.count;
}

std::span<float> GradientAudit::recomputed(std::size_t layer) {
    const ArenaRange range = layout_.layer_range(layer);
    return values_.span().subspan(range.first - window_.begin, range.count);
}

std::span<Digest128> GradientAudit::blocks(std::vector<Digest128>& digests, std::size_t layer) const {
    return std::span(digests).subspan(first_block_[layer], first_block_[layer + 1] - first_block_[layer]);
}

void GradientAudit::draw(std::size_t step) {
    const RandomStream stream(options_.seed, RandomPurpose::kAudit);
    const PhiloxCounter words = stream.block(kOfAllRanks, static_cast<std::uint32_t>(step));
    shift_ = least_shift_ + words[0] % (most_shift_ - least_shift_ + 1);
    window_ = options_.windows.empty() ? Slice{0, layout_.arena_size()}
                                       : options_.windows[words[1] % options_.windows.size()];
}

AuditedNode GradientAudit::node_of(std::size_t rank, const Batch& batch) const {
    const Shard shard = plan_.shard(batch, rank, comm_.size());
    const LeafRange leaves = shard.partition.ranges[rank];
    if (leaves.count() == 0) return {};
    const RandomStream stream(options_.seed, RandomPurpose::kAudit);
    const std::size_t leaf =
        leaves.begin + stream.block(rank, static_cast<std::uint32_t>(step_))[0] % leaves.count();
    for (const ShardPiece& piece : plan_.pieces(batch, shard, rank, options_.micro_batch, options_.by_leaf)) {
        for (std::size_t n = 0; n < piece.tree.nodes.size(); ++n) {
            const LeafRange node = piece.tree.nodes[n].leaves;
            if (leaf < node.begin || leaf >= node.end) continue;
            return {node, node.begin * plan_.leaf(), piece.node_samples[n]};
        }
    }
    return {};
}

void GradientAudit::begin(std::size_t step, const Batch& batch, const Compute& compute) {
    step_ = step;
    batch_ = batch;
    finding_ = {};
    draw(step);
    node_ = node_of(comm_.rank(), batch);
    // In the step itself thread i computes on core i.
    if (cores_) cores_->hold(1);
    Sink sink(*this);
    compute(node_of(audited_by(comm_.rank()), batch), sink);
    if (cores_) cores_->hold(0);
    exchange();
}

void GradientAudit::exchange() {
    if (comm_.size() == 1) {
        std::swap(own_, expected_);
        return;
    }
    report_place(Place::kReplicas);
    Requests requests(pairs_.handle());
    pairs_.start_receive(std::span<Digest128>(expected_), auditor_of(comm_.rank()), kTag, requests);
    pairs_.start_send(std::span<const Digest128>(own_), audited_by(comm_.rank()), kTag, requests);
    requests.wait_all();
}

void GradientAudit::take(std::size_t layer, LeafRange node, std::span<const float> gradient) {
    if (node != node_.leaves || finding_.found != 0 || !in_window(layout_.layer_range(layer))) return;
    std::uint64_t block = 0;
    for (const Digest128& expected : blocks(expected_, layer)) {
        const std::span<const float> values = gradient.subspan(
            block * kBlock, std::min(kBlock, gradient.size() - static_cast<std::size_t>(block) * kBlock));
        if (digest_of(values) != expected) {
            finding_ = {1, layer, block};
            contributed_.assign(values.begin(), values.end());
            return;
        }
        ++block;
    }
}

std::string GradientAudit::conclude(const Compute& compute) {
    report_place(Place::kReplicas);
    if (cores_) cores_->release();
    const std::optional<Dispute> found = dispute(comm_.allgather_value(finding_));
    if (!found) return "";
    const Verdict verdict = options_.repeatable
                                ? judge(*found, compute)
                                : Verdict{{}, "The step has changed parameters since: " + not_known()};
    return fmt::format(
        "{}: wrong hardware at step {}: {}. {}. Test the CPU and the memory there, leave that machine out, "
        "and "
        "go on from the last checkpoint",
        comm_.where(verdict.wrong.value_or(found->owner)), step_, text(*found), verdict.text);
}

std::optional<GradientAudit::Dispute> GradientAudit::dispute(const std::vector<Finding>& findings) {
    for (std::size_t owner = 0; owner < findings.size(); ++owner) {
        if (findings[owner].found == 0) continue;
        const std::size_t layer = findings[owner].layer;
        const std::size_t first = findings[owner].block * kBlock;
        const std::size_t count = std::min(kBlock, layout_.layer_range(layer).count - first);
        Dispute found{owner, auditor_of(owner), layer, first, contributed_, {}};
        found.owned.resize(count);
        const auto recomputed_block = recomputed(layer).subspan(first, count);
        found.audited.assign(recomputed_block.begin(), recomputed_block.end());
        comm_.broadcast(std::span(found.owned), found.owner);
        comm_.broadcast(std::span(found.audited), found.auditor);
        found.index = first_difference(found.owned, found.audited);
        // NaN of other payloads are no difference.
        if (found.index < count) return found;
    }
    return std::nullopt;
}

std::string GradientAudit::not_known() const {
    return fmt::format(
        "which of the two is wrong is not known; `lockstep replay RUN_DIR --step {}` tells, on a third "
        "machine",
        step_);
}

GradientAudit::Verdict GradientAudit::judge(const Dispute& dispute, const Compute& compute) {
    const AuditedNode node = node_of(dispute.owner, batch_);
    // A rank alone asks the step's core, the other one, and a third.
    const std::size_t times = cores_ ? std::min<std::size_t>(cores_->count(), 3) : 1;
    std::int64_t for_owner = 0;
    std::int64_t for_auditor = 0;
    for (std::size_t time = 0; time < times; ++time) {
        if (cores_) cores_->hold(time);
        Sink sink(*this);
        compute(node, sink);
        const auto again = recomputed(dispute.layer).subspan(dispute.first, dispute.owned.size());
        const auto is = [&](const std::vector<float>& values) {
            return std::int64_t{first_difference(again, values) == values.size()};
        };
        for_owner += comm_.sum(is(dispute.owned));
        for_auditor += comm_.sum(is(dispute.audited));
    }
    if (cores_) cores_->release();
    const std::size_t all = times * comm_.size();
    Verdict verdict;
    if (for_owner != for_auditor) verdict.wrong = for_owner > for_auditor ? dispute.auditor : dispute.owner;
    const std::string who = !verdict.wrong            ? not_known()
                            : comm_.size() > 1        ? comm_.where(*verdict.wrong) + " is wrong"
                            : for_owner > for_auditor ? std::string("the second is wrong")
                                                      : std::string("the first is wrong");
    verdict.text =
        fmt::format("Computed {} more time{}, it came out as the first {} and as the second {}: {}", all,
                    all == 1 ? "" : "s", for_owner, for_auditor, who);
    return verdict;
}

std::string GradientAudit::text(const Dispute& dispute) const {
    const std::size_t index = dispute.first + dispute.index;  // in the layer's run
    std::string place = "a gap between blocks";
    const std::size_t first = layout_.layer_range(dispute.layer).first;
    for (const ParameterBlock& block : layout_.blocks_of(dispute.layer)) {
        const std::size_t begin = block.offset - first;
        if (index < begin || index >= begin + block.count()) continue;
        place =
            fmt::format("{}[{}, {}]", block.name, (index - begin) / block.cols, (index - begin) % block.cols);
    }
    const AuditedNode node = node_of(dispute.owner, batch_);
    const std::string other = comm_.size() > 1                ? "by " + comm_.where(dispute.auditor)
                              : cores_ && cores_->count() > 1 ? std::string("on another core")
                                                              : std::string("a second time");
    return fmt::format(
        "the gradient of samples {} to {} of the batch, computed by {}, came out otherwise when computed {}: "
        "first in layer {} at {}, index {} of the layer: {} against {}",
        node.first, node.first + node.samples - 1, comm_.where(dispute.owner), other, dispute.layer, place,
        index, value_text(dispute.owned[dispute.index]), value_text(dispute.audited[dispute.index]));
}

}  // namespace lockstep
