#include "launcher/bench/bench.h"

#include <algorithm>
#include <cmath>

#include "launcher/run/stopwatch.h"

namespace lockstep {

Spread spread_of(std::vector<double> values) {
    std::ranges::sort(values);
    return {values[values.size() / 2], values.front(), values.back()};
}

namespace {

/// A turn of calls that are short is as long as this, so that the clock's reading and the first call's cache
/// misses do not count.
constexpr double kTurn_seconds = 1e-3;
constexpr std::size_t kMostCalls = 1000;
constexpr std::size_t kFewestRounds = 5;

double seconds_of(const std::function<void()>& contender, std::size_t calls) {
    const Stopwatch watch;
    for (std::size_t i = 0; i < calls; ++i) contender();
    return watch.seconds();
}

}  // namespace

std::vector<Spread> measure_in_turn(const std::vector<std::function<void()>>& contenders, double seconds) {
    const std::size_t count = contenders.size();
    std::vector<std::size_t> calls(count);
    for (std::size_t i = 0; i < count; ++i) {
        seconds_of(contenders[i], 1);
        const double wanted = std::ceil(kTurn_seconds / std::max(seconds_of(contenders[i], 1), 1e-9));
        calls[i] = std::min(static_cast<std::size_t>(wanted), kMostCalls);
    }
    std::vector<std::vector<double>> measured(count);
    const Stopwatch whole;
    for (std::size_t round = 0; round < kFewestRounds || whole.seconds() < seconds; ++round) {
        for (std::size_t turn = 0; turn < count; ++turn) {
            // Each comes first in its round now and then, and after another one in every round.
            const std::size_t i = (turn + round) % count;
            seconds_of(contenders[i], 1);
            measured[i].push_back(seconds_of(contenders[i], calls[i]) / static_cast<double>(calls[i]));
        }
    }
    std::vector<Spread> spreads;
    for (std::vector<double>& values : measured) spreads.push_back(spread_of(std::move(values)));
    return spreads;
}

}  // namespace lockstep
