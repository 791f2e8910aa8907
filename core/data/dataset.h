// A set of samples that can be read in any order: what the data sources have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/shape.h"

namespace lockstep {

/// Where a set's targets are written: class numbers, or real vectors (b, target_size). Both empty: not
/// wanted.
struct TargetView {
    std::span<std::int32_t> labels;
    Matrix values;
    [[nodiscard]] bool empty() const { return labels.empty() && values.empty(); }
};

/// Changes inputs in place: augmentation.
using Distortion = std::function<void(const Matrix& x)>;

/// What all samples of a set have in common.
struct DatasetSummary {
    std::vector<std::size_t> class_counts;  ///< samples of each class; empty: no classes, or no targets
    float least_target = 0.0F;              ///< of all real targets
    float most_target = 0.0F;
    float largest_input = 0.0F;  ///< the largest magnitude, as it is stored
};

/// Samples 0 … size() − 1, each an input vector and a target: a class (classes() > 0) or a real vector.
/// A set says classes() or target_size(). Reading is const and has no state: any thread or rank that reads
/// sample i gets the same bits.
class Dataset {
  public:
    virtual ~Dataset() = default;
    Dataset() = default;
    Dataset(const Dataset&) = delete;
    Dataset& operator=(const Dataset&) = delete;

    [[nodiscard]] virtual std::size_t size() const = 0;
    /// How a sample's inputs lie: an image, or so many values.
    [[nodiscard]] virtual Shape input_shape() const = 0;
    [[nodiscard]] std::size_t input_size() const { return input_shape().count(); }
    /// The same as the source has them, before preprocessing.
    [[nodiscard]] virtual Shape raw_shape() const { return input_shape(); }
    [[nodiscard]] std::size_t raw_size() const { return raw_shape().count(); }
    /// Classes of the targets, or 0 where they are real vectors.
    [[nodiscard]] virtual std::size_t classes() const { return 0; }
    /// Length of a real target vector, or 0 where the targets are classes.
    [[nodiscard]] virtual std::size_t target_size() const { return 0; }
    /// False for a test set that came without labels: it can be predicted, but not trained on or scored. It
    /// still says classes(), those of its training set. Ask before reading targets.
    [[nodiscard]] virtual bool has_targets() const { return true; }
    /// What it is and where from, for logs: "MNIST train (…/train-images-idx3-ubyte.gz), 60000 samples".
    [[nodiscard]] virtual std::string description() const = 0;
    /// 128 bits (XXH3) of the samples as 32 hex digits, for run records: of the stored inputs and targets,
    /// or, where nothing is stored, of what the samples are a function of. Cost: one pass over the stored
    /// bytes. Unless a set knows better: of all that read() gives.
    [[nodiscard]] virtual std::string digest() const;

    /// What the stored inputs are divided by when they are read, data.scale; nothing where the source stores
    /// none, or scales by itself.
    [[nodiscard]] virtual std::optional<float> input_divisor() const { return std::nullopt; }
    /// The same samples with another divisor, as a view. Requires input_divisor().
    [[nodiscard]] virtual std::shared_ptr<const Dataset> divided_by(float divisor) const;

    /// Row i of x = the input of sample indices[i]; likewise the targets (whichever of the two kinds it has),
    /// unless `target` is empty. Shapes: x (b, input_size), target.labels (b) or target.values (b,
    /// target_size). Throws DataError where targets are asked of a set that has none, std::invalid_argument
    /// for a wrong shape and std::out_of_range for an index beyond the set.
    virtual void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const = 0;

    /// The same with the inputs distorted before preprocessing, where there is any: distort gets them as (b,
    /// raw_size).
    virtual void read_distorted(std::span<const std::uint64_t> indices, Matrix x, TargetView target,
                                const Distortion& distort) const {
        read(indices, x, target);
        distort(x);
    }

    /// Announces samples that will be read, in that order, behind those announced before: a set whose samples
    /// lie on a disk fetches them meanwhile. Changes no value; what is announced need not be read.
    virtual void expect(std::span<const std::uint64_t> /*indices*/) const {}
    /// Memory that a sample takes from being announced to being read.
    [[nodiscard]] virtual std::size_t expected_sample_bytes() const { return 0; }
    /// What is known of all samples without reading them; nothing where that takes a pass over them. A part
    /// of a set answers for the whole.
    [[nodiscard]] virtual std::optional<DatasetSummary> summary() const { return std::nullopt; }

  protected:
    /// What read() promises to refuse; implementations call it first.
    void check_read(std::span<const std::uint64_t> indices, const Matrix& x, const TargetView& target) const;
};

}  // namespace lockstep
