#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/arithmetic/symmetric_eigen.h"
#include "core/base/philox.h"

namespace lockstep {
namespace {

std::vector<double> random_symmetric(std::size_t n, std::uint64_t seed) {
    const RandomStream random(seed, RandomPurpose::kSyntheticData);
    std::vector<double> a(n * n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            a[i * n + j] = a[j * n + i] = static_cast<double>(random.block(i * n + j)[0]) / 0x1p32 - 0.5;
        }
    }
    return a;
}

/// Largest |A v − λ v| and |VVᵀ − I| over all eigenvectors.
double worst_residual(const std::vector<double>& a, const SymmetricEigen& eigen, std::size_t n) {
    double worst = 0.0;
    for (std::size_t k = 0; k < n; ++k) {
        const double* v = &eigen.vectors[k * n];
        for (std::size_t i = 0; i < n; ++i) {
            double sum = 0.0;
            for (std::size_t j = 0; j < n; ++j) sum += a[i * n + j] * v[j];
            worst = std::max(worst, std::fabs(sum - eigen.values[k] * v[i]));
        }
        for (std::size_t other = 0; other < n; ++other) {
            double product = 0.0;
            for (std::size_t j = 0; j < n; ++j) product += v[j] * eigen.vectors[other * n + j];
            worst = std::max(worst, std::fabs(product - (other == k ? 1.0 : 0.0)));
        }
    }
    return worst;
}

TEST_CASE("symmetric_eigen: a matrix whose eigenvalues are known") {
    // Second differences: 2 − 2 cos(kπ / (n + 1)).
    constexpr std::size_t kN = 30;
    std::vector<double> a(kN * kN);
    for (std::size_t i = 0; i < kN; ++i) {
        a[i * kN + i] = 2.0;
        if (i > 0) a[i * kN + i - 1] = a[(i - 1) * kN + i] = -1.0;
    }
    const SymmetricEigen eigen = symmetric_eigen(a, kN);
    for (std::size_t k = 0; k < kN; ++k) {
        const double known =
            2.0 - 2.0 * std::cos(static_cast<double>(kN - k) * 3.141592653589793 / (kN + 1.0));
        CHECK(eigen.values[k] == doctest::Approx(known).epsilon(1e-13));
    }
    CHECK(worst_residual(a, eigen, kN) < 1e-13);
}

TEST_CASE("symmetric_eigen: random matrices of many sizes, descending values, signs fixed") {
    for (const std::size_t n : {1U, 2U, 3U, 4U, 7U, 33U, 100U}) {
        CAPTURE(n);
        const std::vector<double> a = random_symmetric(n, n);
        const SymmetricEigen eigen = symmetric_eigen(a, n);
        REQUIRE(eigen.values.size() == n);
        CHECK(worst_residual(a, eigen, n) < 1e-13 * static_cast<double>(n));
        for (std::size_t k = 0; k < n; ++k) {
            if (k > 0) CHECK(eigen.values[k - 1] >= eigen.values[k]);
            double largest = 0.0;
            for (std::size_t j = 0; j < n; ++j) {
                if (std::fabs(eigen.vectors[k * n + j]) > std::fabs(largest))
                    largest = eigen.vectors[k * n + j];
            }
            CHECK(largest > 0.0);
        }
    }
}

TEST_CASE("symmetric_eigen: equal values, zeros, a diagonal, and values far apart") {
    const SymmetricEigen ones = symmetric_eigen({1, 0, 0, 0, 1, 0, 0, 0, 1}, 3);
    CHECK(ones.values == std::vector<double>{1, 1, 1});
    CHECK(symmetric_eigen(std::vector<double>(16), 4).values == std::vector<double>(4));
    const SymmetricEigen diagonal = symmetric_eigen({1, 0, 0, 0, 3, 0, 0, 0, 2}, 3);
    CHECK(diagonal.values == std::vector<double>{3, 2, 1});
    CHECK(diagonal.vectors == std::vector<double>{0, 1, 0, 0, 0, 1, 1, 0, 0});
    // A covariance of rank 1 scaled to both ends of double's range.
    for (const double scale : {1e-150, 1.0, 1e150}) {
        std::vector<double> a(25);
        for (std::size_t i = 0; i < 5; ++i) {
            for (std::size_t j = 0; j < 5; ++j) a[i * 5 + j] = scale * static_cast<double>((i + 1) * (j + 1));
        }
        const SymmetricEigen eigen = symmetric_eigen(a, 5);
        CHECK(eigen.values[0] / scale == doctest::Approx(55.0));
        CHECK(std::fabs(eigen.values[1]) < 1e-13 * eigen.values[0]);
    }
}

}  // namespace
}  // namespace lockstep
