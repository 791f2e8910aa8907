#include "launcher/report/model_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/threads.h"
#include "launcher/files/model_file.h"
#include "launcher/recovery/run_record.h"
#include "launcher/report/picture.h"
#include "launcher/run/run_directory.h"
#include "launcher/score/confusion.h"
#include "launcher/score/data_check.h"
#include "launcher/score/model_inputs.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostPictures = 64;
/// Of a page of several runs, which each have theirs.
constexpr std::size_t kFewPictures = 24;
constexpr std::size_t kFewRuns = 3;
/// A matrix of more classes is no picture; the classes' shares and what is confused most remain.
constexpr std::size_t kMostInMatrix = 50;
constexpr std::size_t kMostConfused = 12;

Json number(std::optional<double> value) { return value ? Json(*value) : Json(); }

/// The picture's frame: {"height", "width", "channels"}.
Json frame(const Shape& shape) {
    return {{"height", shape.height()}, {"width", shape.width()}, {"channels", picture_channels(shape)}};
}

/// The set that says most: one that the network has not seen, if there is one with labels.
std::pair<std::string, std::shared_ptr<const Dataset>> scored_set(const DataSets& data) {
    if (data.test->has_targets()) return {"test", data.test};
    if (data.validation) return {"validation", data.validation};
    return {"train", data.train};
}

/// Throws DataError where the set is another than the run had.
void check_same_set(const Json& record, const std::string& name, const Dataset& set) {
    const Json::json_pointer place("/" + name + "_data/digest");
    const std::string then = record.contains(place) ? record[place].get<std::string>() : "";
    const std::string now = set.digest();
    if (then.empty() || now.empty() || then == now) return;
    throw DataError(fmt::format("{}: it has the digest {}, but {} in the run; give the data that it had",
                                set.description(), now, then));
}

/// What is taken for what most often.
Json most_confused(const Confusion& confusion) {
    struct Pair {
        std::size_t label, predicted;
    };
    std::vector<Pair> pairs;
    for (std::size_t c = 0; c < confusion.classes(); ++c) {
        for (std::size_t p = 0; p < confusion.classes(); ++p) {
            if (c != p && confusion.count(c, p) > 0) pairs.push_back({c, p});
        }
    }
    std::ranges::stable_sort(pairs, [&](const Pair& a, const Pair& b) {
        return confusion.count(a.label, a.predicted) > confusion.count(b.label, b.predicted);
    });
    Json json = Json::array();
    for (std::size_t i = 0; i < std::min(kMostConfused, pairs.size()); ++i) {
        json.push_back({{"label", pairs[i].label},
                        {"predicted", pairs[i].predicted},
                        {"samples", confusion.count(pairs[i].label, pairs[i].predicted)}});
    }
    return json;
}

Json confusion_json(const Confusion& confusion, const std::vector<std::string>& names) {
    Json json{{"samples", confusion.samples()}, {"accuracy", confusion.accuracy()}, {"classes", names}};
    json["per_class"] = Json::array();
    for (std::size_t c = 0; c < confusion.classes(); ++c) {
        json["per_class"].push_back({{"samples", confusion.samples_of(c)},
                                     {"predictions", confusion.predictions_of(c)},
                                     {"precision", number(confusion.precision(c))},
                                     {"recall", number(confusion.recall(c))}});
    }
    if (confusion.classes() <= kMostInMatrix) {
        for (std::size_t c = 0; c < confusion.classes(); ++c) {
            Json row = Json::array();
            for (std::size_t p = 0; p < confusion.classes(); ++p) row.push_back(confusion.count(c, p));
            json["matrix"].push_back(std::move(row));
        }
    }
    json["most_confused"] = most_confused(confusion);
    return json;
}

/// The samples that are taken most surely for another class, with their pictures.
Json worst_json(const Confusion& confusion, const Dataset& set, std::size_t most) {
    const std::vector<WrongAnswer> wrong = confusion.worst_first();
    const std::optional<Shape> shape = picture_shape(set.input_shape());
    Json json{{"wrong", wrong.size()}, {"samples", Json::array()}};
    if (shape) json["frame"] = frame(*shape);
    std::vector<float> values(set.input_size());
    for (std::size_t i = 0; i < std::min(most, wrong.size()); ++i) {
        const WrongAnswer& answer = wrong[i];
        Json sample{{"sample", answer.sample},
                    {"label", answer.label},
                    {"predicted", answer.predicted},
                    {"of_label", answer.of_label},
                    {"of_predicted", answer.of_predicted}};
        if (shape) {
            set.read({&answer.sample, 1}, {values.data(), 1, values.size()}, {});
            sample["pixels"] = picture_of_values(values, *shape);
        }
        json["samples"].push_back(std::move(sample));
    }
    return json;
}

/// The weights into the first layer's neurons, as pictures of what each looks at: of the neurons with the
/// largest. Says in "missing" why there are none.
Json weights_json(const Model& model, std::optional<Shape> inputs, std::size_t most) {
    const std::size_t count = model.record.network.inputs.count();
    if (!inputs || inputs->count() != count) inputs = Shape(count);
    const auto blocks = model.layout.blocks_of(0);
    const std::optional<Shape> shape = picture_shape(*inputs);
    const auto is_of_inputs = [&](const ParameterBlock& block) {
        return block.rows == count && block.cols > 0;
    };
    const auto block = std::ranges::find_if(blocks, is_of_inputs);
    if (block == blocks.end())
        return {{"missing", "the first layer has no weight for each neuron and input"}};
    if (model.record.preprocessing && !model.record.preprocessing->rotation.empty())
        return {{"missing", "the first layer's inputs are components, not pixels"}};
    if (!shape) return {{"missing", fmt::format("{} inputs are no picture", count)}};
    const ConstMatrix weights = block->in(model.arena.span());
    std::vector<double> norms(block->cols);
    for (std::size_t r = 0; r < block->rows; ++r) {
        for (std::size_t j = 0; j < block->cols; ++j) {
            const auto w = static_cast<double>(weights(r, j));
            norms[j] += std::isfinite(w) ? w * w : 0.0;
        }
    }
    std::vector<std::size_t> neurons(block->cols);
    std::iota(neurons.begin(), neurons.end(), std::size_t{0});
    std::ranges::stable_sort(neurons, [&](std::size_t a, std::size_t b) { return norms[a] > norms[b]; });
    neurons.resize(std::min(most, neurons.size()));
    Json json{{"block", block->name}, {"neurons", block->cols}, {"frame", frame(*shape)}};
    std::vector<float> column(block->rows);
    for (const std::size_t j : neurons) {
        for (std::size_t r = 0; r < block->rows; ++r) column[r] = weights(r, j);
        const auto [least, largest] = std::ranges::minmax(column);
        json["pictures"].push_back({{"neuron", j},
                                    {"least", least},
                                    {"largest", largest},
                                    {"norm", std::sqrt(norms[j])},
                                    {"pixels", picture_of_weights(column, *shape)}});
    }
    return json;
}

}  // namespace

ModelViews::ModelViews(std::filesystem::path data_dir, std::size_t runs)
    : data_dir_(std::move(data_dir)), most_pictures_(runs <= kFewRuns ? kMostPictures : kFewPictures) {}

const DataSets& ModelViews::data(const DataOptions& options) {
    if (options_ != options) {
        options_.reset();
        data_ = {};
        data_ = open_data(options);
        options_ = options;
    }
    return data_;
}

void ModelViews::add_answers(const RunView& run, Json& json) {
    const std::filesystem::path path = run.files / kModelFile;
    const Model model = read_model(path);
    std::optional<Shape> inputs;
    try {
        std::vector<std::pair<std::string, std::string>> flags;
        const std::string source = run.record.value(Json::json_pointer("/options/data.source/value"), "");
        if (!data_dir_.empty() && source_reads(source, "dir"))
            flags.emplace_back("data.dir", data_dir_.string());
        const ResolvedOptions options = options_of(run.record, flags);
        const Config config = make_config(options);
        set_thread_count(static_cast<int>(config.training.threads));
        const DataSets& sets = data(config.data);
        inputs = sets.train->raw_shape();
        const auto [name, set] = scored_set(sets);
        check_same_set(run.record, name, *set);
        if (set->classes() == 0) {
            json["remarks"].push_back("targets are numbers: there are no classes to take for each other");
        } else {
            const NetworkSpec spec = check_against_data(config, options, *sets.train, *sets.test);
            check_fits(path, model.record, spec, config.preprocessing);
            Network network(spec, config.training.arithmetic);
            network.pack(model.arena.span());
            const auto seen = ModelInputs::of(path, model.record).seen(set);
            const Confusion confusion = count_confusion(network, model.arena.span(), *seen, 0, seen->size());
            json["set"] = name;
            json["confusion"] =
                confusion_json(confusion, class_names(config.data.source, confusion.classes()));
            json["worst"] = worst_json(confusion, *set, most_pictures_ / 2);
        }
    } catch (const std::exception& error) {
        json["remarks"].push_back(
            fmt::format("nothing is said of what the model takes for what: {}", error.what()));
    }
    json["weights"] = weights_json(model, inputs, most_pictures_);
}

Json ModelViews::of(const RunView& run) {
    Json json{{"remarks", Json::array()}};
    if (!is_there(run.files / kModelFile)) {
        json["remarks"].push_back("there is no model yet");
        return json;
    }
    try {
        add_answers(run, json);
    } catch (const Error& error) {
        json["remarks"].push_back(error.what());
    }
    return json;
}

}  // namespace lockstep
