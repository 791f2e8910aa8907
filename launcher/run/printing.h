// What the program tells its user: on the standard streams, in JSON, with an account of what was lost on the
// way.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep {

/// Makes sure that descriptors 0, 1 and 2 are open, so that no file opened later lands on one of them and
/// gets what is printed. A stream that was closed stays unusable: writing to it fails. Call it first of all.
void guard_standard_streams();

/// The text as a terminal may have it: UTF-8 as it is, every control character (C0 but for the newline, DEL
/// and C1) and every byte that is no UTF-8 as \xHH. A file's name or content can then not give a terminal
/// orders.
std::string printable(std::string_view text);

/// The object as text, always valid UTF-8 though names of files need not be: a byte that is no UTF-8 becomes
/// \xHH (a backslash, an x, two hex digits), and in a text where \x occurs, by that or of itself, every
/// backslash is doubled. So a text without \x is as it was, and any other can be turned back. `indent`: as
/// nlohmann's dump.
std::string json_text(nlohmann::json json, int indent = -1);
std::string json_text(nlohmann::ordered_json json, int indent = -1);

/// Writes to stdout or stderr, and to run.log_file. Never throws and never ends the program: what cannot be
/// written is remembered for lost_output, and nothing more is written to that stream.
void write_text(std::FILE* stream, std::string_view text) noexcept;
/// The same for what is gone from a terminal soon, or is there in colour: it does not go into run.log_file.
void write_to_terminal(std::FILE* stream, std::string_view text) noexcept;
void flush(std::FILE* stream) noexcept;

/// Prints to standard output, as printable.
template <class... T>
void print_out(fmt::format_string<T...> format, T&&... values) {
    write_text(stdout, printable(fmt::format(format, std::forward<T>(values)...)));
}

/// Prints the object on a line of standard output: what --json promises.
template <class Json>
void print_json(Json json) {
    write_text(stdout, json_text(std::move(json)) + "\n");
}

/// A line on standard error, as printable and without line ends within: every error, said once.
void print_error(std::string_view text);

/// "warning: text" on a line of standard error, as printable.
inline void print_warning(const std::string& text) {
    write_text(stderr, printable("warning: " + text + "\n"));
}

/// "note: text" on a line of standard error, as printable.
inline void print_note(const std::string& text) { write_text(stderr, printable("note: " + text + "\n")); }

/// Writes out what is left in the buffers. "" where all that was printed has arrived; else an error message.
std::string lost_output();

}  // namespace lockstep
