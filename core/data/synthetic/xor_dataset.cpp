// The truth table.
#include "core/data/synthetic/xor_dataset.h"

#include <array>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/data/open_data.h"

namespace lockstep {

std::string XorDataset::description() const { return "xor, 4 samples"; }

std::string XorDataset::digest() const {
    DigestBuilder digest;
    digest.update("lockstep xor 1");
    return digest.digest().hex();
}

void XorDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const std::uint64_t a = indices[i] >> 1;
        const std::uint64_t b = indices[i] & 1;
        x(i, 0) = static_cast<float>(a);
        x(i, 1) = static_cast<float>(b);
        if (!target.empty()) target.values(i, 0) = static_cast<float>(a ^ b);
    }
}

namespace {

constexpr std::array<std::string_view, 1> kKeys{"seed"};

DataSets open_xor(const DataOptions& options) {
    if (options.train_samples > 0 || options.test_samples > 0) {
        throw ConfigError(
            "data.train_samples, data.test_samples: xor has 4 samples, no more and no fewer; "
            "leave the keys out");
    }
    const auto set = std::make_shared<XorDataset>();
    return {set, nullptr, set, {}};
}

}  // namespace

extern const DataSource kXorSource{
    .name = "xor",
    .what = "exclusive or, four samples",
    .keys = kKeys,
    .open = open_xor,
};

}  // namespace lockstep
