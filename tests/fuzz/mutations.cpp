// The entry where there is no libFuzzer: fuzz_READER COUNT FOLDER gives the reader every file of FOLDER, and
// COUNT inputs made of them, the same ones each time. Without knowledge of the code it finds less than
// libFuzzer does, but it needs no build of its own. A finding is an abort: its input is then in
// finding-READER of the current folder.
#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzzing.h"

namespace {

using Random = std::mt19937_64;

std::string current;  // what the reader has now
std::string finding;  // the file it goes to if the reader aborts

void save_current() {
    std::ofstream(finding, std::ios::binary) << current;
    std::fprintf(stderr, "the input is in %s\n", finding.c_str());
}

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : random() % end; }

/// What readers make much of: ends of ranges, separators, signs.
constexpr std::array<std::string_view, 16> kPieces{"-1",
                                                   "18446744073709551615",
                                                   "4294967295",
                                                   "1e999",
                                                   "nan",
                                                   "\n",
                                                   "\"",
                                                   "[",
                                                   "{",
                                                   " ",
                                                   "#",
                                                   "=",
                                                   std::string_view("\0", 1),
                                                   "\x7f\xff\xff\xff",
                                                   "\xff\xff\xff\xff",
                                                   "\x80"};

/// One change of one place.
void change(Random& random, std::string& text, const std::vector<std::string>& seeds) {
    const std::size_t at = below(random, text.size() + 1);
    const std::size_t length = below(random, std::min<std::size_t>(text.size() - at, 16) + 1);
    switch (below(random, 6)) {
        case 0:
            if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8)));
            break;
        case 1:
            text.erase(at, length);
            break;
        case 2:
            text.replace(at, length, kPieces[below(random, kPieces.size())]);
            break;
        case 3:
            text.insert(at, text.substr(below(random, text.size()), below(random, 64)));
            break;
        case 4: {
            const std::string& other = seeds[below(random, seeds.size())];
            text.replace(at, length, other.substr(below(random, other.size()), below(random, 64)));
            break;
        }
        default:
            if (below(random, 8) == 0) text.resize(at);
            if (at < text.size()) text[at] = static_cast<char>(random());
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s COUNT FOLDER\n", argv[0]);
        return 2;
    }
    const std::filesystem::path folder = argv[2];
    finding = "finding-" + folder.filename().string();
    __sanitizer_set_death_callback(save_current);
    std::set_terminate([] {
        save_current();
        std::abort();
    });

    std::vector<std::filesystem::path> files{std::filesystem::directory_iterator(folder), {}};
    std::ranges::sort(files);
    std::vector<std::string> seeds;
    for (const std::filesystem::path& file : files) {
        std::ifstream input(file, std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>());
    }
    if (seeds.empty()) return 2;
    const std::size_t count = std::stoul(argv[1]) + seeds.size();
    for (std::size_t number = 0; number < count; ++number) {
        Random random(number);
        current = seeds[number % seeds.size()];
        const std::size_t changes = number < seeds.size() ? 0 : std::size_t{1} << below(random, 5);
        for (std::size_t i = 0; i < changes; ++i) change(random, current, seeds);
        lockstep::fuzz::read_input({reinterpret_cast<const std::uint8_t*>(current.data()), current.size()});
    }
    std::printf("%zu inputs\n", count);
    return 0;
}
