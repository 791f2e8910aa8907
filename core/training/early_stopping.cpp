#include "core/training/early_stopping.h"

namespace lockstep {

bool EarlyStopping::improves(State& state, double error) {
    if (error < state.best) {
        state.best = error;
        state.waited = 0;
        return true;
    }
    ++state.waited;
    return false;
}

}  // namespace lockstep
