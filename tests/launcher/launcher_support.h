// What the launcher's tests share: a file's content, and the message of an error.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "tests/support/temporary_folder.h"

namespace lockstep::testing {

using test::TemporaryFolder;

inline std::string content_of(const std::filesystem::path& file) {
    std::ifstream input(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
}

/// The message of the E that `action` throws; "" if it throws none.
template <class E, class Action>
std::string message_of(Action&& action) {
    try {
        std::forward<Action>(action)();
    } catch (const E& error) {
        return error.what();
    }
    return "";
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace lockstep::testing
