// One array as numpy's .npy format has it (numpy.lib.format), versions 1 to 3.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/data/arrays/array.h"

namespace lockstep {

/// Fills the span as far as there are bytes; returns how many.
using ReadBytes = std::function<std::size_t(std::span<char>)>;

/// What stands before the values.
struct NpyHeader {
    std::string type;                ///< as numpy has it: "<f4"
    std::vector<std::size_t> shape;  ///< each above 0
    bool fortran_order = false;      ///< the first index runs fastest; never of one dimension
};

/// Reads on to the first value. Throws DataError as read_npy.
NpyHeader read_npy_header(const ReadBytes& read, const std::string& where);

/// Reads an array of integers of 8 to 64 bits, booleans, float32 or float64, little endian, in C order.
/// Throws DataError, which begins with `where`: no .npy, another type or order, fewer or more bytes than its
/// shape says.
Array read_npy(const ReadBytes& read, const std::string& where);

}  // namespace lockstep
