// A network as training takes it: its layers, and the workspace of a pass.
#pragma once

#include "core/network/learner.h"
#include "core/network/network.h"
#include "core/network/workspace.h"

namespace lockstep {

/// `network` must outlive it.
class NetworkScorer : public Scorer {
  public:
    NetworkScorer(const Network& network, std::size_t capacity)
        : network_(network), work_(network, capacity, Passes::kForward) {}

    [[nodiscard]] std::size_t capacity() const override { return work_.capacity(); }
    [[nodiscard]] bool counts_correct() const override { return network_.objective().counts_correct(); }
    void score(ParameterSource& parameters, const Samples& samples,
               std::span<SampleMetrics> metrics) override {
        network_.forward(parameters, samples.x, work_);
        if (samples.x.rows > 0) network_.evaluate(samples.targets, samples.x.rows, work_, metrics);
    }

  private:
    const Network& network_;
    Workspace work_;
};

class NetworkLearner : public Learner {
  public:
    /// For passes over up to `capacity` samples. Throws ConfigError as Network does.
    NetworkLearner(const NetworkSpec& spec, Arithmetic arithmetic, std::size_t capacity)
        : network_(spec, arithmetic), work_(network_, capacity) {}

    [[nodiscard]] const ParameterLayout& layout() const override { return network_.layout(); }
    [[nodiscard]] std::size_t layer_count() const override { return network_.layer_count(); }
    void initialise(std::uint64_t seed, ArenaRange range, std::span<float> parameters) const override {
        network_.initialise(seed, range, parameters);
    }
    void pack_layer(std::size_t layer, std::span<const float> parameters) override {
        network_.pack_layer(layer, parameters);
    }
    [[nodiscard]] bool counts_correct() const override { return network_.objective().counts_correct(); }
    [[nodiscard]] float mean_factor(std::size_t batch_samples) const override {
        return network_.objective().mean_factor(batch_samples);
    }
    void forward(ParameterSource& parameters, const Samples& samples, const DropoutDraw& draw,
                 std::span<SampleMetrics> metrics) override {
        DropoutDraw own = draw;
        own.whole_batch = network_.spec().dropout_by_step;
        network_.forward(parameters, samples.x, work_, &own);
        network_.evaluate(samples.targets, samples.x.rows, work_, metrics);
    }
    void backward(ParameterSource& parameters, const Samples& samples, std::size_t leaf,
                  std::span<const std::size_t> node_samples, GradientSink& sink) override {
        network_.backward(parameters, samples.x, leaf, node_samples, work_, sink);
    }
    [[nodiscard]] std::string first_not_finite(std::size_t b) override;
    [[nodiscard]] std::unique_ptr<Scorer> scorer(std::size_t capacity) const override {
        return std::make_unique<NetworkScorer>(network_, capacity);
    }

    [[nodiscard]] const Network& network() const { return network_; }

  private:
    Network network_;
    Workspace work_;
};

}  // namespace lockstep
