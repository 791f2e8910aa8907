// The digest of what the program computes with: the same on every path, and that of this version.
#include "core/arithmetic/dispatch/policy_digest.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {

TEST_CASE("policy digest: every instruction set and number of threads give that of this version") {
    // Another value means that runs have other bits than before: raise kArithmeticPolicy along with it.
    const std::string expected = "c01ec25dcd4eafa9a6dbfc470163be81";
    for (const InstructionSet isa : available_instruction_sets()) {
        for (const int threads : {1, 3}) {
            const UseInstructionSet use(isa);
            const UseThreads share(threads);
            INFO(where(isa, fmt::format("{} threads", threads)));
            CHECK(arithmetic_policy_digest().hex() == expected);
        }
    }
}

}  // namespace lockstep::test
