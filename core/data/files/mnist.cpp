// The four files of MNIST, or of its like, put together: the sources mnist and fashion_mnist.
#include "core/data/files/mnist.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/idx_reader.h"
#include "core/data/files/labels.h"
#include "core/data/files/mnist_files.h"
#include "core/data/input_scale.h"
#include "core/data/stored_dataset.h"

namespace lockstep {

namespace {

constexpr std::size_t kDigits = 10;

struct Part {
    std::filesystem::path images_path;
    std::filesystem::path labels_path;
    IdxImages images;
    std::vector<std::int32_t> labels;
};

void check_labels(const Part& part, const std::vector<std::int64_t>& labels, std::size_t classes) {
    if (labels.size() != part.images.count) {
        throw DataError(fmt::format("{}: {} labels, expected {}, one for each image of {}; fetch both again",
                                    part.labels_path.string(), labels.size(), part.images.count,
                                    part.images_path.string()));
    }
    LabelRange range;
    for (const std::int64_t label : labels) range.add(label);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] >= 0 && static_cast<std::uint64_t>(labels[i]) < classes) continue;
        throw DataError(fmt::format("{}: item {}: label {}, expected 0 to {}; {}", part.labels_path.string(),
                                    i, labels[i], classes - 1, range.remedy()));
    }
}

Part read_part(const std::filesystem::path& images, const std::filesystem::path& labels_path,
               std::size_t classes, std::size_t most) {
    Part part{images, labels_path, read_idx_images(images), {}};
    const std::vector<std::int64_t> labels = read_idx_labels(labels_path);
    check_labels(part, labels, classes);
    std::ranges::transform(labels, std::back_inserter(part.labels),
                           [](std::int64_t label) { return static_cast<std::int32_t>(label); });
    if (most > 0 && most < part.images.count) {
        part.images.count = most;
        std::visit([&](auto& pixels) { pixels.resize(most * part.images.inputs()); }, part.images.pixels);
        part.labels.resize(most);
    }
    return part;
}

/// Rows and columns, with or without channels; anything else is a plain count.
Shape shape_of(const IdxImages& images) {
    const std::vector<std::size_t>& shape = images.shape;
    if (shape.size() == 2) return {shape[0], shape[1], 1};
    if (shape.size() == 3) return {shape[0], shape[1], shape[2]};
    return images.inputs();
}

std::shared_ptr<const Dataset> stored(Part part, std::string_view name, std::size_t classes, float divisor) {
    const Shape shape = shape_of(part.images);
    return std::make_shared<StoredDataset>(fmt::format("{} ({})", name, part.images_path.string()),
                                           stored_form(std::move(part.images.pixels), divisor), shape,
                                           StoredTargets{std::move(part.labels), classes}, divisor);
}

/// Both sets of the four files, which are called `name`.
DataSets open_files(const DataOptions& options, std::string_view name) {
    const std::size_t classes = options.classes > 0 ? options.classes : kDigits;
    const MnistFiles files = find_mnist_files(options.dir, options.prefix);
    Part train = read_part(files.train_images, files.train_labels, classes, options.train_samples);
    Part test = read_part(files.test_images, files.test_labels, classes, options.test_samples);
    if (train.images.shape != test.images.shape) {
        throw DataError(fmt::format("{}: images of {}, expected {} as in {}; check data.dir",
                                    test.images_path.string(), shape_text(test.images.shape),
                                    shape_text(train.images.shape), train.images_path.string()));
    }
    const float divisor = input_divisor(options.scale, train.images.pixels, train.images.of_bytes);
    const std::string remark = scale_remark(options.scale, train.images.pixels);
    DataSets sets{stored(std::move(train), fmt::format("{} train", name), classes, divisor),
                  nullptr,
                  stored(std::move(test), fmt::format("{} test", name), classes, divisor),
                  {}};
    if (!remark.empty()) sets.remarks.push_back(remark);
    if (!files.others.empty()) {
        sets.remarks.push_back(
            fmt::format("{} also holds sets whose names begin with {}; data.prefix chooses one of these",
                        files.train_images.parent_path().string(), files.others));
    }
    return sets;
}

/// Where Debian's package dataset-fashion-mnist has its files.
constexpr std::string_view kFashionDir = "/usr/share/datasets/fashion-mnist";

bool is_folder(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
}

/// Whether `dir` has the handwritten digits, which have the names and shapes of Fashion-MNIST's files: by the
/// first labels, the same in every copy.
bool holds_digits(const std::filesystem::path& dir, const std::string& prefix) {
    constexpr std::array<std::int64_t, 12> kFirst{5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5};
    const std::vector<std::int64_t> labels = read_idx_labels(find_mnist_files(dir, prefix).train_labels);
    return labels.size() >= kFirst.size() && std::equal(kFirst.begin(), kFirst.end(), labels.begin());
}

/// Whether `dir`, which is that of all configurations, is of use to this one: it may be another set's.
bool holds_fashion(const std::filesystem::path& dir) {
    try {
        return !holds_digits(dir, "");
    } catch (const DataError&) {
        return false;
    }
}

constexpr std::array<std::string_view, 6> kKeys{"dir",     "prefix",        "scale",
                                                "classes", "train_samples", "test_samples"};
constexpr std::array<std::string_view, 5> kFashionKeys{"dir", "scale", "classes", "train_samples",
                                                       "test_samples"};

}  // namespace

DataSets open_mnist(const DataOptions& options) {
    if (options.dir.empty()) {
        throw ConfigError(
            "data.dir: not set, but source mnist needs the folder of its four IDX files; "
            "set data.dir or LOCKSTEP_DATA_DIR");
    }
    return open_files(options, "MNIST");
}

DataSets open_fashion_mnist(const DataOptions& options) {
    DataOptions found = options;
    found.prefix.clear();
    std::string remark;
    if (options.dir.empty()) {
        found.dir = kFashionDir;
        if (!is_folder(found.dir)) {
            throw DataError(fmt::format(
                "{}: is not there; install Debian's package dataset-fashion-mnist, as scripts/setup.sh does, "
                "or set data.dir to the folder of Fashion-MNIST's four files",
                kFashionDir));
        }
    } else if (options.dir_of_all && is_folder(kFashionDir) && !holds_fashion(options.dir)) {
        found.dir = kFashionDir;
        remark = fmt::format("LOCKSTEP_DATA_DIR={} holds no Fashion-MNIST, so {} is read",
                             options.dir.string(), kFashionDir);
    } else if (holds_digits(options.dir, "")) {
        remark = fmt::format(
            "{} holds MNIST's handwritten digits, not Fashion-MNIST; data.source = mnist is their source",
            options.dir.string());
    }
    DataSets sets = open_files(found, "Fashion-MNIST");
    if (!remark.empty()) sets.remarks.push_back(remark);
    return sets;
}

extern const DataSource kMnistSource{
    .name = "mnist",
    .what = "MNIST's files",
    .keys = kKeys,
    .needs = "dir",
    .needed_for = "the folder of its files",
    .open = open_mnist,
};

constexpr std::array<std::string_view, 10> kClothes{
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};

extern const DataSource kFashionMnistSource{
    .name = "fashion_mnist",
    .what = "images of clothes, MNIST's files of Debian's dataset-fashion-mnist where data.dir is not given",
    .keys = kFashionKeys,
    .open = open_fashion_mnist,
    .class_names = kClothes,
};

}  // namespace lockstep
