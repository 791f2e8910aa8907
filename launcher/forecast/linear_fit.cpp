// Normal equations for every subset of the costs; there are a handful of these.
#include "launcher/forecast/linear_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace lockstep {

namespace {

using Rows = std::vector<std::vector<double>>;

/// The inverse of a symmetric positive matrix by elimination with pivots; nothing where it is too near to
/// none.
std::optional<Rows> inverse(Rows a) {
    constexpr double kLeastPivot = 1e-10;  // of columns of length 1
    const std::size_t n = a.size();
    Rows result(n, std::vector<double>(n, 0.0));
    for (std::size_t i = 0; i < n; ++i) result[i][i] = 1.0;
    for (std::size_t c = 0; c < n; ++c) {
        std::size_t pivot = c;
        for (std::size_t r = c + 1; r < n; ++r) {
            if (std::abs(a[r][c]) > std::abs(a[pivot][c])) pivot = r;
        }
        if (std::abs(a[pivot][c]) < kLeastPivot) return std::nullopt;
        std::swap(a[c], a[pivot]);
        std::swap(result[c], result[pivot]);
        const double scale = 1.0 / a[c][c];
        for (std::size_t j = 0; j < n; ++j) {
            a[c][j] *= scale;
            result[c][j] *= scale;
        }
        for (std::size_t r = 0; r < n; ++r) {
            const double factor = a[r][c];
            if (r == c || factor == 0.0) continue;
            for (std::size_t j = 0; j < n; ++j) {
                a[r][j] -= factor * a[c][j];
                result[r][j] -= factor * result[c][j];
            }
        }
    }
    return result;
}

/// The least squares of some of the costs: rows are divided by their seconds, so that all targets are 1.
struct Solution {
    std::vector<std::size_t> chosen;
    std::vector<double> values;
    Rows covariance;  // but for the residuals' variance
    std::vector<double> residuals;
    double squares = std::numeric_limits<double>::infinity();
};

std::optional<Solution> solve(const Rows& rows, const std::vector<double>& lengths,
                              std::vector<std::size_t> chosen) {
    const std::size_t n = chosen.size();
    Rows normal(n, std::vector<double>(n, 0.0));
    std::vector<double> right(n, 0.0);
    for (const std::vector<double>& row : rows) {
        for (std::size_t i = 0; i < n; ++i) {
            const double x = row[chosen[i]] / lengths[chosen[i]];
            right[i] += x;
            for (std::size_t j = 0; j < n; ++j) normal[i][j] += x * row[chosen[j]] / lengths[chosen[j]];
        }
    }
    const std::optional<Rows> inverted = inverse(normal);
    if (!inverted) return std::nullopt;
    Solution solution{std::move(chosen), std::vector<double>(n, 0.0), *inverted, {}, 0.0};
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            solution.values[i] += (*inverted)[i][j] * right[j];
            solution.covariance[i][j] /= lengths[solution.chosen[i]] * lengths[solution.chosen[j]];
        }
        solution.values[i] /= lengths[solution.chosen[i]];
        if (solution.values[i] < 0.0) return std::nullopt;
    }
    for (const std::vector<double>& row : rows) {
        double predicted = 0.0;
        for (std::size_t i = 0; i < n; ++i) predicted += row[solution.chosen[i]] * solution.values[i];
        solution.residuals.push_back(1.0 - predicted);
        solution.squares += solution.residuals.back() * solution.residuals.back();
    }
    return solution;
}

/// How much of a measurement its own fit follows: at 1 it would fit anything.
double leverage(const Solution& solution, const std::vector<double>& row) {
    double sum = 0.0;
    for (std::size_t i = 0; i < solution.chosen.size(); ++i) {
        for (std::size_t j = 0; j < solution.chosen.size(); ++j) {
            sum += row[solution.chosen[i]] * solution.covariance[i][j] * row[solution.chosen[j]];
        }
    }
    return sum;
}

}  // namespace

double LinearFit::seconds(std::span<const double> counts) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < counts.size(); ++i) sum += counts[i] * costs[i].value;
    return sum;
}

LinearFit fit_costs(std::span<const Observation> observations) {
    const std::size_t count = observations.front().counts.size();
    Rows rows;
    std::vector<double> lengths(count, 0.0);
    for (const Observation& observation : observations) {
        std::vector<double>& row = rows.emplace_back(observation.counts);
        for (std::size_t i = 0; i < count; ++i) {
            row[i] /= observation.seconds;
            lengths[i] += row[i] * row[i];
        }
    }
    for (double& length : lengths) length = std::sqrt(length);

    Solution best;
    for (std::size_t mask = 1; mask < std::size_t{1} << count; ++mask) {
        std::vector<std::size_t> chosen;
        bool possible = true;
        for (std::size_t i = 0; i < count; ++i) {
            if ((mask >> i & 1) == 0) continue;
            chosen.push_back(i);
            possible = possible && lengths[i] > 0.0;
        }
        if (!possible || chosen.size() > rows.size()) continue;
        if (auto solution = solve(rows, lengths, std::move(chosen))) {
            if (solution->squares < best.squares) best = std::move(*solution);
        }
    }

    LinearFit fit{std::vector<Figure>(count), 0.0};
    const auto freedom = static_cast<double>(std::max<std::size_t>(1, rows.size() - best.chosen.size()));
    for (std::size_t i = 0; i < best.chosen.size(); ++i) {
        fit.costs[best.chosen[i]] = {best.values[i],
                                     std::sqrt(best.covariance[i][i] * best.squares / freedom)};
    }
    // What a fit without this row would miss it by.
    constexpr double kLeastRest = 0.1;
    double squares = 0.0;
    for (std::size_t r = 0; r < best.residuals.size(); ++r) {
        const double missed = best.residuals[r] / std::max(kLeastRest, 1.0 - leverage(best, rows[r]));
        squares += missed * missed;
    }
    if (!rows.empty()) fit.relative_error = std::sqrt(squares / static_cast<double>(rows.size()));
    return fit;
}

}  // namespace lockstep
