// The rules that turn a batch's summed gradient into new parameters. Most are element-wise: any slice can be
// updated alone. Those that scale a step by a layer's norms need the layer as a whole.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/names.h"

namespace lockstep {

/// Where ε (the lecture's δ) stands in a division by √r.
///   kInside   −η / √(r + ε), the lecture's
///   kOutside  −η / (√r + ε), PyTorch's
///   kDefault  the rule's own
enum class EpsilonPlace { kDefault, kInside, kOutside };
template <>
inline constexpr std::array<std::string_view, 3> names_of<EpsilonPlace>{"default", "inside", "outside"};

/// The [optimizer] section but for the learning rate; optimizer_keys says which fields a rule uses.
struct OptimizerOptions {
    std::string name = "sgd";
    float momentum = 0.0F;
    float rho = 0.9F;  ///< decay of the mean squared gradient
    float beta1 = 0.9F;
    float beta2 = 0.999F;
    float epsilon = 1e-8F;
    EpsilonPlace epsilon_place = EpsilonPlace::kDefault;
    float weight_decay = 0.0F;
    float trust = 0.001F;  ///< LARS's η: the longest step, as a share of the layer's norm
    bool operator==(const OptimizerOptions&) const = default;
};

/// What a step has that differs from the last one's.
struct UpdateStep {
    std::size_t number = 1;  ///< 1 for the first step ever made
    float learning_rate = 0.0F;
    float mean_factor = 1.0F;  ///< 1 / samples of the batch
    float l2 = 0.0F;           ///< see steps.h; not for rules that need whole layers
};

struct OptimizerRule;

/// A rule with its state for `count` parameters.
class Optimizer {
  public:
    /// State starts at 0.
    Optimizer(const OptimizerRule& rule, OptimizerOptions options, std::size_t count);

    /// State values kept per parameter.
    [[nodiscard]] std::size_t state_per_parameter() const;
    /// The i-th of these of all parameters, for those who keep or restore it between steps: (count). Requires
    /// i < state_per_parameter().
    [[nodiscard]] std::span<float> state(std::size_t i) { return state_[i].span(); }
    /// True where update must be given a layer's parameters at once, weights, biases and the gaps of zeros
    /// between them; false where any slice will do, whatever the layers' borders.
    [[nodiscard]] bool needs_whole_layers() const;
    /// Updates parameters from the sum of the batch's gradients. Shapes: gradient_sum, parameters (n): the
    /// elements [first, first + n) of those that this optimizer keeps state for. With sharding these are the
    /// ones that the rank owns, a slice of every bucket, so a rule may use nothing but what it is given.
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters);

  private:
    const OptimizerRule* rule_;
    OptimizerOptions options_;
    std::vector<Buffer<float>> state_;
    std::vector<double> block_sums_;  // of a rule that needs norms
};

/// "sgd", "adam", …
std::span<const std::string_view> optimizer_names();
/// The keys of [optimizer] that a rule reads besides name and learning_rate. Requires one of the names.
std::span<const std::string_view> optimizer_keys(std::string_view name);
/// The rules that read a key, in the order of optimizer_names.
std::vector<std::string_view> optimizers_that_read(std::string_view key);
/// Those of them that read epsilon_place and by default have ε where `place` says, kInside or kOutside.
std::vector<std::string_view> optimizers_with_epsilon(EpsilonPlace place);
/// Throws ConfigError for a name it does not know. `count`: parameters to keep state for.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, std::size_t count);

}  // namespace lockstep
