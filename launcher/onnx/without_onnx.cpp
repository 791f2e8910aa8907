// In place of the export, in a program that was built without protobuf or onnx.proto.
#include "core/base/error.h"
#include "launcher/onnx/export_onnx.h"

namespace lockstep {

void write_onnx(const std::filesystem::path& /*path*/, const Model& /*model*/) {
    throw ConfigError(
        "--format onnx: this lockstep was built without ONNX; install protobuf and onnx.proto (Debian: "
        "libprotobuf-dev, protobuf-compiler, libonnx-dev) and build again, or use safetensors or npz");
}

}  // namespace lockstep
