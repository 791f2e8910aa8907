// Has every rank's work recomputed by another one now and then: a core that computes wrongly is found and
// named, although all replicas agree on what was made of it.
//
// The unit is a node of the leaf tree as a rank computes it in one go: a leaf, or the sum of several. Every
// `every` steps each rank draws one of its leaves, by (seed, step, rank), and the node that holds it. Before
// the step another rank, of another host where that can be, computes the gradient of that node's samples with
// the parameters as they are, and sends digests of its blocks to the rank whose node it is. That one holds
// what it contributes to the sum in the step itself against them, block by block, before anything is added or
// compressed. Bits must be equal: samples, dropout and augmentation are drawn by step and sample, and every
// arithmetic has one result.
//
// What it finds: whatever went wrong on the way from the samples to a node's gradient, in that step, on one
// of the two, be it once or always. Not what went wrong alike on both, nor in the sums of nodes, compression
// and the optimizer's step, which all replicas do and whose results are compared as a whole. A rank alone has
// the node recomputed by other threads' cores: with one core to run on, only what went wrong once is found.
//
// Cost of an audit: the forward and backward pass of a share, on all ranks at once, digests of two gradients,
// and 16 bytes for each 1024 values to one other rank. Memory: one more gradient, or, where that is too much
// to ask for, a run of its layers and the largest layer; that run alone, drawn each time, is then compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "comm/tree_allreduce.h"
#include "core/base/buffer.h"
#include "core/base/cores.h"
#include "core/base/digest.h"
#include "core/data/batch_plan.h"
#include "core/network/gradient_sink.h"
#include "core/network/parameter_layout.h"

namespace lockstep {

struct AuditOptions {
    std::size_t every = 0;  ///< steps; 0: never
    std::uint64_t seed = 1;
    // How ranks cut their shares (BatchPlan::pieces).
    std::size_t micro_batch = 0;
    bool by_leaf = false;
    /// What of the arena is compared at a time, runs of whole layers: one of these is drawn. None: all of it.
    std::vector<Slice> windows = {};
    /// Whether parameters are as they were before the step while conclude() is at work: then a difference is
    /// computed again by all ranks, which says who is wrong.
    bool repeatable = true;
};

/// Steps between audits that cost less than a hundredth of them: 200, each audit taking as long as a step, or
/// half as long again where caches are cold; more where steps are so short that the 0.1 ms would show which
/// waking another core takes: as many as make ten billion operations of a network of so many parameters.
std::size_t usual_audit_interval(std::size_t parameters, std::size_t batch_samples);

/// Bytes that auditing takes on each rank; `windows` as above.
std::size_t audit_bytes(const ParameterLayout& layout, std::span<const Slice> windows);

/// Samples of a batch whose gradient is one node of the leaf tree.
struct AuditedNode {
    LeafRange leaves;
    std::size_t first = 0;  ///< sample, within the batch
    std::size_t samples = 0;
};

class GradientAudit {
  public:
    /// Computes the gradient of a node's samples, which may be none, with the parameters as they are, into
    /// `sink`. Collective where parameters are sharded.
    using Compute = std::function<void(const AuditedNode& node, GradientSink& sink)>;

    /// `comm`, `plan` and `layout` must outlive it. Throws CollectiveError where memory is lacking.
    /// Collective.
    GradientAudit(const Communicator& comm, const BatchPlan& plan, const ParameterLayout& layout,
                  AuditOptions options);

    [[nodiscard]] bool due(std::size_t step) const {
        return options_.every > 0 && step % options_.every == 0;
    }
    /// Before a step that is due: another rank's node is computed by `compute`, and the ranks tell each other
    /// what to expect. Collective.
    void begin(std::size_t step, const Batch& batch, const Compute& compute);
    /// In the step: what this rank computed of a layer's gradient, of that node.
    void take(std::size_t layer, LeafRange node, std::span<const float> gradient);
    /// After the gradients are there: "" on every rank, or, where a node's gradient differed on any, what the
    /// user is told: the step, the ranks, the layer, the first value that differs going backward and, where
    /// `compute` can be repeated, who is wrong. Collective.
    [[nodiscard]] std::string conclude(const Compute& compute);

  private:
    /// Takes a recomputed gradient, layer by layer.
    class Sink;
    /// What a rank knows of its own node when it differs.
    struct Finding {
        std::uint64_t found = 0;
        std::uint64_t layer = 0;
        std::uint64_t block = 0;  ///< of that layer
    };
    /// A block as two ranks computed it.
    struct Dispute {
        std::size_t owner, auditor;
        std::size_t layer, first;           ///< value, in the layer's run
        std::vector<float> owned, audited;  ///< (values of the block)
        std::size_t index = 0;              ///< of the first that differs, in the block
    };

    struct Verdict {
        std::optional<std::size_t> wrong;  ///< rank
        std::string text;
    };

    [[nodiscard]] AuditedNode node_of(std::size_t rank, const Batch& batch) const;
    [[nodiscard]] std::size_t auditor_of(std::size_t rank) const { return other(rank, shift_); }
    [[nodiscard]] std::size_t audited_by(std::size_t rank) const {
        return other(rank, comm_.size() - shift_);
    }
    /// The rank so many places behind that one, hosts lying one behind the other.
    [[nodiscard]] std::size_t other(std::size_t rank, std::size_t distance) const {
        return order_[(place_[rank] + distance) % order_.size()];
    }
    void draw(std::size_t step);
    void exchange();
    [[nodiscard]] bool in_window(ArenaRange layer) const;
    [[nodiscard]] std::span<float> recomputed(std::size_t layer);
    [[nodiscard]] std::span<Digest128> blocks(std::vector<Digest128>& digests, std::size_t layer) const;
    [[nodiscard]] std::optional<Dispute> dispute(const std::vector<Finding>& findings);
    /// All compute it again.
    [[nodiscard]] Verdict judge(const Dispute& dispute, const Compute& compute);
    [[nodiscard]] std::string text(const Dispute& dispute) const;
    /// That it is not known who is wrong, and who could tell.
    [[nodiscard]] std::string not_known() const;

    const Communicator& comm_;
    Communicator pairs_;  // for messages of its own
    const BatchPlan& plan_;
    const ParameterLayout& layout_;
    AuditOptions options_;
    std::vector<std::size_t> order_, place_;  // of the ranks, host by host
    std::size_t least_shift_ = 0;             // by which ranks of a host are audited by another's
    std::size_t most_shift_ = 0;
    std::vector<std::size_t> first_block_;   // (layers + 1)
    std::vector<Digest128> own_, expected_;  // (blocks) of what this rank recomputed, of its own node
    Buffer<float> values_;                   // what it recomputed in the window
    Buffer<float> beside_;                   // a layer outside it
    std::optional<Cores> cores_;             // of a rank alone

    // Of the step at hand.
    std::size_t step_ = 0;
    Batch batch_;
    Slice window_;
    std::size_t shift_ = 0;
    AuditedNode node_;  // this rank's
    Finding finding_;
    std::vector<float> contributed_;  // the first block that differed
};

}  // namespace lockstep
