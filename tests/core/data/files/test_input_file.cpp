// Files as they lie on disks: gzip in one member and in several, with what may follow, and what is no data.
#include "core/data/files/input_file.h"

#include <doctest/doctest.h>

#include "tests/core/data/files/data_files.h"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string content_of(const std::filesystem::path& path) {
    InputFile file(path);
    std::string content;
    // Pieces of an odd size, so that members end within and between them.
    for (std::string piece(977, '\0');;) {
        const std::size_t got = file.read(piece);
        content.append(piece, 0, got);
        if (got < piece.size()) return content;
    }
}

std::string content_of_bytes(const std::string& bytes) {
    const TemporaryFolder folder;
    return content_of(folder.write("f", bytes));
}

std::string error_of_bytes(const std::string& bytes) {
    return error_of([&] { content_of_bytes(bytes); });
}

}  // namespace

TEST_CASE("input file: plain, gzipped, in members, empty ones among them, and followed by zeros") {
    const std::string text = some_pixels(300'000);
    const std::string first = gzipped(text.substr(0, 100'001));
    const std::string second = gzipped(text.substr(100'001));
    const std::string zeros(70'000, '\0');
    CHECK(content_of_bytes(text) == text);
    CHECK(content_of_bytes(gzipped(text)) == text);
    CHECK(content_of_bytes(first + second) == text);
    CHECK(content_of_bytes(gzipped("") + first + gzipped("") + second + zeros) == text);
    CHECK(content_of_bytes(first + zeros + second) == text);
    CHECK(content_of_bytes("") == "");
    CHECK(content_of_bytes(gzipped("")) == "");
}

TEST_CASE("input file: junk between members and behind the last is an error that names its byte") {
    const std::string member = gzipped("1,2,3\n");
    const std::string place = "byte " + std::to_string(member.size()) + ":";
    for (const std::string& junk : {std::string("junk"), std::string("x"), std::string("\x1f")}) {
        CAPTURE(junk);
        CHECK(contains(error_of_bytes(member + junk + member), place));
        CHECK(contains(error_of_bytes(member + junk), place));
    }
    CHECK(contains(error_of_bytes(member + std::string(3, '\0') + "x"),
                   "byte " + std::to_string(member.size() + 3) + ":"));
}

TEST_CASE("input file: a second member that is truncated or corrupted is found") {
    const std::string member = gzipped(some_pixels(5000));
    CHECK(contains(error_of_bytes(member + member.substr(0, member.size() / 2)), "truncated"));
    CHECK(contains(error_of_bytes(member + member.substr(0, 2)), "truncated"));
    std::string damaged = member;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x10);
    CHECK(contains(error_of_bytes(member + damaged), "corrupted"));
}

TEST_CASE("input file: compressed twice, and archives, are named as what they are") {
    CHECK(contains(error_of_bytes(gzipped(gzipped("1,2\n"))), "compressed twice"));
    CHECK(contains(error_of_bytes("PK\x03\x04 and so on"), "ZIP archive"));
    CHECK(contains(error_of_bytes("\xFD"
                                  "7zXZ and so on"),
                   "xz"));
    CHECK(contains(error_of_bytes("BZh91AY and so on"), "bzip2"));
    CHECK(contains(error_of_bytes("\x93NUMPY and so on"), "numpy"));
}
