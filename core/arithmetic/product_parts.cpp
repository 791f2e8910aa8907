#include "core/arithmetic/product_parts.h"

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/buffer.h"
#include "core/base/require.h"

namespace lockstep {

float* product_scratch() {
    thread_local Buffer<float> memory(kScratch_floats);
    return memory.data();
}

bool begin_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw) {
    require(leaf > 0, "weight gradient: leaf must be positive");
    require(x.rows == delta.rows && dw.rows == x.cols && dw.cols == delta.cols,
            "weight gradient: shapes of x, delta, dw differ");
    if (x.rows > 0) return true;
    for (std::size_t r = 0; r < dw.rows; ++r) std::ranges::fill(dw.row(r), 0.0F);
    return false;
}

}  // namespace lockstep
