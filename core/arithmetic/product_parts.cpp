#include "core/arithmetic/product_parts.h"

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/buffer.h"

namespace lockstep {

float* product_scratch() {
    thread_local Buffer<float> memory(kScratch_floats);
    return memory.data();
}

}  // namespace lockstep
