// Takes steps of one optimizer on gradients given, for test_optimizers.py to hold against other computations.
//
// usage: optimizer_steps NAME LEARNING_RATE MOMENTUM RHO BETA1 BETA2 EPSILON PLACE WEIGHT_DECAY TRUST
//                        MEAN_FACTOR STEPS SIZE…
// PLACE is a number of EpsilonPlace. stdin: float32, the weights, then each step's gradient sums, all tensors
// of SIZE values one after the other; stdout: the weights after each step. Each tensor counts as a layer.
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/threads.h"
#include "core/training/optimizer.h"

using namespace lockstep;

namespace {

bool read_values(std::vector<float>& values) {
    return std::fread(values.data(), sizeof(float), values.size(), stdin) == values.size();
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 13) return 2;
    const OptimizerOptions options{.name = words[0],
                                   .momentum = std::stof(words[2]),
                                   .rho = std::stof(words[3]),
                                   .beta1 = std::stof(words[4]),
                                   .beta2 = std::stof(words[5]),
                                   .epsilon = std::stof(words[6]),
                                   .epsilon_place = static_cast<EpsilonPlace>(std::stoi(words[7])),
                                   .weight_decay = std::stof(words[8]),
                                   .trust = std::stof(words[9])};
    const float learning_rate = std::stof(words[1]);
    const float mean_factor = std::stof(words[10]);
    const std::size_t steps = std::stoul(words[11]);
    std::vector<std::size_t> sizes;
    std::size_t count = 0;
    for (std::size_t i = 12; i < words.size(); ++i) count += sizes.emplace_back(std::stoul(words[i]));

    const ContractFloatMode mode;
    const auto optimizer = make_optimizer(options, count);
    std::vector<float> w(count);
    std::vector<float> gradient(count);
    if (!read_values(w)) return 3;
    for (std::size_t step = 1; step <= steps; ++step) {
        if (!read_values(gradient)) return 3;
        std::size_t first = 0;
        for (const std::size_t size : sizes) {
            optimizer->update({step, learning_rate, mean_factor}, first,
                              std::span(gradient).subspan(first, size), std::span(w).subspan(first, size));
            first += size;
        }
        if (std::fwrite(w.data(), sizeof(float), count, stdout) != count) return 3;
    }
    return 0;
}
