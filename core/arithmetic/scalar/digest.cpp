// The scalar reference of the digest of values: oracle of the tests and fallback of every CPU.
#include <array>
#include <bit>
#include <cstdint>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {

namespace {

void digest_scalar(const DigestTask& t) {
    for (std::size_t b = 0; b < t.blocks; ++b) {
        std::array<std::uint64_t, kDigestSums> of_block{};
        for (std::size_t i = 0; i < kDigestBlock; ++i) {
            const auto bits = std::bit_cast<std::uint32_t>(t.values[b * kDigestBlock + i]);
            of_block[i / 2 % kDigestSums] += std::uint64_t{bits} * t.keys[i];
        }
        for (std::size_t l = 0; l < kDigestSums; ++l)
            t.sums[l] += of_block[l] * digest_factor(t.first_block + b);
    }
}

}  // namespace

void fill_scalar_digest(Kernels& table) { table.digest = digest_scalar; }

}  // namespace lockstep
