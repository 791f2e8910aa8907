#include "core/arithmetic/dispatch/pause.h"

namespace lockstep {

namespace {

thread_local Pause pause_of_thread{nullptr, nullptr};

}  // namespace

PausesFor::PausesFor(const std::function<void()>& work) {
    pause_of_thread = {[](const void* of) { (*static_cast<const std::function<void()>*>(of))(); }, &work};
}

PausesFor::~PausesFor() { pause_of_thread = {nullptr, nullptr}; }

Pause current_pause() { return pause_of_thread; }

}  // namespace lockstep
