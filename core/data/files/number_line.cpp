#include "core/data/files/number_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/data/files/value_text.h"

namespace lockstep {

std::string_view without_comment(std::string_view line) { return line.substr(0, line.find('#')); }

std::vector<float> read_numbers(std::string_view text, const std::string& where) {
    constexpr std::string_view kBlanks = " \t\r";
    std::vector<float> numbers;
    for (std::size_t begin = 0; (begin = text.find_first_not_of(kBlanks, begin)) != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
        const std::string_view word = text.substr(begin, end - begin);
        const auto number = parse_number<float>(word);
        if (!number)
            throw DataError(fmt::format("{}: {} is no number; {}", where, quoted(word), word_advice(word)));
        numbers.push_back(*number);
        begin = end;
    }
    return numbers;
}

}  // namespace lockstep
