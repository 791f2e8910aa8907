// The command line and the environment: words with a zero behind each, an empty one between the two.
#include <string>
#include <vector>

#include "launcher/commands/command_line.h"
#include "launcher/options/config.h"
#include "launcher/options/options.h"
#include "tests/fuzz/fuzzing.h"

namespace {

std::vector<std::string> words_of(std::string_view& text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::string_view word = lockstep::fuzz::take_piece(text);
        if (word.empty()) break;
        words.emplace_back(word);
    }
    return words;
}

}  // namespace

void lockstep::fuzz::read_input(Input input) {
    std::string_view text = as_text(input);
    const std::vector<std::string> arguments = words_of(text);
    const std::vector<std::string> environment = words_of(text);
    std::vector<std::pair<std::string, std::string>> flags;
    try_to([&] { flags = parse_command_line(arguments).input.config_flags; });
    try_to([&] { make_config(resolve_options({{}, flags, environment})); });
}
