// How far the elementary functions are from the true values, in units in the last place.
#include "core/arithmetic/elementwise.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

/// Floats from one tested value to the next. LOCKSTEP_ACCURACY_STRIDE=1 tests them all, in about half an
/// hour; the table in core/README.md was made that way.
std::uint64_t stride() {
    const char* given = std::getenv("LOCKSTEP_ACCURACY_STRIDE");
    return given != nullptr ? std::stoull(given) : 4099;
}

struct Worst {
    double ulp = 0.0;
    float at = 0.0F;
};

/// The largest error over all x whose true value is a normal float; true values below are flushed to zero by
/// the contract, and infinities are checked elsewhere. The truth is computed in double: its own error, of
/// about 2^-52, is 2^-29 units of a float's last place.
template <class Values, class Truth>
Worst worst_error(Values values, Truth truth) {
    const ContractFloatMode mode;
    constexpr std::uint64_t kExponentBits = 0x7FF0000000000000;
    constexpr std::size_t kBlock = std::size_t{1} << 14;
    std::vector<float> x(kBlock);
    std::vector<float> y(kBlock);
    Worst worst;
    const std::uint64_t step = stride();
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32);) {
        for (float& value : x) {
            value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
            bits += step;
        }
        values(x, y);
        for (std::size_t i = 0; i < kBlock; ++i) {
            if (!std::isnormal(x[i])) continue;
            const double exact = truth(static_cast<double>(x[i]));
            const double size = std::fabs(exact);
            if (!(size >= static_cast<double>(kSmallest) && size <= static_cast<double>(kLargest))) continue;
            const double last_place =
                std::bit_cast<double>((std::bit_cast<std::uint64_t>(size) & kExponentBits)) * 0x1p-23;
            const double error = std::fabs((static_cast<double>(y[i]) - exact) / last_place);
            if (!(error <= worst.ulp)) worst = {error, x[i]};
        }
    }
    return worst;
}

void check(const std::string& what, Worst worst, double bound) {
    INFO(what, ": ", worst.ulp, " ulp at x = ", worst.at);
    fmt::print("accuracy: {}: {:.4f} ulp at {:a}\n", what, worst.ulp, worst.at);
    CHECK(worst.ulp <= bound);
}

}  // namespace

// The bounds are the largest errors over all floats, rounded up: core/README.md.
TEST_CASE("exp, log, tanh, sigmoid: within their documented errors, over a stride of all floats") {
    check("exp", worst_error(exp_values, [](double x) { return std::exp(x); }), 1.02);
    check("log", worst_error(log_values, [](double x) { return std::log(x); }), 0.83);
    check("tanh", worst_error(tanh_values, [](double x) { return std::tanh(x); }), 1.34);
    check("sigmoid", worst_error(sigmoid_values, [](double x) { return 1.0 / (1.0 + std::exp(-x)); }), 2.49);
}

TEST_CASE("accuracy: the check rejects one polynomial coefficient's worth of error") {
    const Worst worst = worst_error(
        [](std::span<const float> x, std::span<float> y) {
            exp_values(x, y);
            for (float& value : y) value *= 1.0F + 0x1p-21F;
        },
        [](double x) { return std::exp(x); });
    CHECK(worst.ulp > 1.5);
}

}  // namespace lockstep::test
