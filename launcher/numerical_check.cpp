#include "launcher/numerical_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "comm/agreement.h"
#include "core/arithmetic/elementwise.h"
#include "core/error.h"

namespace lockstep {

namespace {

constexpr const char* kAdvice = "lower optimizer.learning_rate, or look at the data's scale";

/// Index of the first value that is NaN or infinite, or values.size().
std::size_t first_bad(std::span<const float> values) {
    if (all_finite(values)) return values.size();
    return static_cast<std::size_t>(std::ranges::find_if(values, [](float v) { return !std::isfinite(v); }) -
                                    values.begin());
}

const char* name_of(double value) { return std::isnan(value) ? "NaN" : "infinite"; }

void check_inputs(ConstMatrix x, std::span<const std::uint64_t> indices, const std::string& what) {
    for (std::size_t r = 0; r < x.rows; ++r) {
        const std::size_t i = first_bad(x.row(r));
        if (i == x.cols) continue;
        throw NumericalError(
            fmt::format("{}: the data were first: input {} of training sample {} is {}; all weights "
                        "were finite; repair or leave out the sample",
                        what, i, indices[r], name_of(double{x(r, i)})));
    }
}

void check_outputs(const Network& network, Workspace& work, std::size_t b, const std::string& what) {
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        const ConstMatrix output = work.output(l, b);
        for (std::size_t r = 0; r < b; ++r) {
            const std::size_t j = first_bad(output.row(r));
            if (j == output.cols) continue;
            throw NumericalError(
                fmt::format("{}: neuron {} of layer {} is {} first; its weights and the data are "
                            "finite, so the sum overflowed; {}",
                            what, j, l, name_of(double{output(r, j)}), kAdvice));
        }
    }
}

}  // namespace

void check_parameters(const Network& network, std::span<const float> parameters, const std::string& moment) {
    for (const ParameterBlock& block : network.layout().blocks()) {
        const std::span<const float> values = block.values(parameters);
        const std::size_t i = first_bad(values);
        if (i == values.size()) continue;
        throw NumericalError(fmt::format("the weights were first: {}[{}, {}] (layer {}) is {} {}; {}",
                                         block.name, i / block.cols, i % block.cols, block.layer,
                                         name_of(double{values[i]}), moment, kAdvice));
    }
}

void explain_failed_step(const Communicator& comm, const Network& network, std::span<const float> parameters,
                         const FailedStep& step) {
    const std::string what = fmt::format("the training loss is {} {}", name_of(step.loss), step.moment);
    agree(comm, [&] {
        try {
            check_parameters(network, parameters, "before the step's forward pass");
        } catch (const NumericalError& error) {
            throw NumericalError(what + ": " + error.what());
        }
    });
    agree(comm, [&] {
        step.revisit([&](std::size_t first, const Samples& samples, Workspace&) {
            check_inputs(samples.x, step.indices.subspan(first, samples.x.rows), what);
        });
    });
    agree(comm, [&] {
        step.revisit([&](std::size_t, const Samples& samples, Workspace& work) {
            check_outputs(network, work, samples.x.rows, what);
        });
    });
    agree(comm, [&] {
        throw NumericalError(fmt::format("{}: the last layer's outputs are finite; {}", what, kAdvice));
    });
    throw NumericalError(what);
}

}  // namespace lockstep
