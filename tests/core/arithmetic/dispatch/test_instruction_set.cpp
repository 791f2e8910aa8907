// The choice of the instruction set, and what a wrong one is answered with.
#include "core/arithmetic/dispatch/instruction_set.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/base/error.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

/// What the first call gives in a fresh process where LOCKSTEP_ISA has this value (null: unset): the name of
/// the set, or the message of the ConfigError.
std::string choice_in_fresh_process(const char* value) {
    const std::string command =
        fmt::format("env {} LOCKSTEP_TEST_SHOW_ISA=1 /proc/{}/exe --test-case='show the choice' 2>&1",
                    value != nullptr ? fmt::format("LOCKSTEP_ISA='{}'", value) : "-u LOCKSTEP_ISA", getpid());
    FILE* output = popen(command.c_str(), "r");
    REQUIRE(output != nullptr);
    std::string text;
    for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text += static_cast<char>(c);
    pclose(output);
    return text;
}

}  // namespace

// Run by choice_in_fresh_process, since a process chooses only once.
TEST_CASE("show the choice" * doctest::skip(std::getenv("LOCKSTEP_TEST_SHOW_ISA") == nullptr)) {
    try {
        fmt::print("choice: {}\n", name(instruction_set()));
    } catch (const ConfigError& error) {
        fmt::print("refused: {}\n", error.what());
    }
}

TEST_CASE("instruction sets: those this CPU lacks are reported, not passed over") {
    const std::vector<InstructionSet> sets = available_instruction_sets();
    REQUIRE(!sets.empty());
    CHECK(sets.front() == InstructionSet::kScalar);
    CHECK(std::is_sorted(sets.begin(), sets.end()));
    int missing = 0;
    for (const InstructionSet isa : {InstructionSet::kAvx2, InstructionSet::kAvx512, InstructionSet::kAmx}) {
        if (std::find(sets.begin(), sets.end(), isa) != sets.end()) continue;
        ++missing;
        MESSAGE("SKIPPED: this CPU cannot run " << name(isa) << ": its kernels were not tested");
    }
    MESSAGE("instruction sets tested: " << sets.size() << ", skipped: " << missing
                                        << ", CPU: " << cpu_model());
}

TEST_CASE("LOCKSTEP_ISA: unset means the fastest, a name means that set") {
    const std::string fastest = fmt::format("choice: {}\n", name(available_instruction_sets().back()));
    CHECK(choice_in_fresh_process(nullptr).find(fastest) != std::string::npos);
    CHECK(choice_in_fresh_process("").find(fastest) != std::string::npos);
    for (const InstructionSet isa : available_instruction_sets()) {
        const std::string shown = choice_in_fresh_process(std::string(name(isa)).c_str());
        CHECK(shown.find(fmt::format("choice: {}\n", name(isa))) != std::string::npos);
    }
}

TEST_CASE("LOCKSTEP_ISA: an unknown name is an error that lists the sets") {
    for (const char* wrong : {"avx3", "AVX2", "avx2 ", "native"}) {
        const std::string shown = choice_in_fresh_process(wrong);
        INFO(shown);
        CHECK(shown.find(fmt::format("refused: LOCKSTEP_ISA={}", wrong)) != std::string::npos);
        CHECK(shown.find("scalar") != std::string::npos);
    }
}

TEST_CASE("use_instruction_set: a set this CPU lacks is refused") {
    const std::vector<InstructionSet> sets = available_instruction_sets();
    bool tried = false;
    for (const InstructionSet isa : {InstructionSet::kAvx2, InstructionSet::kAvx512, InstructionSet::kAmx}) {
        if (std::find(sets.begin(), sets.end(), isa) != sets.end()) continue;
        tried = true;
        CHECK_THROWS_AS(use_instruction_set(isa), ConfigError);
        CHECK(choice_in_fresh_process(std::string(name(isa)).c_str()).find("refused: ") != std::string::npos);
    }
    if (!tried) {
        CHECK_THROWS_AS(use_instruction_set(static_cast<InstructionSet>(99)), ConfigError);
        MESSAGE("SKIPPED: this CPU runs every set, so none could be refused");
    }
}

TEST_CASE("name: the spelling of LOCKSTEP_ISA") {
    CHECK(name(InstructionSet::kScalar) == "scalar");
    CHECK(name(InstructionSet::kAvx2) == "avx2");
    CHECK(name(InstructionSet::kAvx512) == "avx512");
    CHECK(name(InstructionSet::kAmx) == "amx");
}

}  // namespace lockstep::test
