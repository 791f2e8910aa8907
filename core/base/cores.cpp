#include "core/base/cores.h"

#include <fstream>
#include <map>
#include <string>

#include "core/base/threads.h"

namespace lockstep {

namespace {

/// A number that the CPUs of one core share: the lowest of them; its own where that cannot be read.
int core_of(int cpu) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    int lowest = cpu;
    return file >> lowest ? lowest : cpu;
}

/// Where each thread of the pool is bound to; none where one of them cannot say.
std::vector<cpu_set_t> bindings() {
    std::vector<cpu_set_t> sets(static_cast<std::size_t>(thread_count()));
    std::vector<char> known(sets.size());
    run_parts(thread_count(), [&](int part) {
        const auto i = static_cast<std::size_t>(part);
        CPU_ZERO(&sets[i]);
        known[i] = sched_getaffinity(0, sizeof sets[i], &sets[i]) == 0 ? 1 : 0;
    });
    for (const char each : known) {
        if (each == 0) return {};
    }
    return sets;
}

}  // namespace

Cores::Cores() {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const cpu_set_t& set : bindings()) CPU_OR(&all, &all, &set);
    std::map<int, cpu_set_t> by_core;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &all)) continue;
        const auto [found, first] = by_core.try_emplace(core_of(cpu));
        if (first) CPU_ZERO(&found->second);
        CPU_SET(cpu, &found->second);
    }
    for (const auto& [core, cpus] : by_core) cores_.push_back(cpus);
    if (cores_.empty()) cores_.push_back(all);
}

Cores::~Cores() { release(); }

void Cores::hold(std::size_t shift) {
    if (count() == 1) return;
    if (before_.empty()) before_ = bindings();
    run_parts(static_cast<int>(before_.size()), [&](int part) {
        const cpu_set_t& core = cores_[(static_cast<std::size_t>(part) + shift) % cores_.size()];
        sched_setaffinity(0, sizeof core, &core);
    });
}

void Cores::release() noexcept {
    if (before_.empty()) return;
    run_parts(static_cast<int>(before_.size()), [&](int part) {
        const cpu_set_t& set = before_[static_cast<std::size_t>(part)];
        sched_setaffinity(0, sizeof set, &set);
    });
    before_.clear();
}

}  // namespace lockstep
