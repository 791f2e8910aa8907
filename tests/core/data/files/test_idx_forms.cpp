// The relatives of MNIST: other element types, shapes, names and folders.
#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <limits>

#include "core/data/files/idx_reader.h"
#include "core/data/files/mnist_files.h"
#include "core/data/open_data.h"
#include "tests/core/data/files/data_files.h"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

std::string idx(std::uint32_t type, const std::vector<std::uint32_t>& sizes, const std::string& elements) {
    std::string bytes = big_endian(type << 8 | static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint32_t size : sizes) bytes += big_endian(size);
    return bytes + elements;
}

std::string floats(const Floats& values) {
    std::string bytes;
    for (const float value : values) bytes += big_endian(std::bit_cast<std::uint32_t>(value));
    return bytes;
}

std::string doubles(const std::vector<double>& values) {
    std::string bytes;
    for (const double value : values) {
        const auto word = std::bit_cast<std::uint64_t>(value);
        bytes +=
            big_endian(static_cast<std::uint32_t>(word >> 32)) + big_endian(static_cast<std::uint32_t>(word));
    }
    return bytes;
}

StoredInputs pixels_of(const std::string& content) {
    const TemporaryFolder folder;
    return read_idx_images(folder.write("images", content)).pixels;
}

std::vector<std::int64_t> labels_of(const std::string& content) {
    const TemporaryFolder folder;
    return read_idx_labels(folder.write("labels", content));
}

/// Four files of two images each, by names with %P for train or t10k and %K for images-idx3 or labels-idx1.
void write_set(const TemporaryFolder& folder, const std::string& prefix, const std::string& test,
               const std::string& dash, const std::string& suffix) {
    for (const std::string& part : {std::string("train"), test}) {
        std::filesystem::create_directories((folder.path() / (prefix + "x")).parent_path());
        const std::string images = idx_images(2, 2, 3, some_pixels(12));
        const std::string labels = idx_labels(2, std::string_view("\x00\x01", 2));
        const bool packed = suffix == ".gz";
        folder.write(prefix + part + "-images" + dash + "idx3-ubyte" + suffix,
                     packed ? gzipped(images) : images);
        folder.write(prefix + part + "-labels" + dash + "idx1-ubyte" + suffix,
                     packed ? gzipped(labels) : labels);
    }
}

DataSets open_folder(const std::filesystem::path& dir, const std::string& prefix = "") {
    DataOptions options;
    options.source = "mnist";
    options.dir = dir;
    options.prefix = prefix;
    return open_data(options);
}

}  // namespace

TEST_CASE("IDX images: every element type is read, big-endian") {
    CHECK(std::get<Bytes>(pixels_of(idx(0x09, {2, 2}, "\x01\x02\x03\x04"))) == Bytes{1, 2, 3, 4});
    CHECK(std::get<Floats>(pixels_of(idx(0x09, {1, 2}, "\xFF\x02"))) == Floats{-1, 2});
    CHECK(std::get<Floats>(pixels_of(idx(0x0B, {1, 2}, "\x01\x02\xFF\xFE"))) == Floats{258, -2});
    CHECK(std::get<Floats>(pixels_of(idx(0x0C, {1, 2}, big_endian(70000) + big_endian(0xFFFFFFFF)))) ==
          Floats{70000, -1});
    CHECK(std::get<Floats>(pixels_of(idx(0x0D, {1, 3}, floats({0.5F, -2.25F, 255.0F})))) ==
          Floats{0.5F, -2.25F, 255.0F});
    CHECK(std::get<Floats>(pixels_of(idx(0x0E, {1, 2}, doubles({0.1, 1e-300})))) == Floats{0.1F, 0.0F});
    CHECK(std::get<Bytes>(pixels_of(idx(0x0D, {1, 2}, floats({7.0F, 255.0F})))) == Bytes{7, 255});
}

TEST_CASE("IDX images: rows that are flat, and images with channels") {
    const TemporaryFolder folder;
    const IdxImages flat = read_idx_images(folder.write("i", idx(0x08, {2, 6}, some_pixels(12))));
    CHECK(flat.shape == std::vector<std::size_t>{6});
    const IdxImages colour = read_idx_images(folder.write("i", idx(0x08, {1, 2, 2, 3}, some_pixels(12))));
    CHECK(shape_text(colour.shape) == "2 x 2 x 3");
    CHECK(colour.inputs() == 12);
}

TEST_CASE("IDX images: numbers that are not finite or beyond a float, and promises beyond all memory") {
    CHECK(contains(error_of([] {
                       pixels_of(idx(0x0D, {1, 2}, floats({1.0F, std::numeric_limits<float>::quiet_NaN()})));
                   }),
                   "number 1 is nan"));
    CHECK(contains(error_of([] { pixels_of(idx(0x0E, {1, 1}, doubles({1e300}))); }), "number 0 is 1e+300"));
    CHECK(contains(error_of([] {
                       pixels_of(idx(0x0E, {0xFFFFFFFF, 1U << 30}, "x"));
                   }),
                   "of which 1 are there"));
    CHECK(contains(error_of([] {
                       pixels_of(idx(0x08, {1, 40000, 40000}, "x"));
                   }),
                   "images of 40000 x 40000"));
    CHECK(contains(error_of([] { pixels_of(big_endian(0x03080000)); }), "least byte first"));
}

TEST_CASE("IDX labels: integers of any type, QMNIST's rows, whole floats; else refused") {
    const std::string row = big_endian(7) + std::string(28, '\1');
    CHECK(labels_of(idx(0x0C, {2, 8}, row + big_endian(3) + std::string(28, '\1'))) ==
          std::vector<std::int64_t>{7, 3});
    CHECK(labels_of(idx(0x0C, {2, 1}, big_endian(1) + big_endian(2))) == std::vector<std::int64_t>{1, 2});
    CHECK(labels_of(idx(0x0D, {2}, floats({4.0F, 0.0F}))) == std::vector<std::int64_t>{4, 0});
    CHECK(contains(error_of([] { labels_of(idx(0x0D, {1}, floats({0.5F}))); }),
                   "label 0.5, expected a whole number"));
    CHECK(contains(error_of([] { labels_of(idx(0x08, {1, 3}, std::string("\0\1\0", 3))); }), "one-hot"));
}

TEST_CASE("MNIST source: dotted names, other sets' names and torchvision's folder are found") {
    for (const auto& [prefix, test, dash, suffix] : {std::array<std::string, 4>{"", "t10k", ".", ""},
                                                     {"", "t10k", ".", ".gz"},
                                                     {"", "t10k", "-", ".gz"},
                                                     {"emnist-letters-", "test", "-", ".gz"},
                                                     {"qmnist-", "test", "-", ""},
                                                     {"MNIST/raw/", "t10k", "-", ".gz"},
                                                     {"raw/", "t10k", "-", ""},
                                                     {"EMNIST/raw/emnist-digits-", "test", "-", ".gz"}}) {
        CAPTURE(prefix);
        const TemporaryFolder folder;
        write_set(folder, prefix, test, dash, suffix);
        CHECK(open_folder(folder.path()).train->size() == 2);
    }
}

TEST_CASE("MNIST source: a folder of a file's name hides no good file, and may hold it") {
    const TemporaryFolder folder;
    write_set(folder, "", "t10k", "-", ".gz");
    const std::string name = "train-images-idx3-ubyte";
    std::filesystem::create_directory(folder.path() / name);
    CHECK(contains(open_folder(folder.path()).train->description(), name + ".gz"));
    std::filesystem::remove(folder.path() / (name + ".gz"));
    CHECK(contains(error_of([&] { open_folder(folder.path()); }), "holds neither " + name));
    folder.write(name + "/" + name, idx_images(2, 2, 3, some_pixels(12)));
    CHECK(contains(open_folder(folder.path()).train->description(), name + "/" + name));
}

TEST_CASE("MNIST source: of several sets in a folder one is chosen, or MNIST's own with a remark") {
    const TemporaryFolder folder;
    write_set(folder, "emnist-letters-", "test", "-", ".gz");
    write_set(folder, "emnist-digits-", "test", "-", ".gz");
    CHECK(contains(error_of([&] { open_folder(folder.path()); }),
                   "names begin with emnist-digits-, emnist-letters-; set data.prefix"));
    CHECK(contains(open_folder(folder.path(), "emnist-digits-").train->description(), "emnist-digits-train"));
    CHECK(contains(error_of([&] { open_folder(folder.path(), "emnist-"); }), "there are emnist-digits-"));
    write_set(folder, "", "t10k", "-", ".gz");
    const DataSets sets = open_folder(folder.path());
    CHECK(contains(sets.train->description(), "/train-images"));
    REQUIRE(sets.remarks.size() == 1);
    CHECK(contains(sets.remarks[0], "emnist-digits-, emnist-letters-"));
    const TemporaryFolder root;
    write_set(root, "MNIST/raw/", "t10k", "-", ".gz");
    write_set(root, "FashionMNIST/raw/", "t10k", "-", ".gz");
    const std::string message = error_of([&] { open_folder(root.path()); });
    CHECK(contains(message, "FashionMNIST/raw"));
    CHECK(contains(message, "set data.dir"));
}

TEST_CASE("MNIST source: bytes of 0 and 1 are divided too, which is remarked; data.scale ends it") {
    const TemporaryFolder folder;
    for (const char* part : {"train", "t10k"}) {
        folder.write(std::string(part) + "-images-idx3-ubyte",
                     idx_images(4, 1, 2, std::string("\0\1\1\0\1\1\0\1", 8)));
        folder.write(std::string(part) + "-labels-idx1-ubyte",
                     idx_labels(4, std::string_view("\1\0\0\0", 4)));
    }
    DataOptions options;
    options.source = "mnist";
    options.dir = folder.path();
    DataSets sets = open_data(options);
    CHECK(sets.train->input_divisor() == 255.0F);
    REQUIRE(sets.remarks.size() == 1);
    CHECK(contains(sets.remarks[0], "data.scale = none"));
    options.scale = parse_input_scale("none").value();
    sets = open_data(options);
    CHECK(sets.train->input_divisor() == 1.0F);
    CHECK(sets.remarks.empty());
}
