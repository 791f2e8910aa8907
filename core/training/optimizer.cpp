#include "core/training/optimizer.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/arithmetic/buffer.h"
#include "core/arithmetic/elementwise.h"
#include "core/error.h"
#include "core/spelling.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 2> kNames{"sgd", "adam"};

/// Stochastic gradient descent with momentum: elementwise.h gives the formula.
class Sgd : public Optimizer {
  public:
    Sgd(float momentum, std::size_t count) : momentum_(momentum), delta_(count) {}

    [[nodiscard]] std::size_t state_per_parameter() const override { return 1; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override {
        sgd_step({step.mean_factor, step.learning_rate, momentum_}, gradient_sum,
                 delta_.span().subspan(first, parameters.size()), parameters);
    }

  private:
    float momentum_;
    Buffer<float> delta_;  // the last change of each parameter
};

/// Adam: elementwise.h gives the formula.
class Adam : public Optimizer {
  public:
    Adam(const OptimizerOptions& options, std::size_t count)
        : beta1_(options.beta1), beta2_(options.beta2), epsilon_(options.epsilon), m_(count), v_(count) {}

    [[nodiscard]] std::size_t state_per_parameter() const override { return 2; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override {
        adam_step({step.mean_factor, step.learning_rate, beta1_, beta2_, epsilon_,
                   correction(beta1_, step.number), correction(beta2_, step.number)},
                  gradient_sum, m_.span().subspan(first, parameters.size()),
                  v_.span().subspan(first, parameters.size()), parameters);
    }

  private:
    /// 1 / (1 − beta^t), the power by repeated squaring: libm's pow may differ between machines.
    static float correction(float beta, std::size_t t) {
        double power = 1.0;
        double base = static_cast<double>(beta);
        for (std::size_t n = t; n > 0; n >>= 1) {
            if ((n & 1) != 0) power *= base;
            base *= base;
        }
        return static_cast<float>(1.0 / (1.0 - power));
    }

    float beta1_;
    float beta2_;
    float epsilon_;
    Buffer<float> m_;  // first moment
    Buffer<float> v_;  // second moment
};

}  // namespace

std::span<const std::string_view> optimizer_names() { return kNames; }

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, std::size_t count) {
    if (options.name == "sgd") return std::make_unique<Sgd>(options.momentum, count);
    if (options.name == "adam") return std::make_unique<Adam>(options, count);
    throw ConfigError(fmt::format("'{}' is not an optimizer{}; valid: {}", options.name,
                                  did_you_mean(options.name, kNames), fmt::join(kNames, ", ")));
}

}  // namespace lockstep
