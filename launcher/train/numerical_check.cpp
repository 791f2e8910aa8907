#include "launcher/train/numerical_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "comm/agreement.h"
#include "core/arithmetic/elementwise.h"
#include "core/base/error.h"

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

/// What is wrong with the inputs, or "".
std::string fault_of_inputs(ConstMatrix x, std::span<const std::uint64_t> indices) {
    for (std::size_t r = 0; r < x.rows; ++r) {
        const std::size_t i = first_bad(x.row(r));
        if (i == x.cols) continue;
        return fmt::format(
            "the data were first: input {} of training sample {} is {}; all weights were finite; "
            "repair or leave out the sample",
            i, indices[r], name_of(double{x(r, i)}));
    }
    return "";
}

std::string fault_of_parameters(const ParameterBlock& block, std::span<const float> values) {
    const std::size_t i = first_bad(values);
    if (i == values.size()) return "";
    return fmt::format("{}[{}, {}] (layer {}) is {}", block.name, i / block.cols, i % block.cols, block.layer,
                       name_of(double{values[i]}));
}

/// What is wrong with the first parameter block that holds a NaN or an infinity, or "". Asking for a layer
/// may be collective, so all are asked for.
std::string first_bad_parameter(const ParameterLayout& layout, ParameterSource& parameters) {
    std::string fault;
    for_each_layer(parameters, layout, [&](std::size_t l, std::span<const float> layer) {
        const std::size_t first = layout.layer_range(l).first;
        for (const ParameterBlock& block : layout.blocks_of(l)) {
            if (!fault.empty()) continue;
            fault = fault_of_parameters(block, layer.subspan(block.offset - first, block.count()));
        }
    });
    return fault;
}

std::string weights_were_first(const std::string& fault, const std::string& moment) {
    return fmt::format("the weights were first: {} {}; {}", fault, moment, kAdvice);
}

/// Throws unless `fault` is "".
void refuse(const std::string& what, const std::string& fault) {
    if (!fault.empty()) throw NumericalError(fmt::format("{}: {}", what, fault));
}

}  // namespace

void check_parameters(const Communicator& comm, const ParameterLayout& layout, ParameterSource& parameters,
                      const std::string& moment) {
    const std::string fault = first_bad_parameter(layout, parameters);
    agree(comm, [&] {
        if (!fault.empty()) throw NumericalError(weights_were_first(fault, moment));
    });
}

void explain_failed_step(const Communicator& comm, Replica& replica, const FailedStep& step) {
    const std::string what = fmt::format("the training loss is {} {}", name_of(step.loss), step.moment);
    const std::string weights = first_bad_parameter(replica.layout(), replica.parameters());
    agree(comm, [&] {
        if (!weights.empty()) refuse(what, weights_were_first(weights, "before the step's forward pass"));
    });
    std::string inputs;
    std::string outputs;
    step.revisit([&](std::size_t first, const Samples& samples) {
        const std::size_t b = samples.x.rows;
        if (inputs.empty()) inputs = fault_of_inputs(samples.x, step.indices.subspan(first, b));
        if (outputs.empty()) outputs = replica.learner().first_not_finite(b);
    });
    if (!outputs.empty()) {
        outputs += fmt::format("; its weights and the data are finite, so the sum overflowed; {}", kAdvice);
    }
    agree(comm, [&] { refuse(what, inputs); });
    agree(comm, [&] { refuse(what, outputs); });
    agree(comm, [&] { refuse(what, fmt::format("the last layer's outputs are finite; {}", kAdvice)); });
    throw NumericalError(what);
}

}  // namespace lockstep
