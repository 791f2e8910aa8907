// The four files of MNIST, or of its like, put together.
#include "core/data/files/mnist.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
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

std::shared_ptr<const Dataset> stored(Part part, const std::string& name, std::size_t classes,
                                      float divisor) {
    const Shape shape = shape_of(part.images);
    return std::make_shared<StoredDataset>(fmt::format("{} ({})", name, part.images_path.string()),
                                           stored_form(std::move(part.images.pixels), divisor), shape,
                                           StoredTargets{std::move(part.labels), classes}, divisor);
}

}  // namespace

DataSets open_mnist(const DataOptions& options) {
    if (options.dir.empty()) {
        throw ConfigError(
            "data.dir: not set, but source mnist needs the folder of its four IDX files; "
            "set data.dir or LOCKSTEP_DATA_DIR");
    }
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
    DataSets sets{stored(std::move(train), "MNIST train", classes, divisor),
                  nullptr,
                  stored(std::move(test), "MNIST test", classes, divisor),
                  {}};
    if (!remark.empty()) sets.remarks.push_back(remark);
    if (!files.others.empty()) {
        sets.remarks.push_back(
            fmt::format("{} also holds sets whose names begin with {}; data.prefix chooses one of these",
                        files.train_images.parent_path().string(), files.others));
    }
    return sets;
}

namespace {
constexpr std::array<std::string_view, 6> kKeys{"dir",     "prefix",        "scale",
                                                "classes", "train_samples", "test_samples"};
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
