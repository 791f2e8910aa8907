#include "core/arithmetic/column_norm.h"

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/buffer.h"
#include "core/base/threads.h"

namespace lockstep {

void limit_column_norms(Matrix w, float limit) {
    const Kernels& k = kernels();
    share_range(w.cols, kValuesPerThread / (w.rows + 1) + 1, kCacheLine_floats,
                [&](std::size_t begin, std::size_t end) {
                    k.limit_columns({w.data + begin, w.stride}, w.rows, end - begin, limit);
                });
}

}  // namespace lockstep
