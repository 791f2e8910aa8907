#include "launcher/files/weights_file.h"

#include <fmt/format.h>

#include <optional>

#include "core/base/error.h"
#include "core/data/files/line_reader.h"
#include "core/data/files/number_line.h"
#include "core/network/network.h"

namespace lockstep {

namespace {

/// Fills the arena neuron by neuron, in the file's order.
class Filler {
  public:
    Filler(const std::filesystem::path& path, const NetworkSpec& spec)
        : path_(path), network_(spec), arena_(network_.layout().arena_size()) {}

    void begin_layer(const std::string& text, const std::string& where) {
        finish_layer(where);
        skip_layers_without_parameters();
        if (text != fmt::format("layer {}", next_layer_) || next_layer_ == network_.layer_count()) {
            throw DataError(fmt::format(
                "{}: expected {}, found '{}'", where,
                next_layer_ < network_.layer_count()
                    ? fmt::format("'layer {}'", next_layer_)
                    : fmt::format("the end, as the network has {} layers", network_.layer_count()),
                text));
        }
        bias_.reset();
        for (const ParameterBlock& block : network_.layout().blocks_of(next_layer_)) {
            if (block.name.ends_with(".bias")) {
                bias_ = block;
            } else {
                weight_ = block;
            }
        }
        ++next_layer_;
        neuron_ = 0;
    }

    void add_neuron(const std::vector<float>& numbers, const std::string& where) {
        if (next_layer_ == 0)
            throw DataError(fmt::format("{}: expected 'layer 0' before any weights", where));
        if (neuron_ == weight_.cols) {
            throw DataError(fmt::format("{}: layer {} has {} neurons; this would be one more", where,
                                        next_layer_ - 1, weight_.cols));
        }
        const std::size_t biases = bias_ ? 1 : 0;
        if (numbers.size() != weight_.rows + biases) {
            const std::string needs =
                bias_ ? fmt::format("its bias and {} weights", weight_.rows) : "its centre, without a bias";
            throw DataError(fmt::format("{}: has {} numbers, but a neuron of layer {} needs {}: {}", where,
                                        numbers.size(), next_layer_ - 1, weight_.rows + biases, needs));
        }
        const std::span<float> arena(arena_);
        if (bias_) bias_->values(arena)[neuron_] = numbers[0];
        const Matrix weight = weight_.in(arena);
        for (std::size_t i = 0; i < weight_.rows; ++i) weight(i, neuron_) = numbers[i + biases];
        ++neuron_;
    }

    std::vector<float> finish() {
        finish_layer(path_.string());
        skip_layers_without_parameters();
        if (next_layer_ < network_.layer_count()) {
            throw DataError(fmt::format("{}: ends after {} layers, but the network has {}", path_.string(),
                                        next_layer_, network_.layer_count()));
        }
        return std::move(arena_);
    }

  private:
    /// Of these the file says nothing.
    void skip_layers_without_parameters() {
        while (next_layer_ < network_.layer_count() && network_.layout().layer_range(next_layer_).count == 0)
            ++next_layer_;
    }

    void finish_layer(const std::string& where) const {
        if (next_layer_ == 0 || neuron_ == weight_.cols) return;
        throw DataError(fmt::format("{}: layer {} ends after {} neurons, but has {}", where, next_layer_ - 1,
                                    neuron_, weight_.cols));
    }

    const std::filesystem::path& path_;
    Network network_;
    std::vector<float> arena_;
    std::size_t next_layer_ = 0;
    ParameterBlock weight_;  // of the layer at hand, or its centres
    std::optional<ParameterBlock> bias_;
    std::size_t neuron_ = 0;
};

/// Without blanks at the ends, and with one blank for many.
std::string single_blanks(std::string_view text) {
    std::string words;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\t';
        if (blank && (words.empty() || words.back() == ' ')) continue;
        words += blank ? ' ' : c;
    }
    while (words.ends_with(' ')) words.pop_back();
    return words;
}

}  // namespace

std::vector<float> read_weights_file(const std::filesystem::path& path, const NetworkSpec& network) {
    LineReader lines(path);
    Filler filler(path, network);
    for (std::string_view line; lines.next(line);) {
        const std::string text = single_blanks(without_comment(line));
        if (text.empty()) continue;
        if (text.starts_with("layer")) {
            filler.begin_layer(text, lines.where());
        } else {
            filler.add_neuron(read_numbers(text, lines.where()), lines.where());
        }
    }
    return filler.finish();
}

}  // namespace lockstep
