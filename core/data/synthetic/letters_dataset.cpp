// Drawing of the letters. Any change of what is drawn changes kVersion, and with it the recorded digests.
#include "core/data/synthetic/letters_dataset.h"

#include <array>
#include <string_view>

namespace lockstep {

namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kBox = 6;
constexpr std::size_t kShifts = 3;
static_assert(kBox + kShifts - 1 == LettersDataset::kSide);

using Letter = std::array<std::string_view, kBox>;
constexpr std::array<Letter, LettersDataset::kLetters> kShapes{
    Letter{"######",  //
           "######",  //
           "..##..",  //
           "..##..",  //
           "..##..",  //
           "..##.."},
    Letter{"######",  //
           "##....",  //
           "####..",  //
           "##....",  //
           "##....",  //
           "##...."},
    Letter{"##....",  //
           "##....",  //
           "##....",  //
           "##....",  //
           "######",  //
           "######"},
};

/// A whole number below `count` from a word's upper bits.
std::size_t below(std::size_t count, std::uint32_t word) {
    return static_cast<std::size_t>(uniform01(word) * static_cast<float>(count));
}

bool is_ink(const Letter& letter, std::size_t row, std::size_t column, std::size_t down, std::size_t right) {
    if (row < down || row >= down + kBox || column < right || column >= right + kBox) return false;
    return letter[row - down][column - right] == '#';
}

}  // namespace

std::string LettersDataset::digest() const { return set_.digest("letters", kVersion); }

void LettersDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    constexpr std::uint32_t kFlipOneOf = 32;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const PhiloxCounter place = set_.random(indices[i], 0);
        const std::size_t label = below(kLetters, place[0]);
        const std::size_t down = below(kShifts, place[1]);
        const std::size_t right = below(kShifts, place[2]);
        PhiloxCounter words{};
        for (std::size_t pixel = 0; pixel < kSide * kSide; ++pixel) {
            const std::size_t word = pixel % words.size();
            if (word == 0)
                words = set_.random(indices[i], static_cast<std::uint32_t>(1 + pixel / words.size()));
            // The word's upper 24 bits are the noise, its lowest ones decide whether the pixel is turned.
            const bool turned = words[word] % kFlipOneOf == 0;
            const bool ink = is_ink(kShapes[label], pixel / kSide, pixel % kSide, down, right) != turned;
            const float noise = 0.4F * (uniform01(words[word]) - 0.5F);
            x(i, pixel) = (ink ? 1.0F : 0.0F) + noise;
        }
        if (!target.empty()) target.labels[i] = static_cast<std::int32_t>(label);
    }
}

constexpr std::array<std::string_view, 3> kLetters{"T", "F", "L"};

extern const DataSource kLettersSource{
    .name = "letters",
    .what = "small distorted capitals",
    .keys = kSyntheticKeys,
    .open = [](const DataOptions& options) { return open_synthetic<LettersDataset>(options, 2000, 1000); },
    .class_names = kLetters,
};

}  // namespace lockstep
