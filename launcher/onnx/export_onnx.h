// A model as an ONNX graph.
#pragma once

#include <filesystem>

#include "launcher/files/model_file.h"

namespace lockstep {

/// Writes a graph with one input, "input" (N, inputs as the data have them), and one output, "output" (N,
/// units): probabilities, or what the last layer puts out. Operators of opset 13:
///   what inputs were divided by   Div
///   preprocessing                 Sub, MatMul, Mul
///   dense                         Gemm
///   distance                      Unsqueeze, Sub, Mul, ReduceSum, Sqrt: N · inputs · units values are alive
///   sigmoid, tanh, gaussian, …    their formulas (core/arithmetic/activation.h)
///   dropout                       nothing: it is of training
/// Runtimes add in an order of their own, so that outputs agree to fp32's rounding. The model's metadata say
/// what metadata.h does. Throws ConfigError where a layer has no such form, where the model exceeds
/// protobuf's 2 GiB, where the file cannot be written, and where this program was built without ONNX. Source:
/// https://github.com/onnx/onnx, docs/IR.md and docs/Operators.md.
void write_onnx(const std::filesystem::path& path, const Model& model);

}  // namespace lockstep
