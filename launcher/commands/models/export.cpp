// `lockstep export`: a model in a format that other programs read.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/exchange/export_formats.h"
#include "launcher/exchange/open_model.h"
#include "launcher/files/output_target.h"
#include "launcher/onnx/export_onnx.h"
#include "launcher/run/printing.h"
#include "launcher/score/ensemble.h"

namespace lockstep {

int command_export(const CommandInput& input) {
    const std::filesystem::path file = one_model_file(input.positional.front(), "");
    check_output(input.out, std::span(&file, 1), input.json);
    const Model model = open_model(file);
    if (input.format == "npz") {
        write_npz(input.out, model);
    } else if (input.format == "onnx") {
        write_onnx(input.out, model);
    } else {
        write_safetensors(input.out, model);
    }
    if (input.json) {
        print_json(nlohmann::ordered_json{{"model", file.string()},
                                          {"format", input.format},
                                          {"out", input.out.string()},
                                          {"arrays", model.layout.blocks().size()},
                                          {"parameters", model.layout.parameter_count()}});
    } else {
        print_beside(input.out,
                     fmt::format("{} arrays with {} parameters in {}\n", model.layout.blocks().size(),
                                 model.layout.parameter_count(), input.out.string()));
    }
    return 0;
}

}  // namespace lockstep
