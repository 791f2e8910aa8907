// The synthetic sets: what they promise, and frozen values, so that the drawn bits never change unseen.
#include <doctest/doctest.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/base/digest.h"
#include "core/data/open_data.h"
#include "core/data/synthetic/alvinn_dataset.h"
#include "core/data/synthetic/sine_dataset.h"
#include "tests/core/data/files/data_files.h"

using namespace lockstep;
using namespace lockstep::test;

namespace {

DataSets open(const std::string& source, std::size_t train = 0, std::size_t test = 0,
              std::uint64_t seed = 1) {
    DataOptions options;
    options.source = source;
    options.train_samples = train;
    options.test_samples = test;
    options.seed = seed;
    return open_data(options);
}

struct Samples {
    std::vector<float> x;
    std::vector<std::int32_t> labels;
    std::vector<float> values;
    bool operator==(const Samples&) const = default;
};

Samples read(const Dataset& set, const std::vector<std::uint64_t>& indices) {
    const std::size_t b = indices.size();
    Samples samples;
    samples.x.resize(b * set.input_size());
    samples.labels.resize(set.classes() > 0 ? b : 0);
    samples.values.resize(b * set.target_size());
    set.read(
        indices, Matrix(samples.x.data(), b, set.input_size()),
        {samples.labels, Matrix(samples.values.data(), set.target_size() > 0 ? b : 0, set.target_size())});
    return samples;
}

std::vector<std::uint64_t> first(std::size_t count) {
    std::vector<std::uint64_t> indices(count);
    std::iota(indices.begin(), indices.end(), std::uint64_t{0});
    return indices;
}

std::string digest_of(const Samples& samples) {
    DigestBuilder digest;
    digest.update(std::span<const float>(samples.x));
    digest.update(std::span<const std::int32_t>(samples.labels));
    digest.update(std::span<const float>(samples.values));
    return digest.digest().hex();
}

/// Where the road's middle is in a row: the centre of the pixels brighter than the row's mean by half its
/// range.
double road_middle(const float* row) {
    const auto [low, high] = std::minmax_element(row, row + AlvinnDataset::kColumns);
    const float threshold = (*low + *high) / 2;
    double weight = 0.0;
    double sum = 0.0;
    for (std::size_t c = 0; c < AlvinnDataset::kColumns; ++c) {
        if (row[c] < threshold) continue;
        weight += 1.0;
        sum += static_cast<double>(c) + 0.5;
    }
    return sum / weight;
}

}  // namespace

TEST_CASE("xor: the truth table, and the same set for training and test") {
    const DataSets sets = open("xor");
    CHECK(sets.train == sets.test);
    const Samples samples = read(*sets.train, first(4));
    CHECK(samples.x == std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1});
    CHECK(samples.values == std::vector<float>{0, 1, 1, 0});
    CHECK(contains(error_of<ConfigError>([] { open("xor", 5); }), "data.train_samples"));
}

TEST_CASE("sine: the polynomial is within 3e-16 of the sine, and a series with a term less is not") {
    long double worst = 0.0L;
    long double worst_shorter = 0.0L;
    for (int i = -100000; i <= 100000; ++i) {
        const double x = std::numbers::pi * i / 100000;
        const long double exact = std::sin(static_cast<long double>(x));
        worst = std::max(worst, std::abs(sine_of(x) - exact));
        // The planted fault: Taylor's series that ends with x^15 is off by (π/2)^17 / 17! = 6e-12.
        const double folded = std::abs(x) > std::numbers::pi / 2 ? std::copysign(std::numbers::pi, x) - x : x;
        long double term = folded;
        long double series = folded;
        for (int n = 3; n <= 15; n += 2)
            series += term *= -static_cast<long double>(folded) * folded / (n * (n - 1));
        worst_shorter = std::max(worst_shorter, std::abs(series - exact));
    }
    CHECK(worst < 3e-16L);
    CHECK(worst_shorter > 3e-16L);
}

TEST_CASE("sine: inputs fill [-pi, pi), targets are their sines") {
    const DataSets sets = open("sine");
    CHECK(sets.train->size() == 1000);
    CHECK(sets.test->size() == 200);
    const Samples samples = read(*sets.train, first(1000));
    const auto [low, high] = std::minmax_element(samples.x.begin(), samples.x.end());
    CHECK(*low >= -std::numbers::pi_v<float>);
    CHECK(*low < -3.0F);
    CHECK(*high < std::numbers::pi_v<float>);
    CHECK(*high > 3.0F);
    for (std::size_t i = 0; i < 1000; ++i) {
        // One rounding to float of a value in [-1, 1]: half of 2^-24, and the sines' own errors.
        CHECK(std::abs(samples.values[i] - std::sin(static_cast<double>(samples.x[i]))) <= 0x1p-25 + 1e-15);
    }
}

TEST_CASE("synthetic sets: a sample depends on seed, split and index alone") {
    for (const char* source : {"alvinn", "sine", "letters", "oaks"}) {
        CAPTURE(source);
        const DataSets sets = open(source, 50, 50);
        const Samples whole = read(*sets.train, first(50));
        const Samples one = read(*sets.train, {37});
        const std::size_t in = sets.train->input_size();
        CHECK(std::equal(one.x.begin(), one.x.end(), whole.x.begin() + static_cast<std::ptrdiff_t>(37 * in)));
        CHECK(read(*open(source, 1000, 7).train, first(50)) == whole);
        CHECK_FALSE(read(*sets.test, first(50)) == whole);
        CHECK_FALSE(read(*open(source, 50, 50, 2).train, first(50)) == whole);
        CHECK_THROWS_AS(read(*sets.train, {50}), std::out_of_range);
    }
}

TEST_CASE("synthetic sets: training and test set share no sample") {
    const DataSets sets = open("alvinn", 300, 300);
    const Samples train = read(*sets.train, first(300));
    const Samples test = read(*sets.test, first(300));
    for (std::size_t i = 0; i < 300; ++i) {
        for (std::size_t k = 0; k < 300; ++k) {
            REQUIRE_FALSE(std::equal(&train.x[i * 960], &train.x[i * 960] + 960, &test.x[k * 960]));
        }
    }
}

TEST_CASE("synthetic sets: the digest names source, seed, split and size") {
    const std::string digest = open("sine", 50).train->digest();
    CHECK(digest == open("sine", 50).train->digest());
    CHECK(digest != open("alvinn", 50).train->digest());
    CHECK(digest != open("sine", 51).train->digest());
    CHECK(digest != open("sine", 50, 0, 2).train->digest());
    CHECK(digest != open("sine", 50, 50).test->digest());
}

TEST_CASE("letters: each as frequent as any other, and most pixels are those of one of nine places") {
    const Samples samples = read(*open("letters").train, first(2000));
    // Ink of T, F and L: two bars of 6 and 2, and what their stems add.
    constexpr std::array kInk{20, 18, 20};
    std::array<int, 3> seen{};
    std::array<double, 3> ink{};
    for (std::size_t i = 0; i < 2000; ++i) {
        const auto label = static_cast<std::size_t>(samples.labels[i]);
        ++seen[label];
        for (std::size_t pixel = 0; pixel < 64; ++pixel) {
            const float value = samples.x[i * 64 + pixel];
            CHECK(std::abs(value - (value > 0.5F ? 1.0F : 0.0F)) <= 0.2F + 1e-6F);
            ink[label] += value > 0.5F ? 1.0 : 0.0;
        }
    }
    for (std::size_t label = 0; label < 3; ++label) {
        // Five standard deviations of a count of 2000 with chance 1/3: 5 · 21.
        CHECK(std::abs(seen[label] - 2000.0 / 3) < 105);
        // A pixel of 32 is turned: of k inked ones k − k/32 + (64 − k)/32 stay or come.
        const double expected = kInk[label] * 31.0 / 32 + (64 - kInk[label]) / 32.0;
        // The number turned has a standard deviation of 1.4 an image, 0.054 in the mean of 650: five of them.
        CHECK(std::abs(ink[label] / seen[label] - expected) < 0.28);
    }
}

TEST_CASE("alvinn: pixels in [0, 1], and each direction as frequent as any other") {
    const DataSets sets = open("alvinn");
    CHECK(sets.train->input_size() == 960);
    CHECK(sets.train->classes() == 30);
    const Samples samples = read(*sets.train, first(6000));
    CHECK(std::all_of(samples.x.begin(), samples.x.end(), [](float v) { return v >= 0.0F && v <= 1.0F; }));
    std::vector<int> count(30, 0);
    for (const std::int32_t label : samples.labels) ++count.at(static_cast<std::size_t>(label));
    // Binomial: mean 200, standard deviation 13.9; five of them, for numbers fixed by the seed.
    for (const int n : count) CHECK(std::abs(n - 200) < 70);
}

TEST_CASE("alvinn: the road is where the label says, in the row that looks two units ahead") {
    // That row is half way from the horizon (rows 4 to 6) to the bottom: row 17. Its middle is at 16 + 14 ·
    // direction; noise, shadow and the image's side spoil some, so the median is compared: it errs by less
    // than a class.
    const Samples samples = read(*open("alvinn").train, first(2000));
    constexpr std::size_t kLookAheadRow = 17;
    std::vector<double> error;
    std::vector<double> planted;
    for (std::size_t i = 0; i < 2000; ++i) {
        if (samples.labels[i] < 5 || samples.labels[i] > 24) continue;
        const double middle = road_middle(&samples.x[i * 960 + kLookAheadRow * AlvinnDataset::kColumns]);
        const auto expected = [](int label) { return 16.0 + 14.0 * ((label + 0.5) / 15.0 - 1.0); };
        error.push_back(std::abs(middle - expected(samples.labels[i])));
        planted.push_back(std::abs(middle - expected(29 - samples.labels[i])));
    }
    const auto median = [](std::vector<double>& values) {
        std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                         values.end());
        return values[values.size() / 2];
    };
    CHECK(median(error) < 14.0 / 15.0);
    CHECK(median(planted) > 14.0 / 15.0);  // left taken for right
}

TEST_CASE("synthetic sets: the samples are those that recorded runs had") {
    // Frozen. Whoever changes what is drawn raises the set's version, which changes the recorded digest too.
    CHECK(digest_of(read(*open("alvinn").train, {123})) == "cc006b9d3fbbedaf7e1fd548ad4bbbdc");
    CHECK(digest_of(read(*open("alvinn").test, first(100))) == "afedc2bfa61bb1632dbc35054f71e8bc");
    CHECK(digest_of(read(*open("sine").train, first(100))) == "79faf7094b541624870b2efb81bcf66a");
    CHECK(digest_of(read(*open("letters").train, first(100))) == "441639a9cc39b7ca8a57a76bfdcc53c9");
    CHECK(digest_of(read(*open("oaks").train, first(100))) == "07bb65e56d3151611fa1a88821b1ed01");
    CHECK(open("oaks").train->digest() == "962fba7235530d653df32deef4a36a07");
    CHECK(open("letters").train->digest() == "7af732d4157fdf019212bb8ededf5501");
    CHECK(open("alvinn").train->digest() == "dbedc3f7ecac776a19b6f9d96e0e5e7e");
    CHECK(open("sine").test->digest() == "1aac333056914e20b24f0beae39ae692");
    CHECK(open("xor").train->digest() == "479c65f872156dd500b9e7168a14759b");
}

TEST_CASE(
    "synthetic sets: the bits are the same with denormals flushed, as training threads have it, and "
    "without") {
    for (const char* source : {"alvinn", "sine", "letters", "oaks"}) {
        CAPTURE(source);
        const DataSets sets = open(source, 500);
        const Samples plain = read(*sets.train, first(500));
        constexpr unsigned kFlushAndZero = 0x8040;
        const unsigned saved = _mm_getcsr();
        _mm_setcsr(saved | kFlushAndZero);
        const Samples flushed = read(*sets.train, first(500));
        _mm_setcsr(saved);
        CHECK(flushed == plain);
    }
}

TEST_CASE("data.source: an unknown name gets the list of known ones") {
    const std::string message = error_of<ConfigError>([] { open("minst"); });
    CHECK(contains(message, "'minst'"));
    CHECK(contains(message, "mnist, csv, npz, hdf5, raw, alvinn, sine, xor, letters, oaks, table"));
}
