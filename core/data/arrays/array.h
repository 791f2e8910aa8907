// Arrays by name, whichever format they come from.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/data/stored_dataset.h"

namespace lockstep {

struct Array {
    std::vector<std::size_t> shape;
    StoredInputs values;    ///< in C order; bytes as they are, all else as float32
    bool integers = false;  ///< it was stored as integers

    /// Values of one entry of the first dimension.
    [[nodiscard]] std::size_t row_size() const {
        std::size_t size = 1;
        for (std::size_t d = 1; d < shape.size(); ++d) size *= shape[d];
        return size;
    }
};

/// A file, or a folder, of arrays.
class ArrayStore {
  public:
    ArrayStore() = default;
    ArrayStore(const ArrayStore&) = delete;
    ArrayStore& operator=(const ArrayStore&) = delete;
    virtual ~ArrayStore() = default;

    [[nodiscard]] virtual bool has(const std::string& name) = 0;
    /// All that there are, for messages.
    [[nodiscard]] virtual std::vector<std::string> names() = 0;
    /// Throws DataError, naming the place, for damage, types that are no numbers, values that are not finite.
    [[nodiscard]] virtual Array read(const std::string& name) = 0;
};

/// Takes numbers of any type in pieces, and keeps bytes as bytes.
class ArrayValues {
  public:
    /// `where` begins messages. `bytes`: all that comes are bytes.
    ArrayValues(std::string where, bool bytes);
    void add(std::span<const std::uint8_t> bytes);
    /// Throws DataError for what is no finite float.
    template <class Number>
    void add_numbers(std::span<const Number> numbers) {
        for (const Number number : numbers) add_number(static_cast<double>(number));
    }
    [[nodiscard]] std::size_t size() const;
    StoredInputs take() { return std::move(values_); }

  private:
    void add_number(double number);

    std::string where_;
    StoredInputs values_;
};

}  // namespace lockstep
