#include "core/data/arrays/npy_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/data/files/value_text.h"

namespace lockstep {

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kLongestHeader = std::size_t{1} << 16;
constexpr std::size_t kBlock_values = 8192;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
    throw DataError(fmt::format("{}: {}", where, what));
}

void read_all(const ReadBytes& read, std::span<char> to, const std::string& where) {
    if (read(to) < to.size())
        fail(where, "ends within its header, expected an array of numpy; write it again");
}

std::string read_header(const ReadBytes& read, const std::string& where) {
    std::array<char, 8> head{};
    read_all(read, head, where);
    if (std::string_view(head.data(), kMagic.size()) != kMagic)
        fail(where, "does not begin as an array of numpy; write it by numpy.save or numpy.savez");
    const auto version = static_cast<unsigned char>(head[6]);
    if (version < 1 || version > 3)
        fail(where, fmt::format("has version {} of the .npy format, 1 to 3 are read", version));
    std::array<unsigned char, 4> length{};
    read_all(read, {reinterpret_cast<char*>(length.data()), version == 1 ? 2U : 4U}, where);
    const std::size_t size = length[0] | length[1] << 8 | length[2] << 16 | std::size_t{length[3]} << 24;
    if (size > kLongestHeader) fail(where, fmt::format("has a header of {} bytes; write it again", size));
    std::string header(size, ' ');
    read_all(read, header, where);
    return header;
}

/// What stands behind 'key': in a dictionary of Python.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& where) {
    const std::string quoted_key = fmt::format("'{}'", key);
    const std::size_t found = header.find(quoted_key);
    std::string_view rest =
        header.substr(found == std::string_view::npos ? header.size() : found + quoted_key.size());
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    if (!rest.starts_with(':')) fail(where, fmt::format("its header does not say '{}'; write it again", key));
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    return rest;
}

std::vector<std::size_t> shape_of(std::string_view text, const std::string& where) {
    const std::size_t end = text.find(')');
    if (!text.starts_with('(') || end == std::string_view::npos)
        fail(where, "its header has no shape; write it again");
    text = text.substr(1, end - 1);
    std::vector<std::size_t> shape;
    std::size_t product = 1;
    while (!trimmed(text).empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const auto size = parse_number<std::size_t>(trimmed(text.substr(0, comma)));
        if (!size || *size == 0 || __builtin_mul_overflow(product, *size, &product))
            fail(where, fmt::format("its shape is ({}), expected sizes above 0", text.substr(0, 40)));
        shape.push_back(*size);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    if (shape.empty()) fail(where, "is a single number, expected an array");
    return shape;
}

/// A type of numpy: how a block of its values is taken.
struct ElementType {
    std::string_view name;
    std::size_t bytes;
    bool integers;
    void (*add)(ArrayValues& values, std::span<const char> bytes);
};

template <class Number>
void add(ArrayValues& values, std::span<const char> bytes) {
    std::array<Number, kBlock_values> numbers{};
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
    values.add_numbers(std::span<const Number>(numbers).first(bytes.size() / sizeof(Number)));
}

void add_bytes(ArrayValues& values, std::span<const char> bytes) {
    values.add({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

constexpr std::array kTypes{
    ElementType{"|u1", 1, true, add_bytes},         ElementType{"|b1", 1, true, add_bytes},
    ElementType{"|i1", 1, true, add<std::int8_t>},  ElementType{"<u2", 2, true, add<std::uint16_t>},
    ElementType{"<i2", 2, true, add<std::int16_t>}, ElementType{"<u4", 4, true, add<std::uint32_t>},
    ElementType{"<i4", 4, true, add<std::int32_t>}, ElementType{"<u8", 8, true, add<std::uint64_t>},
    ElementType{"<i8", 8, true, add<std::int64_t>}, ElementType{"<f4", 4, false, add<float>},
    ElementType{"<f8", 8, false, add<double>},
};

/// "<f4" of "'<f4', …".
std::string_view type_name(std::string_view text) {
    return text.starts_with('\'') ? text.substr(1, text.find('\'', 1) - 1) : text.substr(0, 8);
}

const ElementType& type_of(std::string_view name, const std::string& where) {
    const auto found = std::ranges::find(kTypes, name, &ElementType::name);
    if (found != kTypes.end()) return *found;
    fail(where,
         fmt::format("its values are of the type {}, expected little-endian integers, float32 or float64; "
                     "convert it (numpy: astype('<f4'))",
                     quoted(name)));
}

}  // namespace

NpyHeader read_npy_header(const ReadBytes& read, const std::string& where) {
    const std::string text = read_header(read, where);
    NpyHeader header;
    header.type = type_name(value_of(text, "descr", where));
    header.shape = shape_of(value_of(text, "shape", where), where);
    header.fortran_order =
        header.shape.size() > 1 && !value_of(text, "fortran_order", where).starts_with("False");
    return header;
}

Array read_npy(const ReadBytes& read, const std::string& where) {
    NpyHeader header = read_npy_header(read, where);
    const ElementType& type = type_of(header.type, where);
    Array array;
    array.shape = std::move(header.shape);
    array.integers = type.integers;
    if (header.fortran_order)
        fail(where, "is stored in Fortran's order, expected C's; convert it (numpy.ascontiguousarray)");
    const std::size_t count = array.shape[0] * array.row_size();
    ArrayValues values(where, type.add == add_bytes);
    std::vector<char> block(kBlock_values * type.bytes);
    // By blocks: memory follows what is there, not what the shape says.
    while (values.size() < count) {
        const std::size_t wanted = std::min(kBlock_values, count - values.size()) * type.bytes;
        if (read(std::span(block).first(wanted)) < wanted) {
            fail(where,
                 fmt::format("ends within the values, of which its shape says {}; write it again", count));
        }
        type.add(values, std::span(block).first(wanted));
    }
    if (char more = 0; read({&more, 1}) > 0)
        fail(where, fmt::format("has more bytes than the {} values of its shape; write it again", count));
    array.values = values.take();
    return array;
}

}  // namespace lockstep
