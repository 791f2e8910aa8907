// `lockstep gradcheck`: backpropagation's gradient of a configuration's network against finite differences.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/threads.h"
#include "core/network/check/gradient_check.h"
#include "launcher/commands/commands.h"
#include "launcher/run/printing.h"
#include "launcher/score/prepare.h"
#include "launcher/score/sample_reader.h"
#include "launcher/score/trained_network.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// Errors are relative to a block's largest derivative. Sums of float products, thousands long, stay within
/// 1e-5 of it; a wrong factor, sign or index changes it by 1e-3 and far more. Factors rounded to bf16 are off
/// by up to 2^-9 each, in every layer.
double default_tolerance(Arithmetic arithmetic) { return arithmetic == Arithmetic::kBf16 ? 0.1 : 1e-4; }

struct Checked {
    std::size_t samples = 0;
    std::size_t left_out = 0;  ///< samples at a kink
    double tolerance = 0.0;
    std::vector<BlockCheck> blocks;
};

/// The first samples of the training set, those at a kink left out.
std::vector<std::uint64_t> chosen_samples(const Network& network, std::span<const float> parameters,
                                          const Dataset& set, std::size_t count) {
    SampleReader reader(set, count);
    Workspace work(network, count);
    const std::vector<std::size_t> kept =
        samples_off_kinks(network, parameters, reader.read_run(0, count).x, work);
    return {kept.begin(), kept.end()};
}

Checked check(const CommandInput& input, const Network& network, std::span<const float> parameters,
              const Dataset& set) {
    const std::size_t count = std::min(input.gradcheck.samples, set.size());
    const std::vector<std::uint64_t> indices = chosen_samples(network, parameters, set, count);
    if (indices.empty()) {
        throw NumericalError(
            fmt::format("each of the first {} samples lies at a kink of the error, where there is no "
                        "derivative to check; "
                        "choose more --samples, another training.seed, or training.arithmetic = fp32",
                        count));
    }
    Checked checked{
        .samples = indices.size(),
        .left_out = count - indices.size(),
        .tolerance = input.gradcheck.tolerance.value_or(default_tolerance(input.config.training.arithmetic)),
        .blocks = {}};
    SampleReader reader(set, indices.size());
    const Samples samples = reader.read(indices);
    Workspace work(network, indices.size());
    std::vector<SampleMetrics> metrics(indices.size());
    Buffer<float> gradient(network.layout().arena_size());
    const NodeGradient node{indices.size(), gradient.span()};
    network.forward(parameters, samples.x, work);
    network.evaluate(samples.targets, indices.size(), work, metrics);
    network.backward(parameters, samples.x, input.config.training.leaf, {&node, 1}, work, [](std::size_t) {});
    checked.blocks = check_gradient(network, parameters, samples.x, samples.targets, gradient.span(),
                                    {input.gradcheck.parameters, input.config.training.seed});
    return checked;
}

bool passes(const BlockCheck& block, double tolerance) { return block.error <= tolerance; }

void print(const Checked& checked) {
    print_out("{} samples{}; largest relative error in each block, at most {:g} allowed\n", checked.samples,
              checked.left_out > 0 ? fmt::format(", {} left out at kinks", checked.left_out) : "",
              checked.tolerance);
    for (const BlockCheck& block : checked.blocks) {
        print_out("{:<16} {:.2e}  {:<6} {} checked{}\n", block.name, block.error,
                  passes(block, checked.tolerance) ? "ok" : "WRONG", block.checked,
                  block.at_kinks > 0 ? fmt::format(", {} left out at kinks", block.at_kinks) : "");
    }
}

Json to_json(const Checked& checked, bool passed) {
    Json blocks = Json::array();
    for (const BlockCheck& block : checked.blocks) {
        // JSON has no NaN; null says that a value was none.
        blocks.push_back({{"name", block.name},
                          {"layer", block.layer},
                          {"checked", block.checked},
                          {"at_kinks", block.at_kinks},
                          {"relative_error", block.error},
                          {"worst_index", block.worst},
                          {"gradient", block.gradient},
                          {"difference", block.difference}});
    }
    return {{"passed", passed},
            {"tolerance", checked.tolerance},
            {"samples", checked.samples},
            {"samples_at_kinks", checked.left_out},
            {"blocks", blocks}};
}

void refuse_wrong(const Checked& checked) {
    for (const BlockCheck& block : checked.blocks) {
        if (passes(block, checked.tolerance)) continue;
        throw NumericalError(fmt::format(
            "layer {}: the gradient of {}[{}] is {:g} by backpropagation and {:g} by finite differences, a "
            "relative error of {:.2e} where {:g} is allowed; the layer's backward pass is wrong, or "
            "--tolerance too strict",
            block.layer, block.name, block.worst, block.gradient, block.difference, block.error,
            checked.tolerance));
    }
    const auto unchecked = std::ranges::find(checked.blocks, std::size_t{0}, &BlockCheck::checked);
    if (unchecked == checked.blocks.end()) return;
    throw NumericalError(
        fmt::format("layer {}: every drawn parameter of {} lies at a kink, so nothing was checked; choose "
                    "more --parameters or another training.seed",
                    unchecked->layer, unchecked->name));
}

}  // namespace

int command_gradcheck(const CommandInput& input) {
    const ContractFloatMode float_mode;
    Prepared prepared = prepare(input.config, input.options);
    if (prepared.network.loss == Loss::kPerceptron) {
        throw ConfigError(
            "network.loss = perceptron: the rule of unit steps is no gradient, so there is nothing to "
            "compare; "
            "choose another loss");
    }
    const Arithmetic arithmetic = input.config.training.arithmetic;
    Checked checked;
    if (input.models.empty()) {
        fit_inputs(prepared, input.config.preprocessing);
        Network network(prepared.network, arithmetic);
        Buffer<float> parameters(network.layout().arena_size());
        network.initialise(input.config.training.seed, parameters.span());
        std::ranges::copy(prepared.weights, parameters.span().begin());
        network.pack(parameters.span());
        checked = check(input, network, parameters.span(), *prepared.data.train);
    } else {
        const TrainedNetwork trained(one_model_file(input.models.front()), prepared.network,
                                     input.config.preprocessing, arithmetic);
        checked = check(input, trained.network(), trained.parameters(), *trained.seen(prepared.data.train));
    }
    const bool passed = std::ranges::all_of(checked.blocks, [&](const BlockCheck& block) {
        return passes(block, checked.tolerance) && block.checked > 0;
    });
    if (input.json) {
        print_json(to_json(checked, passed));
    } else {
        print(checked);
    }
    // What was found comes before the error that ends the program.
    flush(stdout);
    refuse_wrong(checked);
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
