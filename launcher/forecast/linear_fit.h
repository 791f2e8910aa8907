// Fits times that are sums of costs: how long each cost is, from measurements that have other numbers of
// them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lockstep {

/// A number found by a fit, and its standard error.
struct Figure {
    double value = 0.0;
    double error = 0.0;
};

/// One measurement: how many there were of each cost, and the seconds of them all together.
struct Observation {
    std::vector<double> counts;
    double seconds = 0.0;
};

/// What is found of them.
struct LinearFit {
    std::vector<Figure> costs;  ///< seconds of each; 0 for those that the measurements do not show
    /// Root mean square, relative to what was measured, of how far off each measurement would be if the costs
    /// were found from all others.
    double relative_error = 0.0;

    [[nodiscard]] double seconds(std::span<const double> counts) const;
    void scale(double factor) {
        for (Figure& cost : costs) cost.value *= factor;
    }
};

/// The costs, none negative, of least squares of relative errors: a measurement of a microsecond counts as
/// much as one of a second. Every choice of costs that may be other than 0 is tried, so there should be few.
/// Requires at least one observation, the same number of counts in each, and seconds above 0.
LinearFit fit_costs(std::span<const Observation> observations);

}  // namespace lockstep
