#include "core/training/early_stopping.h"

namespace lockstep {

bool EarlyStopping::improves(double error) {
    if (error < best_) {
        best_ = error;
        waited_ = 0;
        return true;
    }
    ++waited_;
    return false;
}

}  // namespace lockstep
