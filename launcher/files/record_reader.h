// Reads the text that Boost's text archive writes for a model's record, with no count of it trusted.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// What the archive's operator& reads: whole numbers, strings, vectors of strings and of structures of such.
/// The form, as boost/archive/text_oarchive.hpp writes it without its header:
///
///   number := decimal digits, behind blanks
///   string := number of bytes, one blank, the bytes
///   vector := "0 0" (its class's tracking and version), number of items, version of an item, the items
///
/// Boost's own reader makes room for as many items or bytes as the text claims before it looks whether they
/// are there. This one claims nothing that the rest of the text is too short for. All throw
/// std::runtime_error.
class RecordReader {
  public:
    explicit RecordReader(std::string_view text) : rest_(text), whole_(text.size()) {}

    template <std::unsigned_integral Number>
    RecordReader& operator&(Number& value) {
        skip_blanks();
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc()) fail("a whole number");
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return *this;
    }

    RecordReader& operator&(std::string& text) {
        std::size_t bytes = 0;
        *this& bytes;
        if (rest_.empty() || bytes > rest_.size() - 1) fail("as many bytes of text as it promises");
        text.assign(rest_.substr(1, bytes));
        rest_.remove_prefix(1 + bytes);
        return *this;
    }

    template <class Item>
    RecordReader& operator&(std::vector<Item>& items) {
        unsigned tracking = 0;
        unsigned class_version = 0;
        std::size_t count = 0;
        unsigned item_version = 0;
        *this& tracking& class_version& count& item_version;
        // The shortest item is an empty string: a blank, a zero and another blank.
        if (count > rest_.size() / 3) fail("as many items as it promises");
        items.clear();
        items.reserve(count);
        for (std::size_t i = 0; i < count; ++i) read(items.emplace_back());
        return *this;
    }

    /// Throws where there is more than the blanks at an archive's end.
    void finish() {
        skip_blanks();
        if (!rest_.empty()) fail("its end");
    }

  private:
    void read(std::string& item) { *this& item; }
    template <class Item>
    void read(Item& item) {
        serialize(*this, item, 0U);
    }

    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }

    [[noreturn]] void fail(std::string_view expected) const {
        throw std::runtime_error("expected " + std::string(expected) + " at byte " +
                                 std::to_string(whole_ - rest_.size()) + " of it");
    }

    std::string_view rest_;
    std::size_t whole_;
};

}  // namespace lockstep
