// The exported files, read by their formats' own rules.
#include "launcher/exchange/export_formats.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/network/network.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::content_of;
using lockstep::testing::TemporaryFolder;

namespace {

Model small_model() {
    Model model;
    model.record.network.inputs = 3;
    model.record.network.layers = {parse_layer("dense units=5 activation=relu"),
                                   parse_layer("dense units=1 activation=sigmoid")};
    model.layout = Network(model.record.network).layout();
    model.arena = Buffer<float>(model.layout.arena_size());
    for (const ParameterBlock& block : model.layout.blocks()) {
        for (std::size_t i = 0; i < block.count(); ++i) {
            block.values(model.arena.span())[i] =
                static_cast<float>(block.offset) + static_cast<float>(i) / 4;
        }
    }
    return model;
}

template <class T>
T read_at(const std::string& bytes, std::size_t offset) {
    T value;
    REQUIRE(offset + sizeof value <= bytes.size());
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string bytes_of(std::span<const float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

}  // namespace

TEST_CASE("safetensors: header, shapes, offsets and bits") {
    const TemporaryFolder folder;
    const Model model = small_model();
    write_safetensors(folder / "m", model);
    const std::string bytes = content_of(folder / "m");
    const auto header_bytes = read_at<std::uint64_t>(bytes, 0);
    CHECK(header_bytes % 8 == 0);
    const auto header = nlohmann::json::parse(bytes.substr(8, header_bytes));
    std::uint64_t end = 0;
    for (const ParameterBlock& block : model.layout.blocks()) {
        const auto& entry = header[block.name];
        CHECK(entry["dtype"] == "F32");
        CHECK(entry["data_offsets"][0] == end);
        end = entry["data_offsets"][1];
        const std::string data =
            bytes.substr(8 + header_bytes + entry["data_offsets"][0].get<std::uint64_t>(), block.count() * 4);
        CHECK(data == bytes_of(block.values(model.arena.span())));
    }
    CHECK(bytes.size() == 8 + header_bytes + end);
    CHECK(header["layer0.weight"]["shape"] == nlohmann::json{3, 5});
    CHECK(header["layer0.bias"]["shape"] == nlohmann::json{5});
    // A weight with one unit stays a matrix.
    CHECK(header["layer1.weight"]["shape"] == nlohmann::json{5, 1});
    CHECK(header["layer1.bias"]["shape"] == nlohmann::json{1});
}

TEST_CASE("npz: members, checksums, npy headers and bits, found from the central directory") {
    const TemporaryFolder folder;
    const Model model = small_model();
    write_npz(folder / "m", model);
    const std::string bytes = content_of(folder / "m");
    const std::size_t end = bytes.rfind(std::string("PK\x05\x06", 4));
    REQUIRE(end + 22 + read_at<std::uint16_t>(bytes, end + 20) == bytes.size());
    CHECK(nlohmann::json::parse(bytes.substr(end + 22))["layers"] ==
          to_string(model.record.network.layers[0]) + "; " + to_string(model.record.network.layers[1]));
    REQUIRE(read_at<std::uint32_t>(bytes, end) == 0x06054b50);
    REQUIRE(read_at<std::uint16_t>(bytes, end + 10) == 4);
    std::size_t entry = read_at<std::uint32_t>(bytes, end + 16);
    for (const ParameterBlock& block : model.layout.blocks()) {
        CAPTURE(block.name);
        REQUIRE(read_at<std::uint32_t>(bytes, entry) == 0x02014b50);
        const auto crc = read_at<std::uint32_t>(bytes, entry + 16);
        const auto size = read_at<std::uint32_t>(bytes, entry + 24);
        const auto name_size = read_at<std::uint16_t>(bytes, entry + 28);
        const std::size_t local = read_at<std::uint32_t>(bytes, entry + 42);
        CHECK(bytes.substr(entry + 46, name_size) == block.name + ".npy");
        REQUIRE(read_at<std::uint32_t>(bytes, local) == 0x04034b50);
        CHECK(read_at<std::uint16_t>(bytes, local + 8) == 0);  // stored
        const std::string npy = bytes.substr(local + 30 + name_size, size);
        CHECK(::crc32(0, reinterpret_cast<const Bytef*>(npy.data()), static_cast<uInt>(npy.size())) == crc);

        CHECK(npy.starts_with(std::string("\x93NUMPY\x01\0", 8)));
        const std::size_t data = 10 + read_at<std::uint16_t>(npy, 8);
        CHECK(data % 64 == 0);
        CHECK(npy[data - 1] == '\n');
        CHECK(contains(npy.substr(10, data - 10), "'descr': '<f4', 'fortran_order': False"));
        CHECK(npy.substr(data) == bytes_of(block.values(model.arena.span())));
        entry += 46 + name_size;
    }
    CHECK(entry == end);
    CHECK(contains(bytes, "'shape': (3, 5), }"));
    CHECK(contains(bytes, "'shape': (5,), }"));
    CHECK(contains(bytes, "'shape': (5, 1), }"));
}

TEST_CASE("exports: equal models give equal files") {
    const TemporaryFolder folder;
    for (const auto write : {write_npz, write_safetensors}) {
        write(folder / "a", small_model());
        write(folder / "b", small_model());
        CHECK(content_of(folder / "a") == content_of(folder / "b"));
    }
}
