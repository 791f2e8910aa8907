// Numbers as they are read everywhere: options, tables, weights, digraphs, data.
#include "core/base/number.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

#include "core/data/files/number_line.h"
#include "tests/core/data/files/data_files.h"

using namespace lockstep;
using namespace lockstep::test;

TEST_CASE("numbers: those too small for the type are 0, those too large are called so") {
    CHECK(read_number<float>("1e-60").value == 0.0F);
    CHECK(read_number<float>("1e-60").fault == NumberFault::kNone);
    CHECK(parse_number<float>("-5.47382e-400") == 0.0F);
    CHECK(parse_number<float>("1e-99999999999999999999") == 0.0F);
    CHECK(parse_number<float>("1e-45") == std::numeric_limits<float>::denorm_min());
    CHECK(parse_number<double>("1e-60") == 1e-60);
    CHECK(parse_number<double>("1e-400") == 0.0);
    CHECK(read_number<float>("1e39").fault == NumberFault::kTooLarge);
    CHECK(read_number<float>("-1e99999999999999999999").fault == NumberFault::kTooLarge);
    CHECK(read_number<double>("1e39").fault == NumberFault::kNone);
    CHECK(read_number<std::uint8_t>("256").fault == NumberFault::kTooLarge);
    CHECK(read_number<float>("inf").fault == NumberFault::kNotFinite);
    CHECK(read_number<float>("nan").fault == NumberFault::kNotFinite);
}

TEST_CASE("numbers: a leading plus, bare points and a large E are read; two signs and what follows are not") {
    CHECK(parse_number<float>("+7") == 7.0F);
    CHECK(parse_number<float>("+.5") == 0.5F);
    CHECK(parse_number<float>("5.") == 5.0F);
    CHECK(parse_number<float>("1E2") == 100.0F);
    CHECK(parse_number<std::size_t>("+12") == 12);
    for (const char* text :
         {"", "+", "-", ".", "++1", "+-1", "-+1", "1x", " 1", "1 ", "0x10", "1,5", "+inf"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_number<float>(text));
    }
}

TEST_CASE("numbers of a line: what is none is shown with what it looks like") {
    CHECK(read_numbers("+1 .5 1e-60", "t:1") == std::vector<float>{1.0F, 0.5F, 0.0F});
    CHECK(
        contains(error_of([] { read_numbers("1 0,5", "t:1"); }),
                 "t:1: '0,5' is no number; numbers are separated by blanks here, and have a decimal point"));
    CHECK(contains(error_of([] { read_numbers("1e39", "t:1"); }), "too large"));
    CHECK(contains(error_of([] { read_numbers("?", "t:1"); }), "missing value"));
}
