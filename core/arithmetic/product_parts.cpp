#include "core/arithmetic/product_parts.h"

#include "core/arithmetic/buffer.h"
#include "core/arithmetic/kernels.h"

namespace lockstep {

float* product_scratch() {
    thread_local Buffer<float> memory(kScratch_floats);
    return memory.data();
}

}  // namespace lockstep
