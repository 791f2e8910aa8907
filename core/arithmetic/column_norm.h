// A bound on the norm of a neuron's incoming weights.
#pragma once

#include "core/base/matrix.h"

namespace lockstep {

/// Columns of w whose norm exceeds `limit` are scaled down to it: w = w · float(limit / norm), the norm being
/// √ of Σ w², in double, one chain over the rows, ascending, from +0. Source: Srivastava et al., JMLR 2014,
/// section 5.1. A norm that is not finite is left as it is. Requires limit > 0.
void limit_column_norms(Matrix w, float limit);

}  // namespace lockstep
