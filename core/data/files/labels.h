// The range of a set's labels, and what to do where they are not the classes 0, 1, 2, ….
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

struct LabelRange {
    std::int64_t least = 0;
    std::int64_t most = 0;
    bool empty = true;

    void add(std::int64_t label);

    /// "labels run from 1 to 26: set data.classes = 27, or subtract 1 from each".
    [[nodiscard]] std::string remedy() const;
};

}  // namespace lockstep
