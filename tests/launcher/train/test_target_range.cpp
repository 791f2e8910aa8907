// Warnings about targets that outputs cannot reach.
#include "launcher/score/target_range.h"

#include <doctest/doctest.h>

#include "core/data/open_data.h"

using namespace lockstep;

namespace {

std::string advice(const char* source, const char* output, Loss loss) {
    DataOptions data;
    data.source = source;
    NetworkSpec network;
    network.layers = {parse_layer(output)};
    network.loss = loss;
    return target_range_advice(network, *open_data(data).train);
}

bool contains(const std::string& text, const char* word) { return text.find(word) != std::string::npos; }

}  // namespace

TEST_CASE("targets at the edge of a sigmoid's or a tanh's range are warned of, also those of classes") {
    CHECK(contains(advice("xor", "dense units=1 activation=sigmoid", Loss::kSquareError), "at the edge of"));
    CHECK(contains(advice("xor", "dense units=1 activation=tanh", Loss::kSquareError), "at the edge of"));
    CHECK(contains(advice("alvinn", "dense units=30 activation=sigmoid", Loss::kSquareError),
                   "at the edge of"));
}

TEST_CASE("targets beyond the range of the outputs are warned of") {
    CHECK(contains(advice("sine", "dense units=1 activation=sigmoid", Loss::kSquareError), "reach beyond"));
    CHECK(contains(advice("sine", "dense units=1 activation=tanh amplitude=0.5", Loss::kSquareError),
                   "reach beyond"));
}

TEST_CASE("targets that outputs reach are not warned of, nor is cross-entropy") {
    CHECK(advice("xor", "dense units=1 activation=tanh amplitude=1.7159", Loss::kSquareError).empty());
    CHECK(advice("sine", "dense units=1", Loss::kSquareError).empty());
    CHECK(advice("xor", "dense units=1 activation=sigmoid", Loss::kCrossEntropy).empty());
}
