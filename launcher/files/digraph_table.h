// The samples of a digraph as text, in the manner of core/data/table_dataset.h, but in double, as its states
// are.
//
//   # inputs : targets
//   0.25 1   : 0.5
//   "0110"   : >0       a word, accepted: the output neuron's state is to be above 0
//   "010"    : <=0      and rejected
//
// A word w over 0 and 1 stands for the number Σ w(i) / 2^i + 1 / 2^(|w| + 1): its letters behind the binary
// point, then a 1 that marks its end, so that "" is 1/2 and "11001" is 0.110011 to base 2.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

/// What an output is to be.
struct DigraphTarget {
    enum Kind { kNumber, kAbove0, kNotAbove0 };
    Kind kind = kNumber;
    double number = 0.0;  ///< of kNumber
    std::string text;     ///< as a table shows it
};

struct DigraphSample {
    std::vector<double> inputs;
    std::vector<std::string> input_texts;  ///< as a table shows them: words in quotes
    std::vector<DigraphTarget> targets;
};

/// The longest word. Its number and all others in [0, 1] that end as early behind the binary point, which are
/// what a network makes of it letter by letter, are exact in double.
inline constexpr std::size_t kLongestWord = 52;

/// At least one sample, all of as many inputs and as many targets. Throws DataError with file:line.
std::vector<DigraphSample> read_digraph_table(const std::filesystem::path& path);

}  // namespace lockstep
