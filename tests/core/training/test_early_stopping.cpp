#include "core/training/early_stopping.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace lockstep {
namespace {

TEST_CASE("early stopping: so many checks without a new best, counted anew after each") {
    const EarlyStopping stopping(3);
    EarlyStopping::State state;
    const std::vector<double> losses{1.0, 0.5, 0.6, 0.5, 0.4, 0.4, NAN, 0.7};
    const std::vector<bool> best{true, true, false, false, true, false, false, false};
    for (std::size_t check = 0; check < losses.size(); ++check) {
        CAPTURE(check);
        CHECK_FALSE(stopping.over(state));
        CHECK(EarlyStopping::improves(state, losses[check]) == best[check]);
    }
    CHECK(stopping.over(state));
}

TEST_CASE("early stopping: without patience it only tells which check was the best") {
    const EarlyStopping stopping(0);
    EarlyStopping::State state;
    CHECK(EarlyStopping::improves(state, 1.0));
    for (int check = 0; check < 100; ++check) CHECK_FALSE(EarlyStopping::improves(state, 1.0));
    CHECK_FALSE(stopping.over(state));
}

TEST_CASE("gradient stopping: so many small norms in a row, counted anew after each that is not") {
    const GradientStopping stopping(0.5, 3);
    GradientStopping::State state;
    for (const double norm : std::vector<double>{0.5, 0.1, 0.6, 0.1, NAN, 0.2, 0.3}) {
        stopping.take(state, norm);
        CHECK_FALSE(stopping.over(state));
    }
    stopping.take(state, 0.5);
    CHECK(stopping.over(state));
    const GradientStopping never(0.0, 1);
    state = {};
    never.take(state, 0.0);
    CHECK_FALSE(never.over(state));
}

}  // namespace
}  // namespace lockstep
