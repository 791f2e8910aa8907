// The comparison of two ledgers in words and in JSON, for the commands that make one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "launcher/recovery/ledger.h"

namespace lockstep {

/// "step 7 (epoch 1): the gradient of layer0, layer1". Requires that they differ.
std::string difference_text(const LedgerComparison& comparison);

/// {"epoch", "step", "kind", "layers", "last_equal_step"} of the first difference; null where there is none.
nlohmann::ordered_json difference_json(const LedgerComparison& comparison);

}  // namespace lockstep
