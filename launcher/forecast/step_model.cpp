#include "launcher/forecast/step_model.h"

#include <algorithm>
#include <bit>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <optional>

#include "launcher/bench/bench_step.h"
#include "launcher/forecast/link_clock.h"

namespace lockstep {

std::vector<double> forward_counts(const LayerWork& layer, double samples, double far) {
    const double weights = layer.weights;
    return {1.0, samples * weights, weights * (1.0 - far), weights * far,
            samples * (layer.inputs + layer.outputs)};
}

std::vector<double> gradient_counts(const LayerWork& layer, double samples, double written, double far) {
    if (layer.weights == 0.0) return {1.0, 0.0, 0.0, 0.0, 0.0};
    const double weights = layer.weights * std::max(written, 1.0);
    return {1.0, samples * layer.weights, weights * (1.0 - far), weights * far,
            samples * (layer.inputs + layer.outputs)};
}

std::vector<double> delta_counts(const LayerWork& layer, double samples, double far) {
    if (!layer.delta) return {0.0, 0.0, 0.0, 0.0, 0.0};
    return {0.0, samples * layer.weights, layer.weights * (1.0 - far), layer.weights * far,
            samples * (layer.inputs + layer.outputs)};
}

double far_share(const StepWork& work, const Machine& machine) {
    double outputs = 0.0;
    for (const LayerWork& layer : work.layers) outputs += layer.outputs;
    const auto samples = static_cast<double>(*std::ranges::max_element(work.pieces));
    const double activations = samples * (work.layers.front().inputs + 2.0 * outputs);
    const double parameters = work.parameters();
    const double state = parameters * (work.moved_per_update - 3.0) / 2.0;
    const auto ranks = static_cast<double>(work.ranks.ranks);
    double values = 2.0 * parameters + state;
    if (work.sharding == Sharding::kOptimizer) values = 2.0 * parameters + state / ranks;
    if (work.sharding == Sharding::kParameters) values = parameters + state / ranks;
    return far_share((values + activations) * sizeof(float), machine.cache_bytes);
}

namespace {

/// Bytes of a value in a message whose sums are each of so many leaves (comm/README.md, "Compression").
double bytes_of_value(const StepWork& work, double leaves) {
    switch (work.compression) {
        case Compression::kBf16:
            return 2.0;
        case Compression::kTopK:
            // A place of the sum is other than zero where that of any of its leaves is.
            return std::min(4.0, 8.0 * (1.0 - std::pow(1.0 - work.keep, leaves)));
        case Compression::kNone:
            break;
    }
    return sizeof(float);
}

double leaves_of_host(const StepWork& work) {
    return std::min(static_cast<double>(work.leaves),
                    static_cast<double>(work.most_leaves * work.ranks.per_host));
}

}  // namespace

BucketTraffic scatter_traffic(const StepWork& work, const NetworkCosts& network, double values) {
    BucketTraffic traffic;
    const auto hosts = static_cast<double>(work.ranks.hosts());
    const double leaves = leaves_of_host(work);
    if (work.halving) {
        for (double rest = 2.0; rest <= hosts; rest *= 2.0) {
            const double bytes = values / rest * bytes_of_value(work, leaves * rest / 2.0);
            traffic.bytes += bytes;
            traffic.latency += network.message();
        }
        return traffic;
    }
    const double each = values / hosts * bytes_of_value(work, leaves);
    const auto sums = static_cast<double>(work.most_sums);
    traffic.bytes = sums * (hosts - 1.0) * each;
    traffic.latency = network.message();
    // A rank sends (H - 1) k messages and receives those of all other nodes; one is in the latency.
    const double messages = (sums - 1.0) * (hosts - 1.0) + static_cast<double>(work.sums) + hosts - 2.0;
    traffic.overhead = std::max(0.0, messages - 2.0) * network.overhead_seconds.value;
    return traffic;
}

BucketTraffic spread_traffic(const StepWork& work, const NetworkCosts& network, double values) {
    BucketTraffic traffic;
    const auto hosts = static_cast<double>(work.ranks.hosts());
    // What is spread with comm.shard are parameters, which are never compressed.
    const double each = work.sharding == Sharding::kNone
                            ? bytes_of_value(work, static_cast<double>(work.leaves))
                            : sizeof(float);
    traffic.bytes = (hosts - 1.0) / hosts * values * each;
    if (work.halving) {
        for (double rest = 2.0; rest <= hosts; rest *= 2.0) {
            traffic.latency += network.message();
        }
        return traffic;
    }
    traffic.latency = network.message();
    traffic.overhead = std::max(0.0, 2.0 * (hosts - 2.0)) * network.overhead_seconds.value;
    return traffic;
}

namespace {

/// One step's walk.
class Walk {
  public:
    Walk(const Machine& machine, const StepWork& work)
        : machine_(machine),
          work_(work),
          far_(far_share(work, machine)),
          clock_(machine.network ? machine.network->hidden_rate.value : 1.0,
                 machine.network ? machine.network->slowdown.value : 0.0),
          sums_(work.buckets.size()),
          gathers_(work.buckets.size()) {}

    StepForecast run() {
        for (const std::size_t& piece : work_.pieces) {
            samples_ = static_cast<double>(piece);
            last_ = &piece == &work_.pieces.back();
            forward();
            if (last_ && sharded() && over_hosts()) wait_for_metrics();
            backward();
        }
        update();
        wait_for_slowest();
        return result_;
    }

  private:
    [[nodiscard]] bool over_hosts() const { return work_.ranks.hosts() > 1; }
    [[nodiscard]] bool sharded() const { return work_.sharding != Sharding::kNone; }
    [[nodiscard]] bool gathers() const { return work_.sharding == Sharding::kParameters && over_hosts(); }
    [[nodiscard]] double values(std::size_t bucket) const {
        return static_cast<double>(work_.buckets[bucket].count);
    }

    void compute(double StepForecast::*phase, double seconds) { result_.*phase += clock_.compute(seconds); }

    /// `values`: of the bucket.
    std::size_t post(const BucketTraffic& traffic, double values) {
        result_.bytes += traffic.bytes;
        result_.latency += traffic.latency;
        compute(&StepForecast::between_hosts, traffic.overhead);
        const double far = far_share(values * sizeof(float), machine_.cache_bytes);
        return clock_.post(traffic.bytes * (machine_.network->seconds_per_byte.value +
                                            far * machine_.network->far_seconds_per_byte.value),
                           traffic.latency);
    }

    /// A bucket's parameters are asked of the other hosts, and are here.
    void gather(std::size_t bucket) {
        if (!gathers() || gathers_[bucket]) return;
        BucketTraffic traffic;
        const auto hosts = static_cast<double>(work_.ranks.hosts());
        traffic.bytes = (hosts - 1.0) / hosts * values(bucket) * sizeof(float);
        traffic.latency = machine_.network->message();
        traffic.overhead = 2.0 * (hosts - 2.0) * machine_.network->overhead_seconds.value;
        gathers_[bucket] = post(traffic, values(bucket));
    }
    void read(std::size_t bucket, std::optional<std::size_t> next) {
        if (!gathers()) return;
        gather(bucket);
        result_.between_hosts += clock_.wait(*gathers_[bucket]);
        if (next && *next != bucket) gather(*next);
    }

    void forward() {
        std::ranges::fill(gathers_, std::nullopt);
        for (const LayerWork& layer : work_.layers) {
            if (layer.weights > 0.0) {
                read(layer.bucket, layer.bucket > 0 ? std::optional(layer.bucket - 1) : std::nullopt);
            }
            compute(&StepForecast::forward, machine_.forward.seconds(forward_counts(layer, samples_, far_)));
        }
    }

    /// With sharding a step's loss is known to be finite before its parameters change.
    void wait_for_metrics() {
        const double steps = 2.0 * std::ceil(std::log2(static_cast<double>(work_.ranks.hosts())));
        result_.between_hosts += clock_.wait(clock_.post(0.0, steps * machine_.network->message()));
    }

    void backward() {
        // All buckets but those that the forward pass read last are asked for again.
        for (std::size_t b = 1; b < gathers_.size(); ++b) gathers_[b].reset();
        const double written = work_.by_leaf ? 2.0 * std::ceil(samples_ / work_.leaf) : 1.0;
        for (std::size_t l = work_.layers.size(); l-- > 0;) {
            const LayerWork& layer = work_.layers[l];
            const bool ends = layer.weights > 0.0 && last_of_bucket(l);
            wait_for_memory(layer);
            compute(&StepForecast::backward,
                    machine_.backward.seconds(gradient_counts(layer, samples_, written, far_)));
            if (ends && !sharded()) sum(layer.bucket);
            if (layer.delta && layer.weights > 0.0) {
                read(layer.bucket,
                     layer.bucket + 1 < gathers_.size() && l > 0 && reads_again(layer.bucket + 1)
                         ? std::optional(layer.bucket + 1)
                         : std::nullopt);
            }
            compute(&StepForecast::backward, machine_.backward.seconds(delta_counts(layer, samples_, far_)));
            if (ends && sharded()) sum(layer.bucket);
        }
    }

    /// Whether layer l is the one whose gradient completes its bucket: the lowest with parameters.
    [[nodiscard]] bool last_of_bucket(std::size_t l) const {
        for (std::size_t below = l; below-- > 0;) {
            if (work_.layers[below].weights > 0.0)
                return work_.layers[below].bucket != work_.layers[l].bucket;
        }
        return true;
    }
    [[nodiscard]] bool reads_again(std::size_t bucket) const {
        return std::ranges::any_of(work_.layers, [&](const LayerWork& layer) {
            return layer.bucket == bucket && layer.delta && layer.weights > 0.0;
        });
    }

    /// With sharded parameters there is memory for the gradients of two buckets.
    void wait_for_memory(const LayerWork& layer) {
        if (work_.sharding != Sharding::kParameters || layer.bucket < 2 || layer.weights == 0.0) return;
        if (const auto& sum = sums_[layer.bucket - 2]) result_.between_hosts += clock_.wait(*sum);
    }

    void sum(std::size_t bucket) {
        if (!last_) return;
        if (work_.ranks.per_host > 1 && work_.ranks.ranks > 1) {
            compute(&StepForecast::within_host,
                    machine_.host_sum->seconds(
                        std::array{1.0, values(bucket) * (1.0 - far_), values(bucket) * far_}));
        }
        if (over_hosts()) {
            BucketTraffic traffic = scatter_traffic(work_, *machine_.network, values(bucket));
            if (work_.sharding != Sharding::kParameters) {
                const BucketTraffic spread = spread_traffic(work_, *machine_.network, values(bucket));
                traffic.bytes += spread.bytes;
                traffic.latency += spread.latency;
                traffic.overhead += spread.overhead;
            }
            sums_[bucket] = post(traffic, values(bucket));
        }
        // The owners update as the sums arrive.
        if (sharded()) {
            compute(&StepForecast::optimizer,
                    update_seconds(values(bucket) / static_cast<double>(work_.ranks.ranks),
                                   work_.moved_per_update));
        }
    }

    [[nodiscard]] double update_seconds(double values, double moved) const {
        const double scale = moved / measured_moves_;
        return machine_.update.seconds(std::array{1.0, values * (1.0 - far_) * scale, values * far_ * scale});
    }

    void update() {
        // A copy reads one value and writes one.
        constexpr double kMoved_per_copy = 2.0;
        for (std::size_t bucket = 0; bucket < work_.buckets.size(); ++bucket) {
            if (sums_[bucket]) result_.between_hosts += clock_.wait(*sums_[bucket]);
            if (work_.sharding == Sharding::kParameters) continue;
            compute(&StepForecast::optimizer,
                    update_seconds(values(bucket), sharded() ? kMoved_per_copy : work_.moved_per_update));
        }
        result_.sent = clock_.posted();
    }

    /// The expected largest of as many normal deviates as ranks compute (Blom, 1958).
    void wait_for_slowest() {
        const auto ranks = static_cast<double>(work_.busy_ranks);
        if (ranks < 2.0) return;
        const double place = (ranks - 0.375) / (ranks + 0.25);
        result_.slowest = machine_.noise * boost::math::quantile(boost::math::normal(), place) *
                          (result_.forward + result_.backward);
    }

    const Machine& machine_;
    const StepWork& work_;
    double far_;
    double measured_moves_ = moved_per_update(bench_optimizer(machine_.optimizer));
    LinkClock clock_;
    double samples_ = 0.0;  // of the piece at hand
    bool last_ = false;     // this piece is the share's last
    StepForecast result_;
    std::vector<std::optional<std::size_t>> sums_;     // (buckets) transfers
    std::vector<std::optional<std::size_t>> gathers_;  // (buckets) transfers
};

}  // namespace

StepForecast forecast_step(const Machine& machine, const StepWork& work) { return Walk(machine, work).run(); }

}  // namespace lockstep
