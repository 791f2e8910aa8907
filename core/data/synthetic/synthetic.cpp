// Description and digest of the synthetic sets.
#include "core/data/synthetic/synthetic.h"

#include <fmt/format.h>

#include "core/base/digest.h"

namespace lockstep {

std::string SyntheticSet::description(std::string_view name) const {
    return fmt::format("{} {} (seed {}), {} samples", name, split == Split::kTrain ? "train" : "test", seed,
                       samples);
}

std::string SyntheticSet::digest(std::string_view name, std::uint64_t version) const {
    DigestBuilder digest;
    digest.update("lockstep synthetic ");
    digest.update(name);
    digest.update(version);
    digest.update(seed);
    digest.update(std::uint64_t{static_cast<std::uint32_t>(split)});
    digest.update(std::uint64_t{samples});
    return digest.digest().hex();
}

}  // namespace lockstep
