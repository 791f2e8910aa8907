// Where the four files of MNIST, or of a set that has its form, lie, under whichever of their names.
#pragma once

#include <filesystem>
#include <string>

namespace lockstep {

struct MnistFiles {
    std::filesystem::path train_images;
    std::filesystem::path train_labels;
    std::filesystem::path test_images;
    std::filesystem::path test_labels;
    std::string prefix;  ///< what their names begin with: "" for MNIST, "emnist-letters-"
    std::string
        others;  ///< the prefixes of other sets in the same folder, for a remark; "" if there are none
};

/// Finds PREFIXtrain-images-idx3-ubyte and its like in `dir`: plain or with .gz; train.images.idx3-ubyte as
/// unpackers write it, with a dot; the test set as t10k or test; any element type. A folder of a file's name
/// hides no other file; the file may also lie in it, under its own name. Where `dir` has no such file, a
/// folder raw in it or one level deeper, as torchvision makes MNIST/raw, is searched.
///
/// An empty `prefix` prefers MNIST's own names, else takes the only set that is there. Throws DataError
/// naming what is missing, or the sets among which data.prefix must choose.
MnistFiles find_mnist_files(const std::filesystem::path& dir, const std::string& prefix);

}  // namespace lockstep
