#include "core/arithmetic/activation_table.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace lockstep {

namespace {

constexpr std::array kTable{
    ActivationRow{.kind = ActivationKind::kIdentity,
                  .name = "identity",
                  .reference = [](Activation /*f*/, double xi) { return xi; }},
    ActivationRow{.kind = ActivationKind::kRelu,
                  .name = "relu",
                  .rectifies = true,
                  .reference = [](Activation /*f*/, double xi) { return 0.0 > xi ? 0.0 : xi; },
                  .piece = [](double y) { return y > 0.0 ? 1 : 0; }},
    ActivationRow{
        .kind = ActivationKind::kSigmoid,
        .name = "sigmoid",
        .b = {"steepness"},
        .range = OpenRange{0.0F, 1.0F},
        .reference = [](Activation f,
                        double xi) { return 1.0 / (1.0 + std::exp(-static_cast<double>(f.b) * xi)); }},
    ActivationRow{.kind = ActivationKind::kTanh,
                  .name = "tanh",
                  .a = {"amplitude"},
                  .b = {"steepness"},
                  .range = OpenRange{-1.0F, 1.0F},
                  .reference =
                      [](Activation f, double xi) {
                          return static_cast<double>(f.a) * std::tanh(static_cast<double>(f.b) * xi);
                      }},
    ActivationRow{.kind = ActivationKind::kStep,
                  .name = "step",
                  .descends = false,
                  .reference = [](Activation /*f*/, double xi) { return xi < 0.0 ? 0.0 : 1.0; },
                  .piece = [](double y) { return y > 0.0 ? 1 : 0; }},
    ActivationRow{.kind = ActivationKind::kSaturated,
                  .name = "saturated",
                  .reference = [](Activation /*f*/, double xi) { return std::clamp(xi, 0.0, 1.0); },
                  .piece = [](double y) { return y >= 1.0  ? 2
                                                 : y > 0.0 ? 1
                                                           : 0; }},
    ActivationRow{.kind = ActivationKind::kGaussian,
                  .name = "gaussian",
                  .potential = Potential::kDistance,
                  .b = {"width", 1e-18F, 1e18F},
                  .range = OpenRange{0.0F, 1.0F},
                  .reference =
                      [](Activation f, double xi) {
                          const auto b = static_cast<double>(f.b);
                          return std::exp(-xi * xi / (2.0 * b * b));
                      }},
    ActivationRow{.kind = ActivationKind::kDistance,
                  .name = "identity",
                  .potential = Potential::kDistance,
                  .reference = [](Activation /*f*/, double xi) { return xi; }},
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        if (kTable[i].kind != static_cast<ActivationKind>(i)) return false;
    }
    return true;
}
static_assert(in_order(), "a kind is its row's place");

}  // namespace

std::span<const ActivationRow> activation_table() { return kTable; }

const ActivationRow& row_of(ActivationKind kind) { return kTable.at(static_cast<std::size_t>(kind)); }

}  // namespace lockstep
