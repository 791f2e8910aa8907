// Eigenvalues and eigenvectors of a symmetric matrix, with the same bits everywhere.
//
// Householder reflections make the matrix tridiagonal, QR steps with Wilkinson's shift make it diagonal
// (Golub, Van Loan, Matrix Computations, 4th ed., 8.3). All of it in double on one thread, by + - * / and
// square roots in one order, which IEEE 754 rounds alike on every CPU.
#pragma once

#include <cstddef>
#include <vector>

namespace lockstep {

struct SymmetricEigen {
    std::vector<double> values;   ///< (n), descending; of equal ones in the order in which they were found
    std::vector<double> vectors;  ///< (n, n): row i is the unit eigenvector of values[i], whose component of
                                  ///< largest magnitude, the first of equals, is positive
};

/// Of `matrix` (n, n), row-major, of which the lower triangle is read. Requires finite values. Cost: about 7
/// n³ operations; a second or two for n = 784. Throws Error where a value does not converge, which no finite
/// matrix is known to do.
SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t n);

}  // namespace lockstep
