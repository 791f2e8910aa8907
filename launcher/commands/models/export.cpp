// `lockstep export`: a model's parameters in a format that other programs read.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/files/export_formats.h"
#include "launcher/files/model_file.h"
#include "launcher/files/output_target.h"
#include "launcher/run/printing.h"

namespace lockstep {

int command_export(const CommandInput& input) {
    check_output(input.out, input.positional, input.json);
    const Model model = read_model(input.positional.front());
    if (input.format == "npz") {
        write_npz(input.out, model);
    } else {
        write_safetensors(input.out, model);
    }
    if (input.json) {
        print_json(nlohmann::ordered_json{{"model", input.positional.front().string()},
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
