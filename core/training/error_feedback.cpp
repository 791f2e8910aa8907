#include "core/training/error_feedback.h"

#include "core/arithmetic/compression.h"

namespace lockstep {

void ErrorFeedback::compress(std::size_t leaf, std::size_t first, std::span<float> gradient) {
    keep_largest(gradient, kept_back_.span().subspan(leaf * parameters_ + first, gradient.size()), share_);
}

}  // namespace lockstep
