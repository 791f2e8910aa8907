#include "launcher/trained_network.h"

#include <utility>

#include "launcher/model_file.h"

namespace lockstep {

TrainedNetwork::TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                               Arithmetic arithmetic)
    : network_(expected, arithmetic) {
    Model read = read_model(model);
    check_fits(model, read.record, expected);
    parameters_ = std::move(read.arena);
    network_.pack(parameters());
}

}  // namespace lockstep
