// Views of row-major matrices: no ownership, any row stride.
#pragma once

#include <cstddef>
#include <span>

namespace lockstep {

/// A (rows, cols) view of row-major values; row r starts at data + r * stride. Requires stride >= cols.
template <class T>
struct MatrixView {
    T* data = nullptr;
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::size_t stride = 0;

    MatrixView() = default;
    MatrixView(T* values, std::size_t row_count, std::size_t col_count, std::size_t row_stride)
        : data(values), rows(row_count), cols(col_count), stride(row_stride) {}
    MatrixView(T* values, std::size_t row_count, std::size_t col_count)
        : MatrixView(values, row_count, col_count, col_count) {}

    /// A view of values is also a view of constants.
    operator MatrixView<const T>() const {
        return {data, rows, cols, stride};
    }  // NOLINT(google-explicit-constructor)

    [[nodiscard]] std::span<T> row(std::size_t r) const { return {data + r * stride, cols}; }
    [[nodiscard]] T& operator()(std::size_t r, std::size_t c) const { return data[r * stride + c]; }
    /// Rows [first, first + count).
    [[nodiscard]] MatrixView row_range(std::size_t first, std::size_t count) const {
        return {data + first * stride, count, cols, stride};
    }
    [[nodiscard]] bool empty() const { return rows == 0 || cols == 0; }
};

using Matrix = MatrixView<float>;
using ConstMatrix = MatrixView<const float>;

}  // namespace lockstep
