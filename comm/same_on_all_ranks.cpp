// One digest a rank is compared; only where they differ do rank 0 and the lowest other rank send their facts.
#include "comm/same_on_all_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "comm/agreement.h"
#include "core/base/digest.h"

namespace lockstep {

namespace {

std::vector<Digest128> digests_of_all(const Communicator& comm, std::string_view text) {
    return comm.allgather_value(DigestBuilder().update(text).digest());
}

/// Each text behind its length, so that it may hold any byte.
void append(std::string& bytes, std::string_view text) {
    fmt::format_to(std::back_inserter(bytes), "{} {}", text.size(), text);
}

std::string take(std::string_view& bytes) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), length);
    static_cast<void>(error);  // append wrote it
    bytes.remove_prefix(static_cast<std::size_t>(end - bytes.data()) + 1);
    std::string text(bytes.substr(0, length));
    bytes.remove_prefix(length);
    return text;
}

/// What is compared.
std::string names_and_values(std::span<const Fact> facts) {
    std::string bytes;
    for (const Fact& fact : facts) {
        append(bytes, fact.name);
        append(bytes, fact.value);
    }
    return bytes;
}

/// `root`'s facts on every rank. Collective.
std::vector<Fact> facts_of(const Communicator& comm, std::span<const Fact> own, std::size_t root) {
    std::string bytes;
    for (const Fact& fact : own) {
        append(bytes, fact.name);
        append(bytes, fact.value);
        append(bytes, fact.shown);
    }
    comm.broadcast(bytes, root);
    std::vector<Fact> facts;
    for (std::string_view rest = bytes; !rest.empty();) {
        Fact fact;
        fact.name = take(rest);
        fact.value = take(rest);
        fact.shown = take(rest);
        facts.push_back(std::move(fact));
    }
    return facts;
}

/// The first fact that differs, and how either side shows it.
struct Difference {
    std::string name;
    std::string here = "missing";
    std::string there = "missing";
};

std::string shown(const Fact& fact) { return fact.shown.empty() ? fact.value : fact.shown; }

Difference first_difference(std::span<const Fact> here, std::span<const Fact> there) {
    std::unordered_map<std::string_view, const Fact*> by_name;
    for (const Fact& fact : there) by_name.emplace(fact.name, &fact);
    for (const Fact& fact : here) {
        const auto found = by_name.find(fact.name);
        if (found == by_name.end()) return {.name = fact.name, .here = shown(fact)};
        if (found->second->value != fact.value) return {fact.name, shown(fact), shown(*found->second)};
        by_name.erase(found);
    }
    // The same as far as this rank's go: in the other one's order, the first that is left.
    for (const Fact& fact : there) {
        if (by_name.contains(fact.name)) return {.name = fact.name, .there = shown(fact)};
    }
    return {.name = "the order of what was given", .here = "another", .there = "another"};
}

}  // namespace

void same_on_all_ranks(const Communicator& comm, std::span<const Fact> facts, ExitCode code,
                       std::string_view remedy) {
    const std::vector<Digest128> digests = digests_of_all(comm, names_and_values(facts));
    const auto differs = [&](const Digest128& digest) { return digest != digests.front(); };
    const auto odd = std::ranges::find_if(digests, differs);
    if (odd == digests.end()) return;
    const auto rank = static_cast<std::size_t>(odd - digests.begin());
    const Difference difference = first_difference(facts_of(comm, facts, rank), facts_of(comm, facts, 0));
    const auto others = std::ranges::count_if(digests, differs) - 1;
    const std::string more = others == 0 ? ""
                                         : fmt::format(" ({} more rank{} from rank 0)", others,
                                                       others == 1 ? " differs" : "s differ");
    throw CollectiveError(code,
                          fmt::format("{}: {} is {}, but {} on {}{}; {}", comm.where(rank), difference.name,
                                      difference.here, difference.there, comm.where(0), more, remedy));
}

bool is_same_on_all_ranks(const Communicator& comm, std::string_view text) {
    const std::vector<Digest128> digests = digests_of_all(comm, text);
    return std::ranges::adjacent_find(digests, std::ranges::not_equal_to()) == digests.end();
}

}  // namespace lockstep
