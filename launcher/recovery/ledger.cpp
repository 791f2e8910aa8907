#include "launcher/recovery/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// Of a line: tens of thousands of layers.
constexpr std::size_t kMostLine_bytes = std::size_t{1} << 22;
constexpr std::size_t kHexDigits = 32;

std::string layers_text(const std::vector<LayerDigest>& layers) {
    std::string text;
    for (const LayerDigest& layer : layers) {
        text += fmt::format(R"({}"{}":"{}")", text.empty() ? "" : ",", layer.name, layer.digest.hex());
    }
    return text;
}

std::optional<std::uint64_t> hex_number(std::string_view digits) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

/// A digest's 32 hex digits; nothing where the value is none.
std::optional<Digest128> digest_in(const Json& value) {
    if (!value.is_string()) return std::nullopt;
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() != kHexDigits) return std::nullopt;
    const auto high = hex_number(std::string_view(text).substr(0, kHexDigits / 2));
    const auto low = hex_number(std::string_view(text).substr(kHexDigits / 2));
    if (!high || !low) return std::nullopt;
    return Digest128{*high, *low};
}

std::optional<std::vector<LayerDigest>> layers_in(const Json& object) {
    if (!object.is_object() || object.empty()) return std::nullopt;
    std::vector<LayerDigest> layers;
    for (const auto& [name, value] : object.items()) {
        const auto digest = digest_in(value);
        if (!digest) return std::nullopt;
        layers.push_back({name, *digest});
    }
    return layers;
}

bool same_layers(const std::vector<LayerDigest>& a, const std::vector<LayerDigest>& b) {
    return std::ranges::equal(a, b, {}, &LayerDigest::name, &LayerDigest::name);
}

std::vector<std::string> differing(const std::vector<LayerDigest>& a, const std::vector<LayerDigest>& b) {
    std::vector<std::string> names;
    for (std::size_t l = 0; l < a.size(); ++l) {
        if (a[l].digest != b[l].digest) names.push_back(a[l].name);
    }
    return names;
}

/// The place of a line among all of a ledger: that of its step, the step's layers first.
std::pair<std::uint64_t, int> place(const LedgerLine& line) { return {line.step, line.model ? 1 : 0}; }

}  // namespace

std::string to_json_line(const LedgerLine& line) {
    // By hand, since a run may write thousands a second; all of it is digits and the names of layers.
    if (line.model) {
        return fmt::format(R"({{"epoch":{},"step":{},"digest":"{}"}})", line.epoch, line.step,
                           line.model->hex());
    }
    return fmt::format(R"({{"epoch":{},"step":{},"gradient":{{{}}},"parameters":{{{}}}}})", line.epoch,
                       line.step, layers_text(line.gradient), layers_text(line.parameters));
}

std::filesystem::path ledger_of(const std::filesystem::path& run_dir) {
    std::filesystem::path path = files_of_run(run_dir) / "ledger.jsonl";
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path;
    throw CheckpointError(
        fmt::format("{} holds no ledger.jsonl; give the directory of a run", run_dir.string()));
}

LedgerReader::LedgerReader(std::filesystem::path path) : path_(std::move(path)), file_(path_) {
    if (!file_) {
        throw CheckpointError(fmt::format("cannot read {}: {}", path_.string(), std::strerror(errno)));
    }
}

void LedgerReader::refuse(const std::string& what) const {
    throw CheckpointError(fmt::format("{}:{}: {}; the ledger is damaged, or was written by something else",
                                      path_.string(), number_, what));
}

std::optional<std::string> LedgerReader::next_text() {
    ++number_;
    std::string text;
    for (int byte = file_.get(); byte != std::ifstream::traits_type::eof(); byte = file_.get()) {
        if (byte == '\n') return text;
        if (text.size() == kMostLine_bytes)
            refuse(fmt::format("the line has more than {} bytes", kMostLine_bytes));
        text.push_back(static_cast<char>(byte));
    }
    if (file_.bad()) refuse(fmt::format("cannot be read: {}", std::strerror(errno)));
    return std::nullopt;
}

std::optional<LedgerLine> LedgerReader::next() {
    const std::optional<std::string> text = next_text();
    if (!text) return std::nullopt;
    const Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object()) refuse("is no JSON object");
    const auto number = [&](const char* key) {
        const auto found = json.find(key);
        if (found == json.end() || !found->is_number_unsigned())
            refuse(fmt::format("{} is missing or no whole number", key));
        return found->get<std::uint64_t>();
    };
    LedgerLine line{.epoch = number("epoch"),
                    .step = number("step"),
                    .model = std::nullopt,
                    .gradient = {},
                    .parameters = {}};
    if (const auto model = json.find("digest"); model != json.end()) {
        line.model = digest_in(*model);
        if (!line.model) refuse("digest is no 32 hex digits");
        return line;
    }
    const auto layers = [&](const char* key) {
        const auto found = json.find(key);
        auto read = found == json.end() ? std::nullopt : layers_in(*found);
        if (!read) refuse(fmt::format("{} is missing, or has layers without 32 hex digits", key));
        return std::move(*read);
    };
    line.gradient = layers("gradient");
    line.parameters = layers("parameters");
    if (!same_layers(line.gradient, line.parameters)) refuse("gradient and parameters are of other layers");
    if (line.step <= last_step_) refuse(fmt::format("step {} comes after step {}", line.step, last_step_));
    last_step_ = line.step;
    return line;
}

LedgerComparison compare_lines(const LedgerLine& a, const LedgerLine& b) {
    using Kind = LedgerComparison::Kind;
    LedgerComparison result;
    result.epoch = a.epoch;
    result.step = a.step;
    result.compared = 1;
    if (a.model) {
        if (*a.model != *b.model) result.kind = Kind::kModel;
        return result;
    }
    if (!same_layers(a.gradient, b.gradient)) {
        result.kind = Kind::kLayers;
        return result;
    }
    result.layers = differing(a.gradient, b.gradient);
    if (!result.layers.empty()) {
        result.kind = Kind::kGradient;
        return result;
    }
    result.layers = differing(a.parameters, b.parameters);
    if (!result.layers.empty()) result.kind = Kind::kParameters;
    return result;
}

LedgerComparison compare_ledgers(LedgerReader& a, LedgerReader& b) {
    LedgerComparison result;
    std::optional<LedgerLine> in_a = a.next();
    std::optional<LedgerLine> in_b = b.next();
    const auto advance = [](LedgerReader& reader, std::optional<LedgerLine>& line, std::uint64_t& last) {
        last = std::max(last, line->step);
        line = reader.next();
    };
    while (in_a && in_b) {
        const bool same_place = place(*in_a) == place(*in_b);
        if (same_place) {
            ++result.compared;
            const LedgerComparison lines = compare_lines(*in_a, *in_b);
            if (lines.kind != LedgerComparison::kEqual) {
                result.kind = lines.kind;
                result.epoch = lines.epoch;
                result.step = lines.step;
                result.layers = lines.layers;
                return result;
            }
            result.last_equal_step = std::max(result.last_equal_step, in_a->step);
        }
        const bool next_a = same_place || place(*in_a) < place(*in_b);
        const bool next_b = same_place || !next_a;
        if (next_a) advance(a, in_a, result.last_step_a);
        if (next_b) advance(b, in_b, result.last_step_b);
    }
    while (in_a) advance(a, in_a, result.last_step_a);
    while (in_b) advance(b, in_b, result.last_step_b);
    return result;
}

}  // namespace lockstep
