// An ONNX graph while it is built: a chain of operators from its input to its output, and their constants.
#pragma once

#include <onnx.pb.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace lockstep {

class OnnxGraph {
  public:
    /// `inputs`: of a sample.
    OnnxGraph(onnx::GraphProto& graph, std::size_t inputs);

    /// A constant of that shape; returns its name.
    std::string constant(const std::string& name, std::initializer_list<std::size_t> shape,
                         std::span<const float> values);
    /// One number, which goes with every element.
    std::string number(float value);
    /// Whole numbers, as of axes.
    std::string axes(std::initializer_list<std::int64_t> values);

    /// The operator applied to what the chain has come to, with further inputs behind it.
    onnx::NodeProto& apply(std::string_view op, std::initializer_list<std::string> others = {});
    /// Names what the chain has come to.
    [[nodiscard]] const std::string& value() const { return value_; }
    /// Applied to `values` alone; it becomes what the chain has come to.
    onnx::NodeProto& apply_to(std::string_view op, std::initializer_list<std::string> values);

    /// What the chain has come to is the graph's output, of so many values of a sample. Requires an operator.
    void finish(std::size_t outputs);

  private:
    [[nodiscard]] std::string new_name(std::string_view stem);

    onnx::GraphProto& graph_;
    std::string value_;
    int named_ = 0;
};

/// Sets an attribute that is a whole number.
void set_attribute(onnx::NodeProto& node, const std::string& name, std::int64_t value);

}  // namespace lockstep
