#include "launcher/files/digraph_table.h"

#include <fmt/format.h>

#include <sstream>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/data/files/line_reader.h"
#include "core/data/files/number_line.h"

namespace lockstep {

namespace {

std::vector<std::string> words_of(std::string_view text) {
    std::istringstream input{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; input >> word;) {
        // "> 0" is ">0".
        const bool open = !words.empty() && (words.back() == ">" || words.back() == "<=");
        if (open) {
            words.back() += word;
        } else {
            words.push_back(word);
        }
    }
    return words;
}

/// The number of a word's letters, which stand between quotes.
double number_of_word(const std::string& where, std::string_view quoted) {
    const bool closed = quoted.size() > 1 && quoted.ends_with('"');
    const std::string_view word = closed ? quoted.substr(1, quoted.size() - 2) : std::string_view();
    if (!closed || word.find_first_not_of("01") != std::string_view::npos) {
        throw DataError(
            fmt::format("{}: {} is no word; write its letters, 0 and 1, between two \"", where, quoted));
    }
    if (word.size() > kLongestWord) {
        throw DataError(
            fmt::format("{}: the word {} has {} letters, but a double holds those of {} exactly; "
                        "leave it out",
                        where, quoted, word.size(), kLongestWord));
    }
    double number = 0.0;
    double place = 0.5;
    for (const char letter : word) {
        if (letter == '1') number += place;
        place *= 0.5;
    }
    return number + place;
}

double number_of(const std::string& where, std::string_view text) {
    if (text.starts_with('"')) return number_of_word(where, text);
    const auto number = parse_number<double>(text);
    if (number) return *number;
    throw DataError(fmt::format("{}: '{}' is neither a number nor a word as in \"0110\"{}", where, text,
                                decimal_hint(text)));
}

std::string text_of(std::string_view text, double number) {
    return text.starts_with('"') ? std::string(text) : fmt::format("{}", number);
}

DigraphTarget target_of(const std::string& where, const std::string& text) {
    if (text == ">0") return {DigraphTarget::kAbove0, 0.0, text};
    if (text == "<=0") return {DigraphTarget::kNotAbove0, 0.0, text};
    if (text.starts_with('>') || text.starts_with('<') || text.starts_with('=')) {
        throw DataError(
            fmt::format("{}: '{}' is no target; a word is accepted by >0 and rejected by <=0", where, text));
    }
    const double number = number_of(where, text);
    return {DigraphTarget::kNumber, number, text_of(text, number)};
}

DigraphSample read_sample(const std::string& where, std::string_view inputs, std::string_view targets) {
    DigraphSample sample;
    for (const std::string& text : words_of(inputs)) {
        sample.inputs.push_back(number_of(where, text));
        sample.input_texts.push_back(text_of(text, sample.inputs.back()));
    }
    for (const std::string& text : words_of(targets)) sample.targets.push_back(target_of(where, text));
    return sample;
}

}  // namespace

std::vector<DigraphSample> read_digraph_table(const std::filesystem::path& path) {
    LineReader lines(path);
    std::vector<DigraphSample> samples;
    for (std::string_view line; lines.next(line);) {
        const std::string_view text = without_comment(line);
        if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) {
            throw DataError(
                fmt::format("{}: a sample needs a colon between its inputs and its targets, as in '0 1 : 1' "
                            "or '\"0110\" : >0'",
                            lines.where()));
        }
        DigraphSample sample = read_sample(lines.where(), text.substr(0, colon), text.substr(colon + 1));
        if (sample.inputs.empty() || sample.targets.empty()) {
            throw DataError(fmt::format("{}: has {} inputs and {} targets, expected some of both",
                                        lines.where(), sample.inputs.size(), sample.targets.size()));
        }
        if (!samples.empty() && (sample.inputs.size() != samples.front().inputs.size() ||
                                 sample.targets.size() != samples.front().targets.size())) {
            throw DataError(fmt::format("{}: has {} inputs and {} targets, expected {} and {}", lines.where(),
                                        sample.inputs.size(), sample.targets.size(),
                                        samples.front().inputs.size(), samples.front().targets.size()));
        }
        samples.push_back(std::move(sample));
    }
    if (samples.empty()) {
        throw DataError(fmt::format("{}: holds no sample; write one a line, as in '0 1 : 1'", path.string()));
    }
    return samples;
}

}  // namespace lockstep
