// The rules that turn a batch's summed gradient into new parameters. Element-wise: any slice can be updated
// alone.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The [optimizer] section. Which fields a rule uses: sgd momentum; adam beta1, beta2, epsilon; both
/// learning_rate.
struct OptimizerOptions {
    std::string name = "sgd";
    float learning_rate = 0.1F;
    float momentum = 0.0F;
    float beta1 = 0.9F;
    float beta2 = 0.999F;
    float epsilon = 1e-8F;
    bool operator==(const OptimizerOptions&) const = default;
};

/// What a step has that differs from the last one's.
struct UpdateStep {
    std::size_t number = 1;  ///< 1 for the first step ever made
    float learning_rate = 0.0F;
    float mean_factor = 1.0F;  ///< 1 / samples of the batch
};

class Optimizer {
  public:
    virtual ~Optimizer() = default;
    Optimizer() = default;
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;

    /// State values kept per parameter.
    [[nodiscard]] virtual std::size_t state_per_parameter() const = 0;
    /// Updates parameters from the sum of the batch's gradients, both (count): the elements [first, first +
    /// count) of those that this optimizer keeps state for. With sharding these are the ones that the rank
    /// owns, a slice of every bucket, so a rule sees neither whole layers nor their borders, and may use
    /// nothing but what it is given.
    virtual void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                        std::span<float> parameters) = 0;
};

/// "sgd", "adam".
std::span<const std::string_view> optimizer_names();
/// Throws ConfigError for a name it does not know. `count`: parameters to keep state for. State starts at 0.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, std::size_t count);

}  // namespace lockstep
