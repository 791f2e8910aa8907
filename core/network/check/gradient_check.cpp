#include "core/network/check/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/arithmetic/activation_table.h"
#include "core/base/philox.h"
#include "core/network/check/reference_network.h"

namespace lockstep {

namespace {

/// The error of a difference is h²/6 · E''' + u · E/h, least near h = 1e-5 in double: about 1e-11 of E.
constexpr double kStep = 1e-5;

using Row = std::vector<double>;

/// The batch in double, with what each layer receives while the parameters are unchanged.
class ReferenceBatch {
  public:
    ReferenceBatch(const Network& network, std::span<const float> parameters, ConstMatrix x,
                   const Targets& targets)
        : network_(network), parameters_(parameters.begin(), parameters.end()), received_(x.rows) {
        for (std::size_t r = 0; r < x.rows; ++r) {
            targets_.push_back(target_vector(network.spec(), targets, r));
            Row values(x.row(r).begin(), x.row(r).end());
            for (std::size_t l = 0; l < network.layer_count(); ++l) {
                received_[r].push_back(values);
                values = reference_layer(network, l, parameters_, values);
            }
        }
    }

    /// The summed error with parameter `index` of the arena, of layer l, moved by `change`; and the piece of
    /// every neuron from layer l up.
    double error(std::size_t l, std::size_t index, double change, std::vector<int>& pieces) {
        const double kept = parameters_[index];
        parameters_[index] = kept + change;
        double sum = 0.0;
        pieces.clear();
        for (std::size_t r = 0; r < received_.size(); ++r) {
            Row values = received_[r][l];
            for (std::size_t k = l; k < network_.layer_count(); ++k) {
                values = reference_layer(network_, k, parameters_, values);
                const auto piece = row_of(network_.layer(k).activation().kind).piece;
                for (const double y : values) pieces.push_back(piece(y));
            }
            sum += reference_loss(network_.spec(), values, targets_[r]);
        }
        parameters_[index] = kept;
        return sum;
    }

  private:
    const Network& network_;
    Row parameters_;
    std::vector<std::vector<Row>> received_;  // by sample and layer
    std::vector<Row> targets_;
};

/// `wanted` different indices below `count`, ascending; all of them for 0.
std::vector<std::size_t> drawn_indices(const GradientCheckOptions& options, std::size_t offset,
                                       std::size_t count) {
    std::vector<std::size_t> indices;
    const RandomStream random(options.seed, RandomPurpose::kGradientCheck);
    std::size_t wanted = options.parameters == 0 ? count : std::min(options.parameters, count);
    // Selection sampling (Knuth, vol. 2, algorithm S): each index is taken with the chance that leaves the
    // right number.
    for (std::size_t i = 0; i < count && wanted > 0; ++i) {
        const auto chance = static_cast<double>(wanted) / static_cast<double>(count - i);
        if (static_cast<double>(uniform01(random.block(offset + i)[0])) >= chance) continue;
        indices.push_back(i);
        --wanted;
    }
    return indices;
}

BlockCheck check_block(ReferenceBatch& batch, const ParameterBlock& block, std::span<const float> gradient,
                       const GradientCheckOptions& options) {
    BlockCheck result{.name = block.name, .layer = block.layer};
    double scale = 0.0;
    for (const float value : gradient) scale = std::max(scale, std::fabs(static_cast<double>(value)));
    std::vector<int> above_pieces;
    std::vector<int> below_pieces;
    double worst = -1.0;
    for (const std::size_t i : drawn_indices(options, block.offset, block.count())) {
        const double above = batch.error(block.layer, block.offset + i, kStep, above_pieces);
        const double below = batch.error(block.layer, block.offset + i, -kStep, below_pieces);
        if (above_pieces != below_pieces) {
            ++result.at_kinks;
            continue;
        }
        ++result.checked;
        const double difference = (above - below) / (2 * kStep);
        // Each E is a sum of terms rounded a few times.
        const double noise = 8 * std::numeric_limits<double>::epsilon() * (above + below) / (2 * kStep);
        const auto value = static_cast<double>(gradient[i]);
        const bool finite = std::isfinite(value) && std::isfinite(difference);
        const double error = std::max(0.0, std::fabs(value - difference) - noise);
        if (finite && error <= worst) continue;
        worst = error;
        result.worst = i;
        result.gradient = value;
        result.difference = difference;
        if (!finite) {
            result.error = std::numeric_limits<double>::quiet_NaN();
            return result;
        }
        scale = std::max(scale, std::fabs(difference));
    }
    result.error = worst > 0.0 ? worst / scale : 0.0;
    return result;
}

}  // namespace

std::vector<std::size_t> samples_off_kinks(const Network& network, std::span<const float> parameters,
                                           ConstMatrix x, Workspace& work) {
    network.forward(parameters, x, work);
    const Row in_double(parameters.begin(), parameters.end());
    std::vector<std::size_t> kept;
    for (std::size_t r = 0; r < x.rows; ++r) {
        Row values(x.row(r).begin(), x.row(r).end());
        bool same = true;
        for (std::size_t l = 0; l < network.layer_count() && same; ++l) {
            values = reference_layer(network, l, in_double, values);
            const auto piece = row_of(network.layer(l).activation().kind).piece;
            const Matrix all = work.output(l, x.rows);
            const std::span<const float> in_float = all.row(r);
            for (std::size_t j = 0; j < values.size() && same; ++j) {
                same = piece(values[j]) == piece(static_cast<double>(in_float[j]));
            }
        }
        if (same) kept.push_back(r);
    }
    return kept;
}

std::vector<BlockCheck> check_gradient(const Network& network, std::span<const float> parameters,
                                       ConstMatrix x, const Targets& targets, std::span<const float> gradient,
                                       const GradientCheckOptions& options) {
    ReferenceBatch batch(network, parameters, x, targets);
    std::vector<BlockCheck> blocks;
    for (const ParameterBlock& block : network.layout().blocks()) {
        blocks.push_back(check_block(batch, block, block.values(gradient), options));
    }
    return blocks;
}

}  // namespace lockstep
