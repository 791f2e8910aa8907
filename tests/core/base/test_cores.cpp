// Who runs on which core: threads are held there, and go back.
#include "core/base/cores.h"

#include <doctest/doctest.h>

#include "core/base/threads.h"

using namespace lockstep;

namespace {

constexpr int kThreads = 3;

std::vector<cpu_set_t> bindings() {
    std::vector<cpu_set_t> sets(kThreads);
    run_parts(kThreads, [&](int part) {
        cpu_set_t& set = sets[static_cast<std::size_t>(part)];
        CPU_ZERO(&set);
        sched_getaffinity(0, sizeof set, &set);
    });
    return sets;
}

}  // namespace

TEST_CASE("cores: another shift puts every thread on another core, and a release puts it back") {
    set_thread_count(kThreads);
    const std::vector<cpu_set_t> before = bindings();
    Cores cores;
    cores.hold(0);
    const std::vector<cpu_set_t> first = bindings();
    cores.hold(1);
    const std::vector<cpu_set_t> second = bindings();
    cores.release();
    const std::vector<cpu_set_t> after = bindings();
    set_thread_count(1);
    for (std::size_t i = 0; i < before.size(); ++i) {
        CAPTURE(i);
        CHECK(CPU_EQUAL(&before[i], &after[i]));
        CHECK(static_cast<bool>(CPU_EQUAL(&first[i], &second[i])) == (cores.count() == 1));
    }
}
