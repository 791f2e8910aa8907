// The real MNIST files, where LOCKSTEP_DATA_DIR names their folder; without it the program ends with 77:
// skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "core/data/open_data.h"

using namespace lockstep;

namespace {

constexpr int kSkipped = 77;

DataSets open_real() {
    DataOptions options;
    options.source = "mnist";
    options.dir = std::getenv("LOCKSTEP_DATA_DIR");
    return open_data(options);
}

}  // namespace

TEST_CASE("MNIST files: 60 000 and 10 000 images of 784 pixels, 10 classes") {
    const DataSets sets = open_real();
    CHECK(sets.train->size() == 60000);
    CHECK(sets.test->size() == 10000);
    CHECK(sets.train->input_size() == 784);
    CHECK(sets.train->classes() == 10);
}

TEST_CASE("MNIST files: the mean pixel is the published 0.1307") {
    const DataSets sets = open_real();
    std::vector<std::uint64_t> indices(sets.train->size());
    std::iota(indices.begin(), indices.end(), std::uint64_t{0});
    std::vector<float> x(indices.size() * 784);
    std::vector<std::int32_t> labels(indices.size());
    sets.train->read(indices, Matrix(x.data(), indices.size(), 784), {labels, {}});
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
    CHECK(mean > 0.13065);  // published with four digits
    CHECK(mean < 0.13075);
    CHECK(std::vector<std::int32_t>(labels.begin(), labels.begin() + 5) ==
          std::vector<std::int32_t>{5, 0, 4, 1, 9});
}

TEST_CASE("MNIST files: the digests are those that recorded runs had") {
    const DataSets sets = open_real();
    CHECK(sets.train->digest() == "46cdc2dbead5458758ad1c92fc7d938b");
    CHECK(sets.test->digest() == "0dfd01a9712a517d4b444ad5b1d1c0a2");
}

int main(int argc, char** argv) {
    if (std::getenv("LOCKSTEP_DATA_DIR") == nullptr) {
        std::puts("skipped: LOCKSTEP_DATA_DIR is not set; it names the folder of the four MNIST files");
        return kSkipped;
    }
    return doctest::Context(argc, argv).run();
}
