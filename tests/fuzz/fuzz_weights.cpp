// Weights as text, of a network whose layers have a bias, have none, and have no parameters at all.
#include "core/network/network_spec.h"
#include "launcher/files/weights_file.h"
#include "tests/fuzz/fuzzing.h"

void lockstep::fuzz::read_input(Input input) {
    NetworkSpec network;
    network.inputs = 2;
    for (const char* layer : {"distance units=2 width=1", "dense units=2 activation=identity",
                              "activation activation=tanh", "dense units=1 activation=sigmoid"})
        network.layers.push_back(parse_layer(layer));
    const MemoryFile file(as_text(input));
    try_to([&] { read_weights_file(file.path(), network); });
}
