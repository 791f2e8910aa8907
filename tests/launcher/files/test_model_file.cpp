// The model file: what is written is read, frozen bytes stay readable, every damage is found.
#include "launcher/files/model_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/network/layers/layer_kind.h"
#include "core/network/network.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/model_difference.h"
#include "launcher/files/parameter_digest.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::content_of;
using lockstep::testing::message_of;
using lockstep::testing::TemporaryFolder;

namespace {

NetworkSpec small_network() {
    NetworkSpec spec;
    spec.inputs = 3;
    spec.layers = {parse_layer("dense units=5 activation=tanh amplitude=1.7159 steepness=0.6666667"),
                   parse_layer("dense units=2 activation=softmax init=lecun")};
    spec.loss = Loss::kCrossEntropy;
    return spec;
}

ModelRecord small_record() {
    ModelRecord record;
    record.network = small_network();
    record.data_source = "csv";
    record.classes = 2;
    record.seed = 18446744073709551615ULL;
    record.step = 1200;
    record.epoch = 3;
    record.optimizer = "sgd";
    record.lockstep_version = "0.1.0";
    return record;
}

/// Value i of block b is b + i / 8, exact in float; the gaps stay zero.
Buffer<float> small_parameters(const ParameterLayout& layout) {
    Buffer<float> arena(layout.arena_size());
    for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
        const std::span<float> values = layout.blocks()[b].values(arena.span());
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>(b) + static_cast<float>(i) / 8;
    }
    return arena;
}

void write_small(const std::filesystem::path& path) {
    const Network network(small_network());
    write_model(path, small_record(), network.layout(), small_parameters(network.layout()).span());
}

/// Writes `bytes` as a model file and returns why it is refused.
std::string refusal(const std::string& bytes) {
    const TemporaryFolder folder;
    std::string message = message_of<CheckpointError>([&] { read_model(folder.write("m.lockstep", bytes)); });
    CHECK(contains(message, (folder / "m.lockstep").string()));
    return message;
}

std::string good_bytes() {
    const TemporaryFolder folder;
    write_small(folder / "m.lockstep");
    return content_of(folder / "m.lockstep");
}

/// The trailer that makes changed bytes pass the checksum, so that what lies behind it is tested.
void seal(std::string& bytes) {
    const std::size_t end = bytes.size() - 16;
    const std::string hex = digest_of(std::as_bytes(std::span(bytes.data(), end))).hex();
    for (std::size_t i = 0; i < 16; ++i)
        bytes[end + i] = static_cast<char>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
}

void replace_text(std::string& bytes, const std::string& from, const std::string& to) {
    REQUIRE(from.size() == to.size());
    const std::size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, from.size(), to);
}

/// The same in the record alone, of any length, with header, padding and trailer made to fit.
void replace_record(std::string& bytes, const std::string& from, const std::string& to) {
    constexpr std::size_t kHeader_bytes = 32;
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data() + 16, sizeof size);
    const auto padded = [](std::uint64_t record) { return (kHeader_bytes + record + 63) / 64 * 64; };
    std::string record = bytes.substr(kHeader_bytes, size);
    const std::string behind = bytes.substr(padded(size));
    const std::size_t at = record.find(from);
    REQUIRE(at != std::string::npos);
    record.replace(at, from.size(), to);
    size = record.size();
    const std::uint64_t file = padded(size) + behind.size();
    record.resize(padded(size) - kHeader_bytes);
    bytes = bytes.substr(0, kHeader_bytes) + record + behind;
    std::memcpy(bytes.data() + 16, &size, sizeof size);
    std::memcpy(bytes.data() + 24, &file, sizeof file);
    seal(bytes);
}

}  // namespace

TEST_CASE("model file: what is written is read back, record and bits") {
    const TemporaryFolder folder;
    write_small(folder / "m.lockstep");
    const Model model = read_model(folder / "m.lockstep");
    ModelRecord expected = small_record();
    expected.parameters = {{"layer0.weight", 0, 3, 5},
                           {"layer0.bias", 0, 1, 5},
                           {"layer1.weight", 1, 5, 2},
                           {"layer1.bias", 1, 1, 2}};
    CHECK(model.record == expected);
    const Network network(small_network());
    const Buffer<float> parameters = small_parameters(network.layout());
    REQUIRE(model.arena.size() == parameters.size());
    CHECK(std::memcmp(model.arena.data(), parameters.data(), parameters.size() * sizeof(float)) == 0);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("model file: signed zeros, denormals, infinities and NaNs keep their bits") {
    const TemporaryFolder folder;
    const Network network(small_network());
    Buffer<float> parameters = small_parameters(network.layout());
    const std::uint32_t special[] = {0x80000000, 0x00000001, 0x7F800000, 0x7FC12345};
    std::memcpy(parameters.data(), special, sizeof special);
    write_model(folder / "m", small_record(), network.layout(), parameters.span());
    std::uint32_t read[std::size(special)];
    const Model model = read_model(folder / "m");
    std::memcpy(read, model.arena.data(), sizeof read);
    CHECK(std::ranges::equal(read, special));
}

TEST_CASE("model file: version 1 is frozen, byte for byte") {
    const std::filesystem::path frozen = std::filesystem::path(LOCKSTEP_TEST_FOLDER) / "frozen_model_v1.bin";
    CHECK(good_bytes() == content_of(frozen));
    const Model model = read_model(frozen);
    CHECK(model.record.network == small_network());
    CHECK(combined_digest(parameter_digests(model.layout, model.arena.span())).hex() ==
          "a1612e13b2b91df01768ae6142aec80c");
}

TEST_CASE("model file: what inputs were divided by is kept; MNIST's 255 is written as it always was") {
    const TemporaryFolder folder;
    const Network network(small_network());
    const auto written = [&](const std::string& source, std::optional<float> divisor) {
        ModelRecord record = small_record();
        record.data_source = source;
        record.input_divisor = divisor;
        write_model(folder / "m", record, network.layout(), small_parameters(network.layout()).span());
        const ModelRecord read = read_model(folder / "m").record;
        CHECK(read.data_source == source);
        CHECK(read.input_divisor == divisor);
        return content_of(folder / "m");
    };
    CHECK(written("csv", std::nullopt) == good_bytes());
    CHECK(written("csv", 255.0F).find("csv scale=255 ") != std::string::npos);
    CHECK(written("csv", 1.0F).find("csv scale=none ") != std::string::npos);
    CHECK(written("csv", 0.1F).find("csv scale=0.1 ") != std::string::npos);
    CHECK(written("mnist", 255.0F).find("scale") == std::string::npos);
    CHECK(written("mnist", 1.0F).find("mnist scale=none ") != std::string::npos);

    std::string bytes = written("csv", 255.0F);
    replace_text(bytes, "scale=255", "scale=2x5");
    seal(bytes);
    CHECK(contains(refusal(bytes), "what its inputs were divided by is no number"));
}

TEST_CASE("model file: the arena starts at a multiple of 64, behind 32 bytes of header") {
    const std::string bytes = good_bytes();
    CHECK(bytes.starts_with(std::string("LOCKSTEP\x01\0\0\0\0\0\0\0", 16)));
    std::uint64_t record_bytes = 0;
    std::uint64_t file_bytes = 0;
    std::memcpy(&record_bytes, bytes.data() + 16, 8);
    std::memcpy(&file_bytes, bytes.data() + 24, 8);
    CHECK(file_bytes == bytes.size());
    const std::size_t offset = (32 + record_bytes + 63) / 64 * 64;
    float second = 0.0F;
    std::memcpy(&second, bytes.data() + offset + 4, 4);
    CHECK(second == 0.125F);
}

TEST_CASE("model file: missing") {
    const TemporaryFolder folder;
    const std::string message = message_of<CheckpointError>([&] { read_model(folder / "none"); });
    CHECK(contains(message, "none: cannot be read: No such file or directory"));
    CHECK(contains(message_of<CheckpointError>([&] { read_model(folder.path()); }), "is a directory"));
}

TEST_CASE("model file: not a model") {
    CHECK(
        contains(refusal(std::string(1000, 'x')), "is no lockstep model: expected \"LOCKSTEP\" at offset 0"));
    CHECK(contains(refusal(""), "ends at offset 0"));
    CHECK(contains(refusal("LOCKSTEP"), "ends at offset 8"));
}

TEST_CASE(
    "model file: what classes were coded as and the arithmetic make it version 3, with or without "
    "preprocessing") {
    const TemporaryFolder folder;
    const Network network(small_network());
    for (const bool preprocessed : {false, true}) {
        for (const bool coded : {false, true}) {
            ModelRecord record = small_record();
            if (coded) record.network.coding = {.classes = false, .low = -1.0F, .high = 0.1F};
            if (!coded) record.arithmetic = Arithmetic::kBf16;
            if (preprocessed) {
                record.preprocessing = std::make_shared<Preprocessing>(
                    Preprocessing{.options = {.inputs = InputScaling::kStandardise},
                                  .offset = {1, 2, 3},
                                  .rotation = {},
                                  .factor = {4, 5, 6}});
            }
            write_model(folder / "m", record, network.layout(), small_parameters(network.layout()).span());
            CHECK(content_of(folder / "m")[8] == 3);
            const ModelRecord read = read_model(folder / "m").record;
            CHECK(read.network == record.network);
            CHECK(read.arithmetic == record.arithmetic);
            REQUIRE((read.preprocessing != nullptr) == preprocessed);
            if (preprocessed) CHECK(*read.preprocessing == *record.preprocessing);
            const ModelRecord alone = read_model_record(folder / "m");
            CHECK(alone.network == read.network);
            CHECK(alone.parameters == read.parameters);
        }
    }
}

TEST_CASE("model file: preprocessing is written and read, and makes it version 2") {
    // Bytes of every kind, newlines and zeros among them, are values like any other.
    const auto preprocessing = std::make_shared<Preprocessing>(
        Preprocessing{.options = {.inputs = InputScaling::kWhiten, .components = 3},
                      .offset = {0.0F, -1.5F, 0x1.141414p-107F, 7.0F},
                      .rotation = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                      .factor = {1.0F, 2.0F, 0.5F}});
    ModelRecord record = small_record();
    record.preprocessing = preprocessing;
    const TemporaryFolder folder;
    const Network network(small_network());
    write_model(folder / "m.lockstep", record, network.layout(), small_parameters(network.layout()).span());
    const Model model = read_model(folder / "m.lockstep");
    REQUIRE(model.record.preprocessing != nullptr);
    CHECK(*model.record.preprocessing == *preprocessing);
    CHECK(model.record.parameters.size() == 4);
    CHECK(content_of(folder / "m.lockstep")[8] == 2);
    CHECK(good_bytes()[8] == 1);
    CHECK(
        contains(message_of<CheckpointError>([&] { check_fits("m", model.record, small_network(), {}); }),
                 "has preprocessing.inputs = whiten, but the configuration has preprocessing.inputs = none"));
    check_fits("m", model.record, small_network(), {.inputs = InputScaling::kWhiten, .components = 3});

    // A sealed file whose preprocessing does not fit its network is refused all the same.
    Preprocessing other = *preprocessing;
    other.factor.pop_back();
    record.preprocessing = std::make_shared<Preprocessing>(other);
    write_model(folder / "n.lockstep", record, network.layout(), small_parameters(network.layout()).span());
    CHECK(contains(message_of<CheckpointError>([&] { read_model(folder / "n.lockstep"); }),
                   "preprocessing does not fit"));
}

TEST_CASE("model file: a newer version") {
    std::string bytes = good_bytes();
    bytes[8] = 4;
    seal(bytes);
    CHECK(contains(refusal(bytes), "has version 4 at offset 8, but this program reads versions up to 3"));
}

TEST_CASE("model file: truncated, at any place") {
    const std::string bytes = good_bytes();
    for (const std::size_t size :
         {std::size_t{31}, std::size_t{32}, std::size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
        const std::string message = refusal(bytes.substr(0, size));
        CHECK(contains(message, "truncated"));
        CHECK(contains(message, "ends at offset " + std::to_string(size)));
    }
}

TEST_CASE("model file: bytes behind the end") {
    CHECK(contains(refusal(good_bytes() + "x"), "damaged header"));
}

TEST_CASE("model file: one flipped bit, in any byte") {
    const std::string bytes = good_bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        CAPTURE(i);
        CHECK_FALSE(refusal(damaged).empty());
    }
    std::string damaged = bytes;
    damaged[bytes.size() - 100] ^= 1;
    CHECK(contains(refusal(damaged), "have checksum"));
}

TEST_CASE("model file: a block of another shape than its network's") {
    std::string bytes = good_bytes();
    // "12 layer1.weight"-like entries: name, layer, rows, cols.
    replace_text(bytes, "layer1.weight 1 5 2", "layer1.weight 1 2 5");
    seal(bytes);
    CHECK(contains(refusal(bytes), "block 2 at offset"));
    CHECK(contains(refusal(bytes), "is layer1.weight (2 x 5), but its network needs layer1.weight (5 x 2)"));
}

TEST_CASE("model file: a record that describes no network, or is no record") {
    std::string bytes = good_bytes();
    replace_text(bytes, "activation=softmax", "activation=softmux");
    seal(bytes);
    CHECK(contains(refusal(bytes), "the record at offset 32 describes no network"));
    bytes = good_bytes();
    bytes.replace(32, 10, "zzzzzzzzzz");
    seal(bytes);
    CHECK(contains(refusal(bytes), "the record at offset 32"));
}

TEST_CASE("model file: a record's counts are not believed before what they count is there") {
    const std::string good = good_bytes();
    // The counts of layers and of parameters, and a string's bytes, each as large as the record can say.
    for (const char* before : {" 0 0 2 0 ", " 0 0 4 0 "}) {
        for (const char* claim : {" 0 0 100000000 0 ", " 0 0 18446744073709551615 0 "}) {
            std::string bytes = good;
            replace_record(bytes, before, claim);
            CHECK(contains(refusal(bytes), "as many items as it promises"));
        }
    }
    for (const char* claim : {" 4000000000 cross", " 18446744073709551615 cross"}) {
        std::string bytes = good;
        replace_record(bytes, " 13 cross", claim);
        CHECK(contains(refusal(bytes), "as many bytes of text as it promises"));
    }
    std::string bytes = good;
    replace_record(bytes, " 13 cross", " 18446744073709551616 cross");
    CHECK(contains(refusal(bytes), "a whole number"));
}

TEST_CASE("model file: a failed write leaves the old file and no part") {
    const TemporaryFolder folder;
    write_small(folder / "m.lockstep");
    const std::string before = content_of(folder / "m.lockstep");
    {
        AtomicFile file(folder / "m.lockstep");
        file.write("half of a new one");
    }
    CHECK(content_of(folder / "m.lockstep") == before);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
    CHECK(contains(message_of<CheckpointError>([&] { write_small(folder / "no/such/m"); }),
                   "No such file or directory"));
}

TEST_CASE("model file: check_fits names what differs") {
    const ModelRecord record = small_record();
    const auto against = [&](const NetworkSpec& network) {
        return message_of<CheckpointError>([&] { check_fits("m.lockstep", record, network, {}); });
    };
    CHECK(against(small_network()).empty());
    NetworkSpec other = small_network();
    other.inputs = 4;
    CHECK(contains(against(other), "model m.lockstep: has 3 inputs, but the configuration has 4"));
    other = small_network();
    other.layers[0].units = 6;
    CHECK(contains(against(other), "layer 0 = dense units=5"));
    other = small_network();
    other.layers.pop_back();
    CHECK(contains(against(other), "2 layers"));
}

TEST_CASE("digest: one flipped bit changes its layer's digest and the model's, and no other layer's") {
    const Network network(small_network());
    Buffer<float> parameters = small_parameters(network.layout());
    const auto before = parameter_digests(network.layout(), parameters.span());
    REQUIRE(before.size() == 2);
    CHECK(before[0].name == "layer0");
    parameters[network.layout().blocks()[2].offset] += 1.0F;
    const auto after = parameter_digests(network.layout(), parameters.span());
    CHECK(before[0].digest == after[0].digest);
    CHECK(before[1].digest != after[1].digest);
    CHECK(combined_digest(before) != combined_digest(after));
}

TEST_CASE("ulps: neighbours, zeros, signs and NaNs") {
    CHECK(ulps_between(1.0F, 1.0F) == 0);
    CHECK(ulps_between(1.0F, 0x1.000002p0F) == 1);
    CHECK(ulps_between(0.0F, -0.0F) == 0);
    CHECK(ulps_between(-0x1p-149F, 0x1p-149F) == 2);
    CHECK_FALSE(ulps_between(NAN, 1.0F));
}

TEST_CASE("diff: the first difference and the count of all") {
    const TemporaryFolder folder;
    write_small(folder / "a");
    const Model a = read_model(folder / "a");
    Model b = read_model(folder / "a");
    CHECK_FALSE(first_difference(a, b));
    const ParameterBlock& weight = b.layout.blocks()[2];
    weight.in(b.arena.span())(3, 1) = -1.0F;
    weight.in(b.arena.span())(4, 0) = 0x1.800002p1F;  // 2 + 8 / 8 = 3, and one ulp
    const auto difference = first_difference(a, b);
    REQUIRE(difference);
    CHECK(difference->block == "layer1.weight");
    CHECK(difference->layer == 1);
    CHECK(difference->row == 3);
    CHECK(difference->col == 1);
    CHECK(difference->a == 2.875F);
    CHECK(difference->b == -1.0F);
    CHECK(difference->different_count == 2);
    CHECK(difference->value_count == 32);

    // A difference in the sign of a zero alone is one, 0 ulps apart.
    Model c = read_model(folder / "a");
    c.arena[0] = -0.0F;
    REQUIRE(first_difference(a, c));
    CHECK(first_difference(a, c)->ulps == 0);

    NetworkSpec other = small_network();
    other.layers[1].units = 3;
    CHECK(contains(network_difference(small_network(), other), "layer 1: dense units=2"));
    CHECK(network_difference(small_network(), small_network()).empty());
}

TEST_CASE("model file: a layer kind of a program's own is read by those who have its row") {
    TemporaryFolder folder;
    const auto path = folder.path() / "own.lockstep";
    LayerKind own = *layer_kinds().front();
    own.name = "mine";
    const std::array<const LayerKind*, 1> kinds{&own};
    ModelRecord record = small_record();
    record.network.layers.front().kind = &own;
    const ParameterLayout layout = Network(record.network).layout();
    const Buffer<float> parameters = small_parameters(layout);
    write_model(path, record, layout, parameters.span());
    CHECK(read_model(path, kinds).record.network == record.network);
    CHECK(
        contains(message_of<CheckpointError>([&] { read_model(path); }), "'mine' is not a valid layer kind"));
}
