// The truth table.
#include "core/data/synthetic/xor_dataset.h"

#include "core/base/digest.h"

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

}  // namespace lockstep
