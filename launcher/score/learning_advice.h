// What rules of thumb say of a configuration before it is trained.
#pragma once

#include <cstddef>
#include <string>

#include "launcher/options/config.h"

namespace lockstep {

/// A remark where a learning rate is above 1, "" where none is. LARS's are exempt: it multiplies them by
/// optimizer.trust.
std::string rate_advice(const Config& config);

/// How many neurons the lecture's rule of thumb grants a training set: about a tenth of its samples.
std::size_t neurons_by_rule_of_thumb(std::size_t training_samples);

}  // namespace lockstep
