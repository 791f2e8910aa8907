#include "core/arithmetic/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "core/base/error.h"

namespace lockstep {

namespace {

/// A tridiagonal matrix T and an orthogonal Q with Q T Qᵀ = A.
struct Tridiagonal {
    std::vector<double> diagonal;  // (n)
    std::vector<double> beside;    // (n): between i and i + 1; the last is 0
    std::vector<double> q;         // (n, n), by columns: "row" i is Q's column i
};

/// A symmetric matrix by rows; both triangles are kept.
class Square {
  public:
    Square(std::vector<double>& values, std::size_t n) : values_(values), n_(n) {}
    [[nodiscard]] std::span<double> row(std::size_t i) const {
        return std::span(values_).subspan(i * n_, n_);
    }

  private:
    std::vector<double>& values_;
    std::size_t n_;
};

/// into += factor · from, from index `first` on.
void add_multiple(std::span<double> into, double factor, std::span<const double> from, std::size_t first) {
    for (std::size_t i = first; i < into.size(); ++i) into[i] = into[i] + factor * from[i];
}

double dot(std::span<const double> a, std::span<const double> b, std::size_t first) {
    double sum = 0.0;
    for (std::size_t i = first; i < a.size(); ++i) sum = sum + a[i] * b[i];
    return sum;
}

/// H = I − v vᵀ · 2 / vᵀv.
struct Reflection {
    std::vector<double> v;  // (n)
    double factor = 0.0;    // 2 / vᵀv; 0 where there is nothing to reflect
};

/// The one that leaves of `column`, from index `first` on, its first element alone. Returns that element in
/// `left`.
Reflection reflect(std::span<const double> column, std::size_t first, double& left) {
    Reflection reflection{std::vector<double>(column.size()), 0.0};
    double largest = 0.0;
    for (std::size_t i = first; i < column.size(); ++i) largest = std::max(largest, std::fabs(column[i]));
    left = column[first];
    const bool done = std::all_of(column.begin() + static_cast<std::ptrdiff_t>(first) + 1, column.end(),
                                  [](double value) { return value == 0.0; });
    if (done) return reflection;
    // Scaled, so that no square overflows or vanishes.
    for (std::size_t i = first; i < column.size(); ++i) reflection.v[i] = column[i] / largest;
    const double norm = std::sqrt(dot(reflection.v, reflection.v, first));
    const double image = reflection.v[first] > 0.0 ? -norm : norm;
    reflection.v[first] -= image;
    reflection.factor = 2.0 / dot(reflection.v, reflection.v, first);
    left = image * largest;
    return reflection;
}

/// H A H for the part from `first` on, as a rank-2 update.
void apply_both_sides(const Square& a, const Reflection& h, std::size_t first, std::size_t n) {
    std::vector<double> w(n);
    for (std::size_t j = first; j < n; ++j) add_multiple(w, h.factor * h.v[j], a.row(j), first);
    const double half = 0.5 * h.factor * dot(w, h.v, first);
    add_multiple(w, -half, h.v, first);
    for (std::size_t i = first; i < n; ++i) {
        add_multiple(a.row(i), -h.v[i], w, first);
        add_multiple(a.row(i), -w[i], h.v, first);
    }
}

Tridiagonal tridiagonal(std::vector<double> matrix, std::size_t n) {
    const Square a(matrix, n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i + 1; j < n; ++j) a.row(i)[j] = a.row(j)[i];
    }
    Tridiagonal t{std::vector<double>(n), std::vector<double>(n), std::vector<double>(n * n)};
    std::vector<Reflection> reflections;
    for (std::size_t k = 0; k + 2 < n; ++k) {
        // Row k is column k.
        reflections.push_back(reflect(a.row(k), k + 1, t.beside[k]));
        if (reflections.back().factor != 0.0) apply_both_sides(a, reflections.back(), k + 1, n);
    }
    for (std::size_t i = 0; i < n; ++i) t.diagonal[i] = a.row(i)[i];
    if (n > 1) t.beside[n - 2] = a.row(n - 2)[n - 1];

    // Q = H_0 H_1 …; its columns from k + 1 on are those that H_k changes.
    const Square q(t.q, n);
    for (std::size_t i = 0; i < n; ++i) q.row(i)[i] = 1.0;
    for (std::size_t k = reflections.size(); k-- > 0;) {
        const Reflection& h = reflections[k];
        if (h.factor == 0.0) continue;
        for (std::size_t column = k + 1; column < n; ++column) {
            add_multiple(q.row(column), -h.factor * dot(q.row(column), h.v, k + 1), h.v, k + 1);
        }
    }
    return t;
}

/// √(a² + b²) without overflow.
double hypotenuse(double a, double b) {
    const double large = std::max(std::fabs(a), std::fabs(b));
    if (large == 0.0) return 0.0;
    const double x = a / large;
    const double y = b / large;
    return large * std::sqrt(x * x + y * y);
}

/// (p, q) = (c p + s q, c q − s p): the eigenvectors follow a plane rotation.
void rotate(std::span<double> p, std::span<double> q, double c, double s) {
    for (std::size_t i = 0; i < p.size(); ++i) {
        const double old = p[i];
        p[i] = c * old + s * q[i];
        q[i] = c * q[i] - s * old;
    }
}

/// One QR step on the unreduced block [begin, end]: rotations in the planes (k, k + 1) chase the bulge that
/// the first one makes, down the diagonal.
void qr_step(Tridiagonal& t, std::size_t begin, std::size_t end, std::size_t n) {
    std::vector<double>& d = t.diagonal;
    std::vector<double>& e = t.beside;
    const Square q(t.q, n);
    // Wilkinson's shift: the eigenvalue of the last 2 x 2 block that is nearer to its last element.
    const double half = (d[end - 1] - d[end]) / 2.0;
    const double root = hypotenuse(half, e[end - 1]);
    const double shift = d[end] - e[end - 1] * (e[end - 1] / (half + (half < 0.0 ? -root : root)));
    double x = d[begin] - shift;
    double bulge = e[begin];
    for (std::size_t k = begin; k < end; ++k) {
        const double r = hypotenuse(x, bulge);
        const double c = r == 0.0 ? 1.0 : x / r;
        const double s = r == 0.0 ? 0.0 : bulge / r;
        if (k > begin) e[k - 1] = r;
        const double upper = d[k];
        const double lower = d[k + 1];
        const double side = e[k];
        const double change = s * (s * (lower - upper) + 2.0 * c * side);
        d[k] = upper + change;
        d[k + 1] = lower - change;
        e[k] = (c * c - s * s) * side + c * s * (lower - upper);
        x = e[k];
        if (k + 1 < end) {
            bulge = s * e[k + 1];
            e[k + 1] = c * e[k + 1];
        }
        rotate(q.row(k), q.row(k + 1), c, s);
    }
}

void diagonalise(Tridiagonal& t, std::size_t n) {
    constexpr std::size_t kMostSteps = 60;  // of one eigenvalue, which takes two or three
    std::vector<double>& d = t.diagonal;
    std::vector<double>& e = t.beside;
    const auto negligible = [&](std::size_t i) {
        return std::fabs(e[i]) <=
                   std::numeric_limits<double>::epsilon() * (std::fabs(d[i]) + std::fabs(d[i + 1])) ||
               std::fabs(e[i]) < std::numeric_limits<double>::min();
    };
    std::size_t steps = 0;
    for (std::size_t end = n; end-- > 1;) {
        for (steps = 0; !negligible(end - 1); ++steps) {
            if (steps == kMostSteps)
                throw Error(ExitCode::kInternal, "symmetric_eigen: an eigenvalue does not converge");
            std::size_t begin = end - 1;
            while (begin > 0 && !negligible(begin - 1)) --begin;
            qr_step(t, begin, end, n);
        }
        e[end - 1] = 0.0;
    }
}

}  // namespace

SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t n) {
    Tridiagonal t = tridiagonal(std::move(matrix), n);
    diagonalise(t, n);
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order,
                             [&](std::size_t a, std::size_t b) { return t.diagonal[a] > t.diagonal[b]; });
    SymmetricEigen eigen;
    for (const std::size_t i : order) {
        eigen.values.push_back(t.diagonal[i]);
        const auto vector = std::span(t.q).subspan(i * n, n);
        const auto largest =
            std::ranges::max_element(vector, {}, [](double value) { return std::fabs(value); });
        const bool turn = largest != vector.end() && *largest < 0.0;
        for (const double value : vector) eigen.vectors.push_back(turn ? -value : value);
    }
    return eigen;
}

}  // namespace lockstep
