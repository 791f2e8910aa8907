#include "core/training/optimizer.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/arithmetic/elementwise.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/spelling.h"
#include "core/training/layer_rules.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 9> kNames{"sgd",  "nesterov", "adagrad", "rmsprop", "adadelta",
                                                 "adam", "adamw",    "lars",    "lamb"};
constexpr std::array<std::string_view, 3> kPlaces{"default", "inside", "outside"};

/// SGD with momentum, the classical one or Nesterov's: elementwise.h gives the formulas.
class Sgd : public Optimizer {
  public:
    Sgd(float momentum, bool nesterov, std::size_t count)
        : momentum_(momentum), nesterov_(nesterov), delta_(count) {}

    [[nodiscard]] std::size_t state_per_parameter() const override { return 1; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override {
        sgd_step({.mean_factor = step.mean_factor,
                  .learning_rate = step.learning_rate,
                  .momentum = momentum_,
                  .l2 = step.l2,
                  .nesterov = nesterov_},
                 gradient_sum, delta_.span().subspan(first, parameters.size()), parameters);
    }

  private:
    float momentum_;
    bool nesterov_;
    Buffer<float> delta_;  // the last change of each parameter
};

/// AdaGrad, which sums the squared gradients, and RMSProp, which averages them: adaptive_step.
class Adaptive : public Optimizer {
  public:
    Adaptive(const OptimizerOptions& options, std::size_t count)
        : keep_(options.name == "adagrad" ? 1.0F : options.rho),
          gain_(options.name == "adagrad" ? 1.0F : 1.0F - options.rho),
          momentum_(options.momentum),
          epsilon_(options.epsilon),
          inside_(options.epsilon_place != EpsilonPlace::kOutside),
          r_(count),
          delta_(momentum_ == 0.0F ? 0 : count) {}

    [[nodiscard]] std::size_t state_per_parameter() const override { return momentum_ == 0.0F ? 1 : 2; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override {
        const std::size_t n = parameters.size();
        const std::span<float> delta =
            momentum_ == 0.0F ? std::span<float>() : delta_.span().subspan(first, n);
        adaptive_step({.mean_factor = step.mean_factor,
                       .learning_rate = step.learning_rate,
                       .keep = keep_,
                       .gain = gain_,
                       .epsilon = epsilon_,
                       .epsilon_inside = inside_,
                       .momentum = momentum_,
                       .l2 = step.l2},
                      gradient_sum, r_.span().subspan(first, n), delta, parameters);
    }

  private:
    float keep_;
    float gain_;
    float momentum_;
    float epsilon_;
    bool inside_;
    Buffer<float> r_;      // the squared gradients
    Buffer<float> delta_;  // the last change of each parameter, where there is momentum
};

/// AdaDelta: adadelta_step.
class Adadelta : public Optimizer {
  public:
    Adadelta(const OptimizerOptions& options, std::size_t count)
        : rho_(options.rho), epsilon_(options.epsilon), r_(count), s_(count) {}

    [[nodiscard]] std::size_t state_per_parameter() const override { return 2; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override {
        const std::size_t n = parameters.size();
        adadelta_step({.mean_factor = step.mean_factor,
                       .learning_rate = step.learning_rate,
                       .rho = rho_,
                       .epsilon = epsilon_,
                       .l2 = step.l2},
                      gradient_sum, r_.span().subspan(first, n), s_.span().subspan(first, n), parameters);
    }

  private:
    float rho_;
    float epsilon_;
    Buffer<float> r_;  // mean squared gradient
    Buffer<float> s_;  // mean squared change
};

/// Adam, and AdamW with its decay apart from the gradient: adam_step.
class Adam : public Optimizer {
  public:
    Adam(OptimizerOptions options, std::size_t count) : options_(std::move(options)), m_(count), v_(count) {}

    [[nodiscard]] std::size_t state_per_parameter() const override { return 2; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override {
        const std::size_t n = parameters.size();
        const bool decays = options_.name == "adamw";
        adam_step({.mean_factor = step.mean_factor,
                   .learning_rate = step.learning_rate,
                   .beta1 = options_.beta1,
                   .beta2 = options_.beta2,
                   .epsilon = options_.epsilon,
                   .correction1 = bias_correction(options_.beta1, step.number),
                   .correction2 = bias_correction(options_.beta2, step.number),
                   .shrink = decays ? 1.0F - step.learning_rate * options_.weight_decay : 1.0F,
                   .epsilon_inside = options_.epsilon_place == EpsilonPlace::kInside,
                   .l2 = step.l2},
                  gradient_sum, m_.span().subspan(first, n), v_.span().subspan(first, n), parameters);
    }

  private:
    OptimizerOptions options_;
    Buffer<float> m_;  // first moment
    Buffer<float> v_;  // second moment
};

}  // namespace

std::span<const std::string_view> optimizer_names() { return kNames; }

std::span<const std::string_view> epsilon_places() { return kPlaces; }

std::span<const std::string_view> optimizer_keys(std::string_view name) {
    static constexpr std::array<std::string_view, 1> kMomentum{"momentum"};
    static constexpr std::array<std::string_view, 2> kAdagrad{"epsilon", "epsilon_place"};
    static constexpr std::array<std::string_view, 4> kRmsprop{"rho", "momentum", "epsilon", "epsilon_place"};
    static constexpr std::array<std::string_view, 2> kAdadelta{"rho", "epsilon"};
    static constexpr std::array<std::string_view, 4> kAdam{"beta1", "beta2", "epsilon", "epsilon_place"};
    static constexpr std::array<std::string_view, 5> kAdamDecay{"beta1", "beta2", "epsilon", "epsilon_place",
                                                                "weight_decay"};
    static constexpr std::array<std::string_view, 3> kLars{"momentum", "weight_decay", "trust"};
    if (name == "adagrad") return kAdagrad;
    if (name == "rmsprop") return kRmsprop;
    if (name == "adadelta") return kAdadelta;
    if (name == "adam") return kAdam;
    if (name == "adamw" || name == "lamb") return kAdamDecay;
    if (name == "lars") return kLars;
    return kMomentum;
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, std::size_t count) {
    const std::string& name = options.name;
    if (name == "sgd" || name == "nesterov")
        return std::make_unique<Sgd>(options.momentum, name == "nesterov", count);
    if (name == "adagrad" || name == "rmsprop") return std::make_unique<Adaptive>(options, count);
    if (name == "adadelta") return std::make_unique<Adadelta>(options, count);
    if (name == "adam" || name == "adamw") return std::make_unique<Adam>(options, count);
    if (name == "lars") return std::make_unique<Lars>(options, count);
    if (name == "lamb") return std::make_unique<Lamb>(options, count);
    throw ConfigError(fmt::format("'{}' is not an optimizer{}; valid: {}", name, did_you_mean(name, kNames),
                                  fmt::join(kNames, ", ")));
}

}  // namespace lockstep
