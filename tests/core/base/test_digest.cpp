// XXH3-128 as published, in pieces or at once.
#include "core/base/digest.h"

#include <doctest/doctest.h>

#include <vector>

namespace lockstep {
namespace {

TEST_CASE("digest: the value of no bytes is XXH3's published one") {
    CHECK(digest_of(std::span<const std::byte>{}).hex() == "99aa06d3014798d86001c324468d497f");
    CHECK(DigestBuilder().digest().hex() == "99aa06d3014798d86001c324468d497f");
}

TEST_CASE("digest: pieces of any length give the digest of the whole") {
    std::vector<float> values(1000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.37F;
    const std::span<const float> all(values);
    const Digest128 whole = digest_of(all);
    CHECK(whole.hex().size() == 32);
    for (const std::size_t piece : {1, 7, 240, 999, 1000}) {
        DigestBuilder builder;
        for (std::size_t i = 0; i < values.size(); i += piece) {
            builder.update(all.subspan(i, std::min(piece, values.size() - i)));
        }
        CHECK(builder.digest() == whole);
    }
    values[500] = -values[500];
    CHECK(digest_of(all) != whole);
}

TEST_CASE("digest: leading zeros are printed") {
    CHECK(Digest128{1, 0xab}.hex() == "000000000000000100000000000000ab");
}

}  // namespace
}  // namespace lockstep
