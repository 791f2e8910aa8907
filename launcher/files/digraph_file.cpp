#include "launcher/files/digraph_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/data/files/line_reader.h"
#include "core/data/files/number_line.h"
#include "core/data/files/value_text.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 5> kLines{"neuron", "input", "edge", "output", "halt"};
constexpr std::array<std::string_view, 6> kActivations{"saturated", "step",    "relu",
                                                       "identity",  "sigmoid", "tanh"};
constexpr std::array<ActivationKind, 6> kKinds{ActivationKind::kSaturated, ActivationKind::kStep,
                                               ActivationKind::kRelu,      ActivationKind::kIdentity,
                                               ActivationKind::kSigmoid,   ActivationKind::kTanh};
constexpr std::array<std::string_view, 2> kModes{"initial", "clamped"};
constexpr std::array<std::string_view, 3> kNeuronAttributes{"activation", "bias", "initial"};
constexpr std::array<std::string_view, 3> kInputAttributes{"mode", "activation", "bias"};

/// The words of one line, and where it is.
struct Line {
    std::vector<std::string> words;
    std::string where;

    [[noreturn]] void refuse(const std::string& why) const {
        throw DataError(fmt::format("{}: {}", where, why));
    }
    [[nodiscard]] std::size_t choice(std::string_view what, std::string_view word,
                                     std::span<const std::string_view> valid) const {
        const auto found = std::ranges::find(valid, word);
        if (found == valid.end()) {
            refuse(fmt::format("'{}' is no {}{}; valid: {}", word, what, did_you_mean(word, valid),
                               fmt::join(valid, ", ")));
        }
        return static_cast<std::size_t>(found - valid.begin());
    }
    [[nodiscard]] double number(std::string_view text) const {
        const auto value = parse_number<double>(text);
        if (!value) refuse(fmt::format("{} is no number; {}", quoted(text), word_advice(text)));
        return *value;
    }
};

/// Collects the lines; what they say of neurons by name is looked up once all are there.
class Builder {
  public:
    void add(Line line) {
        const std::size_t kind = line.choice("line of a digraph", line.words.front(), kLines);
        if (line.words.size() < 2) line.refuse(fmt::format("{} needs the name of a neuron", line.words[0]));
        if (kind < 2) {
            add_neuron(line, kind == 1);
        } else {
            if (kLines[kind] == "edge" && line.words.size() != 4)
                line.refuse("an edge is: edge FROM TO WEIGHT, as in 'edge q q 1'");
            later_.push_back(std::move(line));
        }
    }

    Digraph finish(const std::filesystem::path& path) {
        for (const Line& line : later_) {
            if (line.words[0] == "edge") {
                add_edge(line);
            } else if (line.words[0] == "output") {
                for (std::size_t i = 1; i < line.words.size(); ++i)
                    digraph_.outputs.push_back(neuron(line, line.words[i]));
            } else {
                if (digraph_.halt || line.words.size() > 2) line.refuse("one neuron alone can be the halt");
                digraph_.halt = neuron(line, line.words[1]);
            }
        }
        if (digraph_.outputs.empty()) {
            throw DataError(fmt::format("{}: has no output; name the neurons to be read, as in 'output q'",
                                        path.string()));
        }
        return std::move(digraph_);
    }

  private:
    void add_neuron(const Line& line, bool input) {
        DigraphNeuron neuron{.name = line.words[1]};
        if (std::ranges::find(digraph_.neurons, neuron.name, &DigraphNeuron::name) != digraph_.neurons.end())
            line.refuse(fmt::format("neuron {} is given twice", neuron.name));
        std::vector<std::string> given;
        for (std::size_t i = 2; i < line.words.size(); ++i) {
            const std::string& word = line.words[i];
            const std::size_t equals = std::min(word.find('='), word.size());
            const std::string name = word.substr(0, equals);
            static_cast<void>(line.choice(input ? "attribute of an input" : "attribute of a neuron", name,
                                          input ? kInputAttributes : kNeuronAttributes));
            if (std::ranges::find(given, name) != given.end())
                line.refuse(fmt::format("attribute '{}' is given twice", name));
            given.push_back(name);
            set(line, neuron, name, word.substr(std::min(equals + 1, word.size())));
        }
        if (neuron.clamped && given.size() > 1) {
            line.refuse(
                fmt::format("input {} is clamped, so that it has neither activation nor bias; remove "
                            "these, or mode=clamped",
                            neuron.name));
        }
        if (input) digraph_.inputs.push_back(digraph_.neurons.size());
        digraph_.neurons.push_back(std::move(neuron));
    }

    static void set(const Line& line, DigraphNeuron& neuron, std::string_view name,
                    const std::string& value) {
        if (name == "activation") {
            neuron.activation = kKinds[line.choice("activation", value, kActivations)];
        } else if (name == "bias") {
            neuron.bias = line.number(value);
        } else if (name == "initial") {
            neuron.initial = line.number(value);
        } else {
            neuron.clamped = line.choice("mode", value, kModes) == 1;
        }
    }

    void add_edge(const Line& line) {
        const DigraphEdge edge{neuron(line, line.words[1]), neuron(line, line.words[2]),
                               line.number(line.words[3])};
        if (digraph_.neurons[edge.to].clamped) {
            line.refuse(fmt::format(
                "input {} is clamped, so that no edge can lead to it; give it mode=initial", line.words[2]));
        }
        const auto same = [&](const DigraphEdge& other) {
            return other.from == edge.from && other.to == edge.to;
        };
        if (std::ranges::any_of(digraph_.edges, same)) {
            line.refuse(fmt::format("the edge from {} to {} is given twice", line.words[1], line.words[2]));
        }
        digraph_.edges.push_back(edge);
    }

    [[nodiscard]] std::size_t neuron(const Line& line, const std::string& name) const {
        std::vector<std::string_view> names;
        for (const DigraphNeuron& each : digraph_.neurons) names.emplace_back(each.name);
        const auto found = std::ranges::find(names, name);
        if (found == names.end())
            line.refuse(fmt::format("there is no neuron {}{}", name, did_you_mean(name, names)));
        return static_cast<std::size_t>(found - names.begin());
    }

    Digraph digraph_;
    std::vector<Line> later_;
};

}  // namespace

Digraph read_digraph_file(const std::filesystem::path& path) {
    LineReader lines(path);
    Builder builder;
    for (std::string_view text; lines.next(text);) {
        std::istringstream words{std::string(without_comment(text))};
        Line line{{}, lines.where()};
        for (std::string word; words >> word;) line.words.push_back(word);
        if (!line.words.empty()) builder.add(std::move(line));
    }
    return builder.finish(path);
}

}  // namespace lockstep
