#include "core/training/early_stopping.h"

namespace lockstep {

bool EarlyStopping::improves(double loss) {
    if (loss < best_) {
        best_ = loss;
        waited_ = 0;
        return true;
    }
    ++waited_;
    return false;
}

}  // namespace lockstep
