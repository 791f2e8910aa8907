// A program that trains with lockstep as a library, with data and a kind of layer of its own: prints the
// digest of the parameters, which is the same on any number of ranks.
#include <array>
#include <cstdio>
#include <memory>

#include "core/network/layers/layer_kind.h"
#include "core/network/layers/leaf_sum.h"
#include "launcher/run/job.h"
#include "launcher/train/trainer.h"

using namespace lockstep;

/// Points of the square [−1, 1)²; class 1 are those in the disc of half its area.
class Disc final : public Dataset {
  public:
    std::size_t size() const override { return 1000; }
    Shape input_shape() const override { return 2; }
    std::size_t classes() const override { return 2; }
    std::string description() const override { return "points of a square, 1000 samples"; }
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override {
        check_read(indices, x, target);
        for (std::size_t r = 0; r < indices.size(); ++r) {
            for (std::size_t c = 0; c < 2; ++c)
                x(r, c) = static_cast<float>(indices[r] * (c == 0 ? 37 : 59) % 256) / 128.0F - 1.0F;
            if (!target.empty()) target.labels[r] = x(r, 0) * x(r, 0) + x(r, 1) * x(r, 1) < 0.64F ? 1 : 0;
        }
    }
};

/// y_i = f(g_i x_i²), with a gain g for each input.
class SquareLayer final : public Layer {
  public:
    explicit SquareLayer(const LayerSite& site) : Layer(site.output, site.spec.activation) {}
    void initialise(std::uint64_t /*seed*/, std::size_t first, std::span<float> parameters) const override {
        for (std::size_t i = 0; i < parameters.size(); ++i)
            parameters[i] = first + i < outputs() ? 1.0F : 0.0F;
    }
    void forward(std::span<const float> gain, ConstMatrix x, Matrix y, Matrix /*state*/) const override {
        for (std::size_t r = 0; r < x.rows; ++r)
            for (std::size_t i = 0; i < x.cols; ++i) y(r, i) = gain[i] * x(r, i) * x(r, i);
        activate(activation(), y);
    }
    void parameter_gradient(std::span<const float> /*gain*/, ConstMatrix x, ConstMatrix delta,
                            ConstMatrix /*state*/, std::size_t leaf,
                            std::span<float> gradient) const override {
        sum_over_leaves(0, x.rows, leaf, gradient, [&](std::size_t r, std::span<float> sum) {
            for (std::size_t i = 0; i < x.cols; ++i) sum[i] += delta(r, i) * x(r, i) * x(r, i);
        });
    }
    void input_delta(std::span<const float> gain, ConstMatrix delta, ConstMatrix x, ConstMatrix /*state*/,
                     Activation f_below, ConstMatrix below, Matrix delta_below) const override {
        for (std::size_t r = 0; r < x.rows; ++r)
            for (std::size_t i = 0; i < x.cols; ++i)
                delta_below(r, i) = 2.0F * delta(r, i) * gain[i] * x(r, i);
        multiply_by_derivative(f_below, below, delta_below);
    }
};

const LayerKind kSquare{
    .name = "square",
    .example = "square",
    .output_shape = [](const LayerSpec&, const Shape& input) { return input; },
    .blocks =
        [](const LayerSpec&, const Shape& input) {
            return std::vector<LayerBlock>{{"gain", 1, input.count()}};
        },
    .make = [](const LayerSite& site) -> std::unique_ptr<Layer> {
        return std::make_unique<SquareLayer>(site);
    },
};

int main(int argc, char** argv) {
    return run_job(argc, argv, [](const Communicator& comm) {
        const std::array<const LayerKind*, 1> own{&kSquare};
        Config config;
        config.network.layers = {parse_layer("dense units=8 activation=tanh"), parse_layer("square", own),
                                 parse_layer("dense units=2 activation=softmax")};
        config.training.epochs = 30;
        config.training.global_batch = 100;
        config.optimizer.momentum = 0.9F;
        const auto data = std::make_shared<Disc>();
        Trainer trainer(comm, config, {.train = data, .test = data});
        Journal journal(Progress::for_rank(comm.rank()));
        const TrainingResult result = trainer.train(journal);
        if (comm.rank() == 0)
            std::printf("%s %.3f\n", result.digest.hex().c_str(), *result.scores.test->accuracy);
    });
}
