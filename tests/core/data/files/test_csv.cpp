// CSV files and the csv source: what is read, and one test for each way a file can be wrong.
#include <doctest/doctest.h>

#include "core/data/files/csv_reader.h"
#include "core/data/open_data.h"
#include "tests/core/data/files/data_files.h"

using namespace lockstep;
using namespace lockstep::test;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

CsvVectors vectors_of(std::string_view content) {
    const TemporaryFolder folder;
    return read_csv_vectors(folder.write("v.csv", content));
}

std::string vectors_error(std::string_view content) {
    return error_of([&] { vectors_of(content); });
}

std::string labels_error(std::string_view content, std::size_t classes = 10) {
    const TemporaryFolder folder;
    const auto path = folder.write("l.csv", content);
    return error_of([&] { read_csv_labels(path, classes); });
}

std::string csv_of(std::string_view pixels, std::size_t columns) {
    std::string text;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        text += std::to_string(static_cast<std::uint8_t>(pixels[i]));
        text += (i + 1) % columns == 0 ? '\n' : ',';
    }
    return text;
}

/// A small complete set: 3 training and 2 test vectors of 2 values.
DataOptions small_csv(const TemporaryFolder& folder) {
    folder.write("a_train_vectors.csv", "0,255\n1,2\n3,4\n");
    folder.write("a_train_labels.csv", "1\n0\n2\n");
    folder.write("a_test_vectors.csv", "5,6\n7,8\n");
    folder.write("a_test_labels.csv", "2\n1\n");
    DataOptions options;
    options.source = "csv";
    options.dir = folder.path();
    return options;
}

Floats first_sample(const Dataset& set) {
    Floats x(set.input_size());
    const std::vector<std::uint64_t> indices = {0};
    set.read(indices, Matrix(x.data(), 1, x.size()), {});
    return x;
}

}  // namespace

TEST_CASE("CSV vectors: integers of 0 to 255 are kept as bytes") {
    const CsvVectors vectors = vectors_of("0,1,22,255,0,0,0,0,0,0\n9,99,100,200,249,250,0,0,0,0\n");
    CHECK(vectors.rows == 2);
    CHECK(vectors.columns == 10);
    CHECK(std::get<Bytes>(vectors.values) ==
          Bytes{0, 1, 22, 255, 0, 0, 0, 0, 0, 0, 9, 99, 100, 200, 249, 250, 0, 0, 0, 0});
}

TEST_CASE(
    "CSV vectors: CR LF, blanks around values, no last line end, blank last lines and gzip change nothing") {
    const Bytes expected = {1, 2, 3, 4, 50, 6};
    for (const char* content :
         {"1,2,3\n4,50,6\n", "1,2,3\r\n4,50,6\r\n", "1,2,3\n4,50,6", "1,2,3\r\n4,50,6\n\n \n\r\n",
          " 1, 2,\t3\n4 ,50,6 \n", "01,002,0003\n4,50,6"}) {
        CAPTURE(content);
        CHECK(std::get<Bytes>(vectors_of(content).values) == expected);
        CHECK(std::get<Bytes>(vectors_of(gzipped(content)).values) == expected);
    }
}

TEST_CASE("CSV vectors: whole numbers from 0 to 255 are bytes however they are written") {
    const Bytes expected = {1, 2, 3, 255, 100, 0};
    for (const char* content : {"1.0,2.0,3.0\n255.0,100.0,0.0\n", "1,2.,3\n2.55e2,1E2,0\n",
                                "+1,2,+3.\n255,100,-0.0\n", "1,2,3\n255,1.0E+02,1e-60\n",
                                "\xEF\xBB\xBF"
                                "1,2,3\n255,100,0\n"}) {
        CAPTURE(content);
        CHECK(std::get<Bytes>(vectors_of(content).values) == expected);
    }
}

TEST_CASE("CSV vectors: other numbers make floats of the whole file, unscaled") {
    CHECK(std::get<Floats>(vectors_of("1,2\n3,-4\n5,6\n").values) == Floats{1, 2, 3, -4, 5, 6});
    CHECK(std::get<Floats>(vectors_of("1,256\n").values) == Floats{1, 256});
    CHECK(std::get<Floats>(vectors_of("1.5,2\n").values) == Floats{1.5F, 2});
    CHECK(std::get<Floats>(vectors_of(".5,5.\n+7.25,-1e-400\n").values) == Floats{0.5F, 5, 7.25F, 0});
    CHECK(std::get<Floats>(vectors_of("0.1,1e-3\n-2.5E2,7\n").values) == Floats{0.1F, 1e-3F, -250.0F, 7});
    CHECK(as_floats(vectors_of("1,2\n").values) == Floats{1, 2});
}

TEST_CASE("CSV vectors: lines across the reader's blocks, and a last line that ends with the file") {
    // 2 MB in lines of 4000 values, much longer than a cache line and not aligned with any block.
    const std::string pixels = some_pixels(800'000);
    std::string text = csv_of(pixels, 4000);
    const Bytes expected(pixels.begin(), pixels.end());
    CHECK(std::get<Bytes>(vectors_of(text).values) == expected);
    text.pop_back();
    CHECK(std::get<Bytes>(vectors_of(text).values) == expected);
    // One line of the whole: longer than a block.
    std::string line = csv_of(pixels, pixels.size());
    line.pop_back();
    CHECK(vectors_of(line).columns == pixels.size());
    CHECK(std::get<Bytes>(vectors_of(line).values) == expected);
}

TEST_CASE(
    "CSV vectors: what an earlier block left behind is not read as digits of a last line without an end") {
    // The last block is shorter than the one before it, so old digits lie behind its last value.
    for (std::size_t length = 100000; length < 100020; ++length) {
        std::string text;
        for (std::size_t i = 0; i < length; ++i) text += "111\n";
        text += "1";
        const CsvVectors vectors = vectors_of(text);
        REQUIRE(vectors.rows == length + 1);
        REQUIRE(std::get<Bytes>(vectors.values).back() == 1);
    }
}

TEST_CASE("CSV vectors: an empty file, and one of blank lines") {
    CHECK(contains(vectors_error(""), "v.csv:1: the file is empty"));
    CHECK(contains(vectors_error("\n\n"), "the file is empty"));
}

TEST_CASE("CSV vectors: a line with a value too few, one too many, a comma too many") {
    CHECK(contains(vectors_error("1,2,3\n1,2\n"), "v.csv:2: 2 values, expected 3 as in line 1"));
    CHECK(contains(vectors_error("1,2,3\n1,2,3\n1,2,3,4\n"), "v.csv:3: 4 values, expected 3"));
    CHECK(contains(vectors_error("0,0,0,0,0\n0,0,0,0,0,\n"), "v.csv:2: 6 values, expected 5"));
    CHECK(contains(vectors_error("0,0,0,0\n0,0,0,0,\n"), "v.csv:2: 5 values, expected 4"));
    CHECK(contains(vectors_error("0.5,1\n0.5\n"), "v.csv:2: 1 values, expected 2"));
    CHECK(contains(vectors_error("0,0\n0,0,0,0,0,0,0,0\n"), "v.csv:2: 8 values, expected 2"));
}

TEST_CASE("CSV vectors: what is no number") {
    CHECK(contains(vectors_error("1,2\n3,abc\n"), "v.csv:2: value 2 is 'abc', expected a finite number"));
    CHECK(contains(vectors_error("1,2\n3,\n"), "v.csv:2: value 2 is ''"));
    CHECK(contains(vectors_error("1,2\n3,4x\n"), "value 2 is '4x'"));
    CHECK(contains(vectors_error("1,2\n3,1 2\n"), "value 2 is '1 2'"));
    CHECK(contains(vectors_error("1,nan\n"), "value 2 is 'nan'"));
    CHECK(contains(vectors_error("1,-inf\n"), "value 2 is '-inf'"));
    CHECK(contains(vectors_error("1,1e99\n"), "value 2 is '1e99'"));
    CHECK(contains(vectors_error("1,-1e39\n"), "too large for a float"));
    CHECK(contains(vectors_error("pixel0,pixel1\n1,2\n"), "v.csv:1: value 1 is 'pixel0'"));
    CHECK(contains(vectors_error("pixel0,pixel1\n1,2\n"), "heading"));
    CHECK(contains(vectors_error(std::string_view("1,2\n\x01\x80,2\n")),
                   "v.csv:2: value 1 is '?"
                   "?'"));
}

TEST_CASE("CSV vectors: what a line looks like is said in words") {
    CHECK(contains(vectors_error("1;2\n"), "semicolons (;), expected commas"));
    CHECK(contains(vectors_error("1,5;2,5\n"), "decimal commas"));
    CHECK(contains(vectors_error("1\t2\n"), "separated by tabs"));
    CHECK(contains(vectors_error("1 2\n"), "separated by blanks"));
    CHECK(contains(vectors_error("1,\"2\"\n"), "in quotes"));
    CHECK(contains(vectors_error("1,2,\n"), "ends with a comma"));
    CHECK(contains(vectors_error("1,2\n1,2,\n"), "remove the comma at its end"));
    for (const char* missing : {"?,1\n", "NA,1\n", ",1\n", "nan,1\n", "null,1\n"})
        CHECK(contains(vectors_error(missing), "missing value"));
    CHECK(contains(vectors_error("1,2\r3,4\r"), "carriage returns alone"));
}

TEST_CASE("CSV vectors: UTF-16 is named, with a byte order mark and without, either way round") {
    using namespace std::string_view_literals;
    for (const std::string_view content : {"\xFF\xFE"
                                           "1\0,\0"
                                           "2\0\n\0"sv,
                                           "\xFE\xFF\0"
                                           "1\0,\0"
                                           "2\0\n"sv,
                                           "1\0,\0"
                                           "2\0\n\0"sv,
                                           "\0"
                                           "1\0,\0"
                                           "2\0\n"sv}) {
        const std::string message = vectors_error(content);
        CHECK(contains(message, "UTF-16"));
        CHECK(contains(message, "save it as UTF-8"));
    }
}

TEST_CASE("CSV vectors: a blank line among others") {
    CHECK(contains(vectors_error("1,2\n\n3,4\n"), "v.csv:2: is blank"));
}

TEST_CASE("CSV vectors: a truncated gzip") {
    const std::string packed = gzipped(csv_of(some_pixels(10000), 10));
    CHECK(contains(vectors_error(packed.substr(0, packed.size() / 2)), "truncated"));
}

TEST_CASE("CSV labels: one integer a line") {
    const TemporaryFolder folder;
    CHECK(read_csv_labels(folder.write("l.csv", "3\n0\r\n 9 \n1\n\n"), 10) ==
          std::vector<std::int32_t>{3, 0, 9, 1});
    CHECK(read_csv_labels(folder.write("l.csv", "3.0\n0.000e+00\n+9\n1.\n1e0\n"), 10) ==
          std::vector<std::int32_t>{3, 0, 9, 1, 1});
}

TEST_CASE("CSV labels: out of range, not an integer, blank, empty") {
    CHECK(contains(labels_error("1\n10\n"), "l.csv:2: label 10, expected 0 to 9"));
    CHECK(contains(labels_error("-1\n"), "l.csv:1: label -1, expected 0 to 9"));
    CHECK(contains(labels_error("99999999999999999999\n"),
                   "l.csv:1: label 99999999999999999999, expected 0 to 9"));
    CHECK(contains(labels_error("1\n26\n3\n", 26),
                   "labels run from 1 to 26: set data.classes = 27, or subtract 1"));
    CHECK(contains(labels_error("0\n12\n"), "labels run from 0 to 12: set data.classes = 13"));
    CHECK(contains(labels_error("-1\n1\n"), "labels run from -1 to 1: number the classes"));
    CHECK(contains(labels_error("0,1,0\n"), "one-hot"));
    CHECK(contains(labels_error("label\n1\n"), "set data.header = yes"));
    CHECK(contains(labels_error("3 1\n"), "several values"));
    CHECK(contains(labels_error("?\n"), "missing"));
    CHECK(contains(labels_error("1\n2.5\n"), "l.csv:2: '2.5', expected one integer"));
    CHECK(contains(labels_error("1,2\n"), "'1,2', expected one integer"));
    CHECK(contains(labels_error("one\n"), "'one', expected one integer"));
    CHECK(contains(labels_error("1\n\n2\n"), "l.csv:2: is blank"));
    CHECK(contains(labels_error(""), "l.csv:1: the file is empty"));
}

TEST_CASE("csv source: the four files are found by their endings") {
    const TemporaryFolder folder;
    const DataSets sets = open_data(small_csv(folder));
    CHECK(sets.train->size() == 3);
    CHECK(sets.test->size() == 2);
    CHECK(sets.train->classes() == 3);
    CHECK(sets.test->classes() == 3);
    CHECK(first_sample(*sets.train) == Floats{0.0F, 255.0F * (1.0F / 255.0F)});
}

TEST_CASE("csv source: the same content as IDX gives the same digest, and one changed pixel another") {
    const TemporaryFolder csv;
    const TemporaryFolder idx;
    std::string pixels = some_pixels(480);
    std::string labels;
    std::string label_lines;
    for (int i = 0; i < 40; ++i) {
        labels += static_cast<char>(i % 10);
        label_lines += std::to_string(i % 10) + "\n";
    }
    for (const char* prefix : {"train", "t10k"}) {
        idx.write(std::string(prefix) + "-images-idx3-ubyte", idx_images(40, 3, 4, pixels));
        idx.write(std::string(prefix) + "-labels-idx1-ubyte", idx_labels(40, labels));
    }
    csv.write("m_train_labels.csv", label_lines);
    csv.write("m_test_labels.csv", label_lines);
    csv.write("m_train_vectors.csv", csv_of(pixels, 12));
    pixels[477] = static_cast<char>(pixels[477] ^ 1);
    csv.write("m_test_vectors.csv", csv_of(pixels, 12));
    DataOptions options;
    options.source = "mnist";
    options.dir = idx.path();
    const DataSets from_idx = open_data(options);
    options.source = "csv";
    options.dir = csv.path();
    const DataSets from_csv = open_data(options);
    CHECK(from_csv.train->digest() == from_idx.train->digest());
    CHECK(from_csv.test->digest() != from_idx.test->digest());
}

TEST_CASE("csv source: without test labels the test set has no targets, but inputs and classes") {
    const TemporaryFolder folder;
    const DataOptions options = small_csv(folder);
    std::filesystem::remove(folder.path() / "a_test_labels.csv");
    const DataSets sets = open_data(options);
    CHECK(sets.train->has_targets());
    CHECK_FALSE(sets.test->has_targets());
    CHECK(sets.test->classes() == 3);
    CHECK(contains(sets.test->description(), "2 samples without labels"));
    CHECK(first_sample(*sets.test) == Floats{5.0F * (1.0F / 255.0F), 6.0F * (1.0F / 255.0F)});
    std::vector<std::int32_t> labels(1);
    Floats x(2);
    const std::vector<std::uint64_t> indices = {0};
    const std::string message = error_of([&] {
        sets.test->read(indices, Matrix(x.data(), 1, 2), {labels, {}});
    });
    CHECK(contains(message, "data.test_labels"));
}

TEST_CASE("csv source: several candidates are listed, and a key picks one") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    folder.write("b_train_labels.csv", "0\n0\n4\n");
    const std::string message = error_of([&] { open_data(options); });
    CHECK(contains(message, "a_train_labels.csv, b_train_labels.csv"));
    CHECK(contains(message, "data.train_labels"));
    options.train_labels = "b_train_labels.csv";
    CHECK(open_data(options).train->classes() == 5);
}

TEST_CASE("csv source: a missing file, a missing folder, no folder") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    std::filesystem::remove(folder.path() / "a_test_vectors.csv");
    CHECK(contains(error_of([&] { open_data(options); }), "holds no *_test_vectors.csv"));
    options.test_vectors = "none.csv";
    CHECK(contains(error_of([&] { open_data(options); }), "none.csv: no such file"));
    options.dir = folder.path() / "nowhere";
    CHECK(contains(error_of([&] { open_data(options); }), "nowhere: cannot be searched"));
    options.dir.clear();
    CHECK(contains(error_of<ConfigError>([&] { open_data(options); }), "data.dir"));
}

TEST_CASE("csv source: files that do not fit each other") {
    const TemporaryFolder folder;
    const DataOptions options = small_csv(folder);
    folder.write("a_train_labels.csv", "1\n0\n");
    CHECK(contains(error_of([&] { open_data(options); }), "a_train_labels.csv: 2 labels, expected 3"));
    folder.write("a_train_labels.csv", "1\n0\n2\n");
    folder.write("a_test_labels.csv", "2\n3\n");
    CHECK(contains(error_of([&] { open_data(options); }), "a_test_labels.csv:2: label 3, expected 0 to 2"));
    folder.write("a_test_labels.csv", "2\n");
    CHECK(contains(error_of([&] { open_data(options); }), "a_test_labels.csv: 1 labels, expected 2"));
    folder.write("a_test_labels.csv", "2\n1\n");
    folder.write("a_test_vectors.csv", "5,6,7\n7,8,9\n");
    CHECK(contains(error_of([&] { open_data(options); }), "a_test_vectors.csv:1: 3 values, expected 2"));
}

TEST_CASE("csv source: labels are bounded by data.classes, and by a bound against nonsense without it") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    folder.write("a_train_labels.csv", "1\n0\n123456\n");
    CHECK(contains(error_of([&] { open_data(options); }),
                   "a_train_labels.csv:3: label 123456, expected 0 to 65535"));
    options.classes = 2;
    CHECK(contains(error_of([&] { open_data(options); }), "expected 0 to 1"));
}

TEST_CASE("csv source: both sets are divided by what the training set says, or by data.scale") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    folder.write("a_test_vectors.csv", "5,6.5\n7,8\n");
    CHECK(first_sample(*open_data(options).train) == Floats{0, 255.0F * (1.0F / 255.0F)});
    CHECK(first_sample(*open_data(options).test) == Floats{5.0F * (1.0F / 255.0F), 6.5F * (1.0F / 255.0F)});
    options.scale = parse_input_scale("none").value();
    CHECK(first_sample(*open_data(options).train) == Floats{0, 255});
    CHECK(first_sample(*open_data(options).test) == Floats{5, 6.5F});
    options.scale = parse_input_scale("16").value();
    CHECK(first_sample(*open_data(options).train) == Floats{0, 255.0F * (1.0F / 16.0F)});
    options.scale = {};
    folder.write("a_train_vectors.csv", "0,256\n1,2\n3,4\n");
    folder.write("a_test_vectors.csv", "5,6\n7,8\n");
    CHECK(first_sample(*open_data(options).test) == Floats{5, 6});
    folder.write("a_train_vectors.csv", "0,1\n1,0\n1,1\n");
    CHECK(first_sample(*open_data(options).train) == Floats{0, 1});
    for (const char* text : {"", "0", "-1", "off", "1e-50"}) CHECK_FALSE(parse_input_scale(text));
}

TEST_CASE(
    "csv source: a view with another divisor has other inputs and the same labels, through splits too") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    options.split = parse_split("40/60").value();
    const DataSets sets = open_data(options);
    for (const auto& set : {sets.train, sets.validation, sets.test}) {
        CHECK(set->input_divisor() == 255.0F);
        const auto plain = set->divided_by(1.0F);
        CHECK(plain->input_divisor() == 1.0F);
        CHECK(plain->digest() != set->digest());
        const Floats raw = first_sample(*plain);
        const Floats scaled = first_sample(*set);
        for (std::size_t c = 0; c < raw.size(); ++c) CHECK(raw[c] * (1.0F / 255.0F) == scaled[c]);
    }
}

TEST_CASE("csv source: remarks on inputs that count, that are the class, that all but few are bytes") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    options.classes = 3;
    const auto remarks = [&](const std::string& vectors, const std::string& labels) {
        folder.write("a_train_vectors.csv", vectors);
        folder.write("a_train_labels.csv", labels);
        std::string all;
        for (const std::string& remark : open_data(options).remarks) all += remark + "\n";
        return all;
    };
    CHECK(contains(remarks("0,9\n1,9\n2,8\n3,9\n4,9\n", "0\n2\n1\n0\n1\n"), "counts the samples (0, 1, 2"));
    CHECK(contains(remarks("1,9.5\n2,9\n3,8\n4,9\n5,9\n", "0\n2\n1\n0\n1\n"), "counts the samples (1, 2, 3"));
    CHECK(remarks("0,9\n1,9\n2,8\n3,9\n5,9\n", "0\n2\n1\n0\n1\n") == "");
    CHECK(remarks("1,9\n2,8\n", "0\n1\n") == "");
    CHECK(contains(remarks("9,0\n9,2\n8,1\n9,0\n", "0\n2\n1\n0\n"), "input 2 of every sample is its class"));
    CHECK(remarks("9,0\n9,2\n8,1\n9,1\n", "0\n2\n1\n0\n") == "");
    std::string many;
    std::string classes;
    for (int i = 0; i < 100; ++i)
        many += i == 50 ? "7.5,3\n" : "7,200\n", classes += i % 2 == 0 ? "0\n" : "1\n";
    CHECK(contains(remarks(many, classes), "of 200 training inputs all but 1 are bytes"));
}

TEST_CASE("csv source: train_samples and test_samples keep the first ones") {
    const TemporaryFolder folder;
    DataOptions options = small_csv(folder);
    options.train_samples = 2;
    options.test_samples = 1;
    const DataSets sets = open_data(options);
    CHECK(sets.train->size() == 2);
    CHECK(sets.test->size() == 1);
    CHECK(sets.test->has_targets());
}
