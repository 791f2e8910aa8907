// The elementary functions in double against libm's in long double, whose error is far below a double's.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/arithmetic/double_functions.h"

using namespace lockstep;

namespace {

/// The largest error over a fine grid, in units in the last place of the result.
template <class Function, class Reference>
double largest_error(double from, double to, Function function, Reference reference) {
    constexpr int kPoints = 200000;
    double largest = 0.0;
    for (int i = 0; i <= kPoints; ++i) {
        const double x = from + (to - from) * static_cast<double>(i) / kPoints;
        const long double exact = reference(static_cast<long double>(x));
        const auto rounded = static_cast<double>(exact);
        const double unit = std::nextafter(std::fabs(rounded), INFINITY) - std::fabs(rounded);
        const double error =
            static_cast<double>(std::fabs(static_cast<long double>(function(x)) - exact)) / unit;
        largest = std::max(largest, error);
    }
    return largest;
}

}  // namespace

TEST_CASE(
    "double functions: within their stated units in the last place, and a small fault is more than that") {
    const auto exact_exp = [](long double x) { return std::exp(x); };
    CHECK(largest_error(-700.0, 709.0, in_double::exp, exact_exp) < 2.0);
    CHECK(largest_error(-1.0, 1.0, in_double::exp, exact_exp) < 2.0);
    const auto exact_sigmoid = [](long double x) { return 1.0L / (1.0L + std::exp(-x)); };
    CHECK(largest_error(-700.0, 40.0, in_double::sigmoid, exact_sigmoid) < 3.0);
    CHECK(largest_error(-3.0, 3.0, in_double::sigmoid, exact_sigmoid) < 3.0);
    const auto exact_tanh = [](long double x) { return std::tanh(x); };
    CHECK(largest_error(-20.0, 20.0, in_double::tanh, exact_tanh) < 2.0);
    CHECK(largest_error(-0.7, 0.7, in_double::tanh, exact_tanh) < 2.0);
    const auto faulty = [](double x) { return in_double::exp(x) * (1.0 + 0x1p-50); };
    CHECK(largest_error(-1.0, 1.0, faulty, exact_exp) > 2.0);
}

TEST_CASE("double functions: their ends, and a NaN stays one") {
    CHECK(in_double::exp(0.0) == 1.0);
    CHECK(in_double::exp(-1e300) == 0.0);
    CHECK(std::isinf(in_double::exp(1e300)));
    CHECK(in_double::sigmoid(0.0) == 0.5);
    CHECK(in_double::sigmoid(-1e300) == 0.0);
    CHECK(in_double::sigmoid(1e300) == 1.0);
    CHECK(in_double::tanh(1e300) == 1.0);
    CHECK(in_double::tanh(-1e300) == -1.0);
    CHECK(in_double::tanh(0.0) == 0.0);
    CHECK(std::signbit(in_double::tanh(-0.0)));
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(in_double::exp(nan)));
    CHECK(std::isnan(in_double::sigmoid(nan)));
    CHECK(std::isnan(in_double::tanh(nan)));
}

TEST_CASE("double functions: their bits are the same on every machine") {
    CHECK(in_double::exp(1.0) == 0x1.5bf0a8b14576ap+1);
    CHECK(in_double::exp(-3.7) == 0x1.9511fc6871044p-6);
    CHECK(in_double::sigmoid(0.3) == 0x1.261d545e46a8bp-1);
    CHECK(in_double::tanh(0.3) == 0x1.2a4dda7d914fap-2);
    CHECK(in_double::tanh(1.3) == 0x1.b933c726e9b3ap-1);
}
