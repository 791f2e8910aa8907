// IDX files and the MNIST source: what is read, and one test for each way a file can be damaged.
#include <doctest/doctest.h>

#include "core/data/files/idx_reader.h"
#include "core/data/open_data.h"
#include "tests/core/data/files/data_files.h"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string image_error(const TemporaryFolder& folder, const std::string& content) {
    const auto path = folder.write("images", content);
    std::string message = error_of([&] { read_idx_images(path); });
    CHECK(contains(message, path.string()));
    return message;
}

/// Writes a small complete MNIST: 5 training and 3 test images of 2 x 3.
DataOptions small_mnist(const TemporaryFolder& folder) {
    folder.write("train-images-idx3-ubyte", idx_images(5, 2, 3, some_pixels(30)));
    folder.write("train-labels-idx1-ubyte.gz",
                 gzipped(idx_labels(5, std::string_view("\x07\x00\x09\x01\x01", 5))));
    folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx_images(3, 2, 3, some_pixels(18))));
    folder.write("t10k-labels-idx1-ubyte", idx_labels(3, "\x02\x03\x04"));
    DataOptions options;
    options.source = "mnist";
    options.dir = folder.path();
    return options;
}

}  // namespace

TEST_CASE("IDX images: plain and gzipped files give the pixels written") {
    const TemporaryFolder folder;
    // 3 MB: more than one step of the reader's growth.
    const std::string pixels = some_pixels(3'000'000);
    const std::string content = idx_images(3000, 25, 40, pixels);
    for (const auto& path : {folder.write("plain", content), folder.write("packed.gz", gzipped(content))}) {
        const IdxImages images = read_idx_images(path);
        CHECK(images.count == 3000);
        CHECK(images.shape == std::vector<std::size_t>{25, 40});
        CHECK(images.of_bytes);
        const auto& bytes = std::get<std::vector<std::uint8_t>>(images.pixels);
        CHECK(std::string(bytes.begin(), bytes.end()) == pixels);
    }
}

TEST_CASE("IDX: a missing file") {
    const TemporaryFolder folder;
    const std::string message = error_of([&] { read_idx_images(folder.path() / "none"); });
    CHECK(contains(message, (folder.path() / "none").string()));
    CHECK(contains(message, "no such file"));
}

TEST_CASE("IDX: a folder in place of the file") {
    const TemporaryFolder folder;
    CHECK(contains(error_of([&] { read_idx_images(folder.path()); }), "is a folder"));
}

TEST_CASE("IDX: an empty file") {
    const TemporaryFolder folder;
    CHECK(contains(image_error(folder, ""), "ends at byte 0 within its header, expected the magic number"));
}

TEST_CASE("IDX: a header cut short") {
    const TemporaryFolder folder;
    CHECK(contains(image_error(folder, idx_images(5, 2, 3, "").substr(0, 10)),
                   "ends at byte 10 within its header"));
}

TEST_CASE("IDX: a gzip truncated in its data, in its checksum, or by its last byte") {
    const TemporaryFolder folder;
    const std::string packed = gzipped(idx_images(100, 20, 30, some_pixels(60000)));
    for (const std::size_t kept :
         {std::size_t{30}, packed.size() / 2, packed.size() - 8, packed.size() - 1}) {
        CAPTURE(kept);
        const std::string message = image_error(folder, packed.substr(0, kept));
        CHECK(contains(message, "truncated"));
        CHECK(contains(message, "byte " + std::to_string(kept)));
    }
}

TEST_CASE("IDX: a gzip with a changed byte in its data or its checksum") {
    const TemporaryFolder folder;
    const std::string packed = gzipped(idx_images(100, 20, 30, some_pixels(60000)));
    for (const std::size_t changed : {packed.size() / 2, packed.size() - 6}) {
        CAPTURE(changed);
        std::string damaged = packed;
        damaged[changed] = static_cast<char>(damaged[changed] ^ 0x10);
        const std::string message = image_error(folder, damaged);
        CHECK(contains(message, "corrupted"));
    }
}

TEST_CASE("IDX: a wrong magic number, labels where images are expected, images where labels are") {
    const TemporaryFolder folder;
    CHECK(
        contains(image_error(folder, "PNG, or so it says"), "magic number 0x504e472c, expected 0x00000803"));
    CHECK(contains(image_error(folder, idx_labels(2, "\x01\x02")), "that is a file of labels"));
    const auto path = folder.write("labels", idx_images(1, 1, 1, "x"));
    CHECK(contains(error_of([&] { read_idx_labels(path); }), "that is a file of images"));
}

TEST_CASE(
    "IDX: a header that promises more than the file holds, plain or gzipped, allocates no such memory") {
    const TemporaryFolder folder;
    // 2^32 − 1 images of 2^15 x 2^15 pixels: an exabyte, so an attempt to allocate it would end the test.
    const std::string content = idx_images(0xFFFFFFFF, 1U << 15, 1U << 15, some_pixels(100));
    for (const std::string& bytes : {content, gzipped(content)}) {
        const std::string message = image_error(folder, bytes);
        CHECK(contains(message, "ends at byte 116"));
        CHECK(contains(message, "promises 4294967295 images of 32768 x 32768"));
        CHECK(contains(message, "of which 100 are there"));
    }
}

TEST_CASE("IDX: one byte too few and one too many") {
    const TemporaryFolder folder;
    const std::string pixels = some_pixels(30);
    CHECK(contains(image_error(folder, idx_images(5, 2, 3, pixels.substr(1))), "of which 29 are there"));
    CHECK(contains(image_error(folder, idx_images(5, 2, 3, pixels + "x")), "goes on after byte 46"));
    CHECK(contains(image_error(folder, gzipped(idx_images(5, 2, 3, pixels + "x"))), "goes on after byte 46"));
}

TEST_CASE("IDX: no items, and images without pixels or with absurd sides") {
    const TemporaryFolder folder;
    CHECK(contains(image_error(folder, idx_images(0, 28, 28, "")), "0 items"));
    CHECK(contains(image_error(folder, idx_images(5, 0, 28, "")), "images of 0 x 28"));
    CHECK(contains(image_error(folder, idx_images(5, 28, 0xFFFFFFFF, "")), "images of 28 x 4294967295"));
}

TEST_CASE("MNIST source: reads plain and gzipped files side by side, pixels times 1/255") {
    const TemporaryFolder folder;
    const DataSets sets = open_data(small_mnist(folder));
    CHECK(sets.train->size() == 5);
    CHECK(sets.test->size() == 3);
    CHECK(sets.train->input_size() == 6);
    CHECK(sets.train->classes() == 10);
    CHECK(sets.train->target_size() == 0);
    CHECK(sets.train->has_targets());
    CHECK(contains(sets.train->description(), "train-images-idx3-ubyte"));
    CHECK(contains(sets.train->description(), "5 samples"));
    CHECK(sets.train->digest().size() == 32);
    CHECK(sets.train->digest() != sets.test->digest());

    const std::vector<std::uint64_t> indices = {4, 0, 2};
    std::vector<float> x(18);
    std::vector<std::int32_t> labels(3);
    sets.train->read(indices, Matrix(x.data(), 3, 6), {labels, {}});
    CHECK(labels == std::vector<std::int32_t>{1, 7, 9});
    const std::string pixels = some_pixels(30);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t c = 0; c < 6; ++c) {
            const auto pixel = static_cast<std::uint8_t>(pixels[indices[i] * 6 + c]);
            CHECK(x[i * 6 + c] == static_cast<float>(pixel) * (1.0F / 255.0F));
        }
    }
}

TEST_CASE("MNIST source: an index beyond the set and matrices of a wrong shape are refused") {
    const TemporaryFolder folder;
    const DataSets sets = open_data(small_mnist(folder));
    std::vector<float> x(7);
    std::vector<std::int32_t> labels(2);
    const std::vector<std::uint64_t> good = {4};
    const std::vector<std::uint64_t> beyond = {5};
    CHECK_THROWS_AS(sets.train->read(beyond, Matrix(x.data(), 1, 6), {}), std::out_of_range);
    CHECK_THROWS_AS(sets.train->read(good, Matrix(x.data(), 1, 7), {}), std::invalid_argument);
    CHECK_THROWS_AS(sets.train->read(good, Matrix(x.data(), 1, 6), {labels, {}}), std::invalid_argument);
    CHECK_NOTHROW(sets.train->read(good, Matrix(x.data(), 1, 6), {}));
}

TEST_CASE("MNIST source: train_samples and test_samples keep the first ones") {
    const TemporaryFolder folder;
    DataOptions options = small_mnist(folder);
    const std::string whole = open_data(options).train->digest();
    options.train_samples = 2;
    options.test_samples = 100;
    const DataSets sets = open_data(options);
    CHECK(sets.train->size() == 2);
    CHECK(sets.test->size() == 3);
    CHECK(sets.train->digest() != whole);
}

TEST_CASE("MNIST source: no data.dir, an empty folder") {
    const TemporaryFolder folder;
    DataOptions options;
    options.source = "mnist";
    CHECK(contains(error_of<ConfigError>([&] { open_data(options); }), "data.dir"));
    options.dir = folder.path();
    CHECK(contains(error_of([&] { open_data(options); }),
                   "neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"));
}

TEST_CASE("MNIST source: as many labels as images, or an error") {
    const TemporaryFolder folder;
    const DataOptions options = small_mnist(folder);
    folder.write("t10k-labels-idx1-ubyte", idx_labels(2, "\x02\x03"));
    const std::string message = error_of([&] { open_data(options); });
    CHECK(contains(message, "t10k-labels-idx1-ubyte: 2 labels, expected 3"));
}

TEST_CASE("MNIST source: a label out of range is named by its item; data.classes moves the bound") {
    const TemporaryFolder folder;
    DataOptions options = small_mnist(folder);
    folder.write("t10k-labels-idx1-ubyte", idx_labels(3, "\x02\x0A\x04"));
    CHECK(contains(error_of([&] { open_data(options); }),
                   "t10k-labels-idx1-ubyte: item 1: label 10, expected 0 to 9"));
    options.classes = 47;
    CHECK(open_data(options).test->classes() == 47);
}

TEST_CASE("MNIST source: training and test images of different sizes") {
    const TemporaryFolder folder;
    const DataOptions options = small_mnist(folder);
    folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx_images(3, 3, 3, some_pixels(27))));
    CHECK(contains(error_of([&] { open_data(options); }), "images of 3 x 3, expected 2 x 3"));
}
