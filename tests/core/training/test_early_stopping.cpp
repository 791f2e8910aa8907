#include "core/training/early_stopping.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace lockstep {
namespace {

TEST_CASE("early stopping: so many checks without a new best, counted anew after each") {
    EarlyStopping stopping(3);
    const std::vector<double> losses{1.0, 0.5, 0.6, 0.5, 0.4, 0.4, NAN, 0.7};
    const std::vector<bool> best{true, true, false, false, true, false, false, false};
    for (std::size_t check = 0; check < losses.size(); ++check) {
        CAPTURE(check);
        CHECK_FALSE(stopping.over());
        CHECK(stopping.improves(losses[check]) == best[check]);
    }
    CHECK(stopping.over());
}

TEST_CASE("early stopping: without patience it only tells which check was the best") {
    EarlyStopping stopping(0);
    CHECK(stopping.improves(1.0));
    for (int check = 0; check < 100; ++check) CHECK_FALSE(stopping.improves(1.0));
    CHECK_FALSE(stopping.over());
}

TEST_CASE("gradient stopping: so many small norms in a row, counted anew after each that is not") {
    GradientStopping stopping(0.5, 3);
    for (const double norm : std::vector<double>{0.5, 0.1, 0.6, 0.1, NAN, 0.2, 0.3}) {
        stopping.take(norm);
        CHECK_FALSE(stopping.over());
    }
    stopping.take(0.5);
    CHECK(stopping.over());
    GradientStopping never(0.0, 1);
    never.take(0.0);
    CHECK_FALSE(never.over());
}

}  // namespace
}  // namespace lockstep
