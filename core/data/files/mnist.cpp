// The four files of MNIST put together.
#include "core/data/files/mnist.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/idx_reader.h"
#include "core/data/stored_dataset.h"

namespace lockstep {

namespace {

constexpr std::size_t kDigits = 10;

/// `name` or `name`.gz in dir.
std::filesystem::path find_file(const std::filesystem::path& dir, const std::string& name) {
    for (const std::string& candidate : {name, name + ".gz"}) {
        if (std::filesystem::exists(dir / candidate)) return dir / candidate;
    }
    throw DataError(
        fmt::format("{}: holds neither {} nor {}.gz; set data.dir to the folder of the four MNIST files",
                    dir.string(), name, name));
}

struct Part {
    std::filesystem::path images_path;
    std::filesystem::path labels_path;
    IdxImages images;
    std::vector<std::int32_t> labels;
};

Part read_part(const std::filesystem::path& dir, const std::string& prefix, std::size_t classes,
               std::size_t most) {
    Part part;
    part.images_path = find_file(dir, prefix + "-images-idx3-ubyte");
    part.labels_path = find_file(dir, prefix + "-labels-idx1-ubyte");
    part.images = read_idx_images(part.images_path);
    const std::vector<std::uint8_t> labels = read_idx_labels(part.labels_path);
    if (labels.size() != part.images.count) {
        throw DataError(fmt::format("{}: {} labels, expected {}, one for each image of {}; fetch both again",
                                    part.labels_path.string(), labels.size(), part.images.count,
                                    part.images_path.string()));
    }
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] >= classes) {
            throw DataError(
                fmt::format("{}: item {}: label {}, expected 0 to {}; set data.classes or fetch it again",
                            part.labels_path.string(), i, labels[i], classes - 1));
        }
    }
    part.labels.assign(labels.begin(), labels.end());
    if (most > 0 && most < part.images.count) {
        part.images.count = most;
        part.images.pixels.resize(most * part.images.rows * part.images.columns);
        part.labels.resize(most);
    }
    return part;
}

std::shared_ptr<const Dataset> stored(Part part, const std::string& name, std::size_t classes) {
    return std::make_shared<StoredDataset>(
        fmt::format("{} ({})", name, part.images_path.string()), std::move(part.images.pixels),
        Shape(part.images.rows, part.images.columns, 1), std::move(part.labels), classes);
}

}  // namespace

DataSets open_mnist(const DataOptions& options) {
    if (options.dir.empty()) {
        throw ConfigError(
            "data.dir: not set, but source mnist needs the folder of its four IDX files; "
            "set data.dir or LOCKSTEP_DATA_DIR");
    }
    const std::size_t classes = options.classes > 0 ? options.classes : kDigits;
    Part train = read_part(options.dir, "train", classes, options.train_samples);
    Part test = read_part(options.dir, "t10k", classes, options.test_samples);
    if (train.images.rows != test.images.rows || train.images.columns != test.images.columns) {
        throw DataError(fmt::format("{}: images of {} x {}, expected {} x {} as in {}; check data.dir",
                                    test.images_path.string(), test.images.rows, test.images.columns,
                                    train.images.rows, train.images.columns, train.images_path.string()));
    }
    return {stored(std::move(train), "MNIST train", classes), nullptr,
            stored(std::move(test), "MNIST test", classes)};
}

namespace {
constexpr std::array<std::string_view, 4> kKeys{"dir", "classes", "train_samples", "test_samples"};
}  // namespace

extern const DataSource kMnistSource{
    .name = "mnist",
    .what = "MNIST's files",
    .keys = kKeys,
    .needs = "dir",
    .needed_for = "the folder of its files",
    .open = open_mnist,
};

}  // namespace lockstep
