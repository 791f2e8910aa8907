#include "launcher/score/model_inputs.h"

#include <fmt/format.h>

#include <utility>

#include "core/base/error.h"
#include "core/data/input_scale.h"

namespace lockstep {

std::shared_ptr<const Dataset> ModelInputs::seen(std::shared_ptr<const Dataset> set) const {
    if (divisor && set->input_divisor() && *divisor != *set->input_divisor()) set = set->divided_by(*divisor);
    if (!preprocessing) return set;
    if (set->input_size() != preprocessing->raw_size()) {
        throw DataError(fmt::format("{} has {} inputs, but the model's preprocessing was fitted to {}",
                                    set->description(), set->input_size(), preprocessing->raw_size()));
    }
    return std::make_shared<PreprocessedDataset>(std::move(set), preprocessing);
}

std::string ModelInputs::scale_advice(const Dataset& set) const {
    const std::optional<float> own = set.input_divisor();
    if (!own || own == divisor) return "";
    if (!divisor) {
        return fmt::format(
            "model {}: does not say what its inputs were divided by, as an older lockstep, or another "
            "program, wrote it; they are taken {}, as data.scale has it",
            model.string(), divisor_text(*own));
    }
    return fmt::format(
        "model {}: was trained on inputs {}, so these are taken so too, though data.scale would "
        "have them {}",
        model.string(), divisor_text(*divisor), divisor_text(*own));
}

}  // namespace lockstep
