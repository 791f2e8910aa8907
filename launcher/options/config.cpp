#include "launcher/options/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/network/layers/layer_kind.h"
#include "launcher/options/config_stopping.h"
#include "launcher/options/duration.h"
#include "launcher/options/option_refusals.h"
#include "launcher/options/options_table.h"
#include "launcher/train/data_advice.h"
#include "launcher/train/thread_advice.h"

namespace lockstep {

namespace {

// The values were checked when they were resolved, so that reading them again cannot fail.
template <class T>
T number(const ResolvedOptions& options, std::string_view key) {
    return parse_number<T>(options.text(key)).value();
}

std::size_t count(const ResolvedOptions& options, std::string_view key) {
    return number<std::size_t>(options, key);
}

SplitShares make_split(const ResolvedOptions& options) {
    const auto split = parse_split(options.text("data.split"));
    if (!split) {
        throw ConfigError(fmt::format(
            "{}: must be none, or two or three whole numbers above 0 that add up to 100, as in 80/20 "
            "(training, validation) or 60/20/20 (training, validation, test)",
            options.place("data.split")));
    }
    if (split->per_cent.empty() && options.given("data.split_seed")) {
        throw ConfigError(fmt::format("{}: has no effect without data.split; set that, or remove the key",
                                      options.place("data.split_seed")));
    }
    return *split;
}

InputScale make_scale(const ResolvedOptions& options) {
    const auto scale = parse_input_scale(options.text("data.scale"));
    if (scale) return *scale;
    throw ConfigError(
        fmt::format("{}: must be auto, none, or the number above 0 by which inputs are divided, as in 255",
                    options.place("data.scale")));
}

DataOptions make_data(const ResolvedOptions& options) {
    return {.source = options.text("data.source"),
            .dir = options.text("data.dir"),
            .prefix = options.text("data.prefix"),
            .scale = make_scale(options),
            .train_vectors = options.text("data.train_vectors"),
            .train_labels = options.text("data.train_labels"),
            .test_vectors = options.text("data.test_vectors"),
            .test_labels = options.text("data.test_labels"),
            .table = options.text("data.table"),
            .classes = count(options, "data.classes"),
            .train_samples = count(options, "data.train_samples"),
            .test_samples = count(options, "data.test_samples"),
            .seed = number<std::uint64_t>(options, "data.seed"),
            .split = make_split(options),
            .split_seed = number<std::uint64_t>(options, "data.split_seed")};
}

AugmentationOptions make_augmentation(const ResolvedOptions& options) {
    const AugmentationOptions augmentation{
        .width = count(options, "augmentation.width"),
        .shift = number<float>(options, "augmentation.shift"),
        .rotation = number<float>(options, "augmentation.rotation"),
        .scaling = number<float>(options, "augmentation.scaling"),
        .elastic_alpha = number<float>(options, "augmentation.elastic_alpha"),
        .elastic_sigma = number<float>(options, "augmentation.elastic_sigma")};
    refuse_without(options, "augmentation.elastic_sigma", augmentation.elastic_alpha != 0.0F,
                   "augmentation.elastic_alpha");
    refuse_without(options, "augmentation.width", augmentation.any(),
                   "a distortion such as augmentation.shift");
    return augmentation;
}

PreprocessingOptions make_preprocessing(const ResolvedOptions& options) {
    const auto which = std::ranges::find(input_scaling_names(), options.text("preprocessing.inputs"));
    const PreprocessingOptions preprocessing{
        .inputs = static_cast<InputScaling>(which - input_scaling_names().begin()),
        .components = count(options, "preprocessing.components")};
    const bool rotates =
        preprocessing.inputs == InputScaling::kPca || preprocessing.inputs == InputScaling::kWhiten;
    if (options.given("preprocessing.components") && !rotates) {
        throw ConfigError(
            fmt::format("{}: belongs to preprocessing.inputs = pca or whiten, but {} is chosen; remove the "
                        "key, or choose one of these",
                        options.place("preprocessing.components"), options.text("preprocessing.inputs")));
    }
    return preprocessing;
}

/// Classes as numbers, for errors that are differences of numbers.
TargetCoding make_coding(const ResolvedOptions& options, Loss loss) {
    const TargetCoding coding{.classes = false,  // as the data will say
                              .low = number<float>(options, "preprocessing.target_low"),
                              .high = number<float>(options, "preprocessing.target_high")};
    for (const std::string_view key : {"preprocessing.target_low", "preprocessing.target_high"}) {
        if (!options.given(key)) continue;
        if (is_cross_entropy(loss) || loss == Loss::kPerceptron) {
            throw ConfigError(
                fmt::format("{}: belongs to square errors, but network.loss = {} takes classes as 0 and 1; "
                            "remove the key, or choose square_error",
                            options.place(key), to_string(loss)));
        }
        if (coding.low >= coding.high) {
            throw ConfigError(
                fmt::format("{}: preprocessing.target_low = {} must be below preprocessing.target_high = {}",
                            options.place(key), coding.low, coding.high));
        }
    }
    return coding;
}

/// check(network), with the place of its last layer.
void check_network(const ResolvedOptions& options, const NetworkSpec& network) {
    const OptionValue& last = options.at("network.layer").values.back();
    try {
        check(network);
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("{}: network.layer = {} with {}: {}", last.origin, last.text,
                                      options.place("network.loss"), error.what()));
    }
}

NetworkSpec make_network(const ResolvedOptions& options) {
    const std::vector<OptionValue>& layers = options.at("network.layer").values;
    NetworkSpec network;
    for (const OptionValue& layer : layers) {
        network.layers.push_back(parse_layer(layer.text));
        if (network.layers.back().softmax && &layer != &layers.back()) {
            throw ConfigError(fmt::format("{}: network.layer = {}: only the last layer can be softmax",
                                          layer.origin, layer.text));
        }
    }
    network.loss = parse_loss(options.text("network.loss"));
    network.coding = make_coding(options, network.loss);
    network.input_dropout = number<float>(options, "network.input_dropout");
    network.dropout_by_step = options.text("network.dropout_draw") == "step";
    refuse_without(options, "network.dropout_draw", network.drops_out(),
                   "dropout= of a layer or network.input_dropout");
    check_network(options, network);
    return network;
}

/// Pieces are cut along the leaf tree, so they are whole leaves.
std::size_t make_micro_batch(const ResolvedOptions& options, std::size_t leaf) {
    const std::size_t samples = count(options, "training.micro_batch");
    if (samples % leaf == 0) return samples;
    const std::size_t below = samples / leaf * leaf;
    throw ConfigError(
        fmt::format("{}: must be a multiple of training.leaf = {}; choose {}{}, or 0 for no bound",
                    options.place("training.micro_batch"), leaf,
                    below > 0 ? fmt::format("{} or ", below) : "", below + leaf));
}

/// Descent needs a derivative, which a unit step has not.
void refuse_steps(const ResolvedOptions& options, const NetworkSpec& network) {
    if (network.loss == Loss::kPerceptron) return;
    if (options.text("training.epochs") == "0" && options.text("training.max_steps") == "0") return;
    const std::vector<OptionValue>& layers = options.at("network.layer").values;
    for (std::size_t l = 0; l < layers.size(); ++l) {
        if (row_of(network.layers[l].activation.kind).descends) continue;
        throw ConfigError(fmt::format(
            "{}: network.layer = {}: a unit step has no derivative to descend by; train one layer with "
            "network.loss = perceptron, choose sigmoid, or set training.epochs = 0 to use given weights",
            layers[l].origin, layers[l].text));
    }
}

TrainingConfig make_training(const ResolvedOptions& options) {
    const std::string& batch = options.text("training.global_batch");
    TrainingConfig training;
    training.epochs = count(options, "training.epochs");
    training.max_steps = count(options, "training.max_steps");
    training.global_batch = batch == "all" ? kWholeSet : count(options, "training.global_batch");
    training.leaf = count(options, "training.leaf");
    training.micro_batch = make_micro_batch(options, training.leaf);
    training.seed = number<std::uint64_t>(options, "training.seed");
    training.threads = count(options, "training.threads");
    training.arithmetic = parse_arithmetic(options.text("training.arithmetic"));
    if (training.threads == 0) training.threads = read_thread_variable().threads;
    training.order =
        options.text("training.order") == "cyclic" ? SampleOrder::kCyclic : SampleOrder::kShuffled;
    read_stopping(options, training);
    if (!options.given("training.epochs") && !options.given("training.max_steps")) {
        throw ConfigError(
            "neither training.epochs nor training.max_steps is given; set one (0 to initialise the network "
            "and save "
            "it untrained)");
    }
    return training;
}

/// A key that only other optimizers read was meant to do something, and would not.
void refuse_keys_of_others(const ResolvedOptions& options) {
    constexpr std::string_view kSection = "optimizer.";
    const std::string& name = options.text("optimizer.name");
    for (const OptionSpec& option : option_table()) {
        if (!option.key.starts_with(kSection) || !options.given(option.key)) continue;
        const std::vector<std::string_view> owners = optimizers_that_read(option.key.substr(kSection.size()));
        if (owners.empty() || std::ranges::find(owners, name) != owners.end()) continue;
        throw ConfigError(
            fmt::format("{}: belongs to optimizer.name = {}, but {} is chosen; remove the key or choose {}",
                        options.place(option.key), fmt::join(owners, ", "), name,
                        owners.size() == 1 ? owners.front() : std::string_view("one that reads it")));
    }
}

EpsilonPlace parse_epsilon_place(const std::string& text) {
    const auto place = std::ranges::find(epsilon_places(), text) - epsilon_places().begin();
    return static_cast<EpsilonPlace>(place);
}

OptimizerOptions make_optimizer_options(const ResolvedOptions& options) {
    refuse_keys_of_others(options);
    return {.name = options.text("optimizer.name"),
            .momentum = number<float>(options, "optimizer.momentum"),
            .rho = number<float>(options, "optimizer.rho"),
            .beta1 = number<float>(options, "optimizer.beta1"),
            .beta2 = number<float>(options, "optimizer.beta2"),
            .epsilon = number<float>(options, "optimizer.epsilon"),
            .epsilon_place = parse_epsilon_place(options.text("optimizer.epsilon_place")),
            .weight_decay = number<float>(options, "optimizer.weight_decay"),
            .trust = number<float>(options, "optimizer.trust")};
}

RegularisationOptions make_regularisation(const ResolvedOptions& options) {
    const RegularisationOptions regularisation{
        .l2 = number<float>(options, "regularisation.l2"),
        .weight_decay = number<float>(options, "regularisation.weight_decay"),
        .max_norm = number<float>(options, "regularisation.max_norm"),
        .biases = options.text("regularisation.biases") == "true"};
    refuse_without(options, "regularisation.biases", regularisation.treats_weights(),
                   "regularisation.l2 or regularisation.weight_decay");
    const std::string& optimizer = options.text("optimizer.name");
    if (regularisation.treats_weights() && make_optimizer({.name = optimizer}, 0)->needs_whole_layers()) {
        const bool l2 = regularisation.l2 > 0.0F;
        throw ConfigError(
            fmt::format("{}: optimizer.name = {} scales a step by the norms of a whole layer and decays "
                        "weights by its own "
                        "rule; use optimizer.weight_decay, or another optimizer",
                        options.place(l2 ? "regularisation.l2" : "regularisation.weight_decay"), optimizer));
    }
    if (regularisation.max_norm > 0.0F && options.text("comm.shard") == "parameters") {
        throw ConfigError(fmt::format(
            "{}: a neuron's norm takes all of its weights, but with comm.shard = parameters no rank "
            "holds them together; choose comm.shard = optimizer or none, or 0 for no bound",
            options.place("regularisation.max_norm")));
    }
    return regularisation;
}

Sharding make_sharding(const ResolvedOptions& options) {
    const std::string& shard = options.text("comm.shard");
    if (shard == "none") return Sharding::kNone;
    const auto refuse = [&](const std::string& reason) {
        throw ConfigError(fmt::format("{}: {}", options.place("comm.shard"), reason));
    };
    if (options.text("comm.reduction") == "mpi") {
        refuse(
            "needs comm.reduction = tree: MPI's sums are not divided among the ranks; choose none or tree");
    }
    const std::string& optimizer = options.text("optimizer.name");
    if (make_optimizer({.name = optimizer}, 0)->needs_whole_layers()) {
        refuse(fmt::format(
            "goes with rules that update any slice alone, but optimizer.name = {} scales a step by "
            "the norms of a whole layer; choose none, or another rule",
            optimizer));
    }
    if (shard == "optimizer") return Sharding::kOptimizer;
    if (const std::string& arithmetic = options.text("training.arithmetic"); arithmetic != "fp32") {
        refuse(
            fmt::format("needs training.arithmetic = fp32: {} keeps packed copies of all weights on every "
                        "rank; choose optimizer or fp32",
                        arithmetic));
    }
    if (options.text("training.micro_batch") != "0") {
        refuse(
            fmt::format("a batch in pieces needs all gradients at once, and {} would hold those of a bucket "
                        "or two; choose optimizer, or training.micro_batch = 0",
                        shard));
    }
    return Sharding::kParameters;
}

Compression make_compression(const ResolvedOptions& options) {
    const std::string& word = options.text("comm.compression");
    if (word != "top_k" && options.given("comm.keep")) {
        throw ConfigError(
            fmt::format("{}: belongs to comm.compression = top_k, but {} is chosen; remove the key",
                        options.place("comm.keep"), word));
    }
    if (word == "none") return Compression::kNone;
    if (options.text("comm.reduction") == "mpi") {
        throw ConfigError(
            fmt::format("{}: needs comm.reduction = tree: MPI adds plain values; choose none or tree",
                        options.place("comm.compression")));
    }
    return word == "bf16" ? Compression::kBf16 : Compression::kTopK;
}

/// The keys that a schedule reads besides learning_rate and warmup_steps.
std::vector<std::string_view> schedule_keys(RateSchedule schedule) {
    switch (schedule) {
        case RateSchedule::kConstant:
            return {};
        case RateSchedule::kSteps:
            return {"rate_decay", "rate_decay_epochs"};
        case RateSchedule::kExponential:
            return {"rate_decay"};
        case RateSchedule::kInverse:
            return {"rate_decay_steps"};
        case RateSchedule::kCosine:
            return {"rate_final"};
        case RateSchedule::kAdaptive:
            return {"rate_rise", "rate_fall"};
    }
    return {};
}

void refuse_keys_of_other_schedules(const ResolvedOptions& options, RateSchedule schedule) {
    constexpr std::array<std::string_view, 6> kKeys{"rate_decay", "rate_decay_epochs", "rate_decay_steps",
                                                    "rate_final", "rate_rise",         "rate_fall"};
    const std::vector<std::string_view> read = schedule_keys(schedule);
    for (const std::string_view word : kKeys) {
        const std::string key = fmt::format("optimizer.{}", word);
        if (!options.given(key) || std::ranges::find(read, word) != read.end()) continue;
        std::vector<std::string_view> owners;
        for (std::size_t s = 0; s < rate_schedules().size(); ++s) {
            const auto keys = schedule_keys(static_cast<RateSchedule>(s));
            if (std::ranges::find(keys, word) != keys.end()) owners.push_back(rate_schedules()[s]);
        }
        throw ConfigError(fmt::format(
            "{}: belongs to optimizer.schedule = {}, but {} is chosen; remove the key or choose {}",
            options.place(key), fmt::join(owners, ", "), options.text("optimizer.schedule"),
            owners.size() == 1 ? owners.front() : std::string_view("one that reads it")));
    }
}

LearningRateOptions make_learning_rate(const ResolvedOptions& options) {
    const auto which = std::ranges::find(rate_schedules(), options.text("optimizer.schedule"));
    LearningRateOptions rate{
        .schedule = static_cast<RateSchedule>(which - rate_schedules().begin()),
        .rates = parse_rates(options.text("optimizer.learning_rate")).value(),
        .decay = number<float>(options, "optimizer.rate_decay"),
        .decay_epochs = count(options, "optimizer.rate_decay_epochs"),
        .decay_steps = count(options, "optimizer.rate_decay_steps"),
        .final_rate = number<float>(options, "optimizer.rate_final"),
        .rise = number<float>(options, "optimizer.rate_rise"),
        .fall = number<float>(options, "optimizer.rate_fall"),
        .warmup_steps = count(options, "optimizer.warmup_steps"),
    };
    refuse_keys_of_other_schedules(options, rate.schedule);
    if (rate.rates.size() > 1 && rate.schedule != RateSchedule::kConstant) {
        throw ConfigError(fmt::format(
            "{}: several rates, one an epoch, go with optimizer.schedule = constant; give one, or remove {}",
            options.place("optimizer.learning_rate"), options.place("optimizer.schedule")));
    }
    return rate;
}

/// "mnist, csv or letters".
std::string either(const std::vector<std::string_view>& words) {
    if (words.size() < 2) return fmt::format("{}", fmt::join(words, ""));
    const std::span<const std::string_view> but_last(words.data(), words.size() - 1);
    return fmt::format("{} or {}", fmt::join(but_last, ", "), words.back());
}

void check_data_keys(const ResolvedOptions& options) {
    const DataSource& source = *find_data_source(options.text("data.source"));
    for (const ResolvedOption& option : options.all()) {
        const std::string_view key = option.key;
        if (!key.starts_with("data.") || !options.given(key)) continue;
        const auto readers = data_sources_reading(key.substr(5));
        if (readers.empty() || std::ranges::find(readers, source.name) != readers.end()) continue;
        // A variable may be set once for all configurations, whether or not this one reads it.
        if (option.values.front().origin.starts_with("variable ")) continue;
        throw ConfigError(fmt::format("{}: belongs to data.source = {}, but {} is chosen; remove the key",
                                      options.place(key), either(readers), source.name));
    }
    if (source.needs.empty()) return;
    const std::string needed = fmt::format("data.{}", source.needs);
    if (options.text(needed).empty()) {
        throw ConfigError(fmt::format("data.source = {} needs {}; set {}, --{} or {}", source.name,
                                      source.needed_for, needed, needed, variable_name(needed)));
    }
}

/// A digraph is not trained, so that keys of training would have no effect.
void refuse_keys_beside_digraph(const ResolvedOptions& options) {
    for (const ResolvedOption& option : options.all()) {
        const std::string_view key = option.key;
        if (!options.given(key) || key.starts_with("data.") || key.starts_with("network.digraph")) continue;
        if (option.values.front().origin.starts_with("variable ")) continue;
        throw ConfigError(
            fmt::format("{}: has no effect with network.digraph, which has its own neurons and is run by "
                        "lockstep eval alone; "
                        "remove one of the two",
                        options.place(key)));
    }
}

}  // namespace

std::size_t TrainingConfig::steps(std::size_t steps_per_epoch) const {
    std::size_t by_epochs = 0;
    if (__builtin_mul_overflow(epochs, steps_per_epoch, &by_epochs))
        by_epochs = std::numeric_limits<std::size_t>::max();
    if (epochs == 0) return max_steps;
    return max_steps == 0 ? by_epochs : std::min(by_epochs, max_steps);
}

std::size_t CommConfig::bucket_bytes() const {
    return std::max(sizeof(float), static_cast<std::size_t>(bucket_mib * 0x1p20));
}

Config make_config(const ResolvedOptions& options) {
    check_data_keys(options);
    Config config;
    config.name = options.config_name();
    config.data = make_data(options);
    config.digraph = options.text("network.digraph");
    config.digraph_steps = count(options, "network.digraph_steps");
    if (!config.digraph.empty()) {
        refuse_keys_beside_digraph(options);
        return config;
    }
    if (options.given("network.digraph_steps")) {
        throw ConfigError(
            fmt::format("{}: has no effect without network.digraph; set that, or remove the key",
                        options.place("network.digraph_steps")));
    }
    config.augmentation = make_augmentation(options);
    config.preprocessing = make_preprocessing(options);
    config.network = make_network(options);
    config.weights = options.text("network.weights");
    config.training = make_training(options);
    refuse_steps(options, config.network);
    config.optimizer = make_optimizer_options(options);
    config.regularisation = make_regularisation(options);
    config.learning_rate = make_learning_rate(options);
    config.comm = {.reduction = options.text("comm.reduction") == "mpi" ? Reduction::kMpi : Reduction::kTree,
                   .sharding = make_sharding(options),
                   .compression = make_compression(options),
                   .keep = number<double>(options, "comm.keep"),
                   .bucket_mib = number<double>(options, "comm.bucket_mib"),
                   .check_every = count(options, "comm.check_every")};
    config.resampling = {.folds = count(options, "resampling.folds"),
                         .bags = count(options, "resampling.bags"),
                         .groups = count(options, "resampling.groups"),
                         .seed = number<std::uint64_t>(options, "resampling.seed")};
    config.run = {.dir = options.text("run.dir"),
                  .overwrite = options.text("run.overwrite") == "true",
                  .evaluate_every = count(options, "run.evaluate_every"),
                  .log_every = count(options, "run.log_every"),
                  .hang_timeout_seconds = parse_duration(options.text("run.hang_timeout")).value()};
    return config;
}

NetworkSpec check_against_data(const Config& config, const ResolvedOptions& options, const Dataset& train,
                               const Dataset& test) {
    NetworkSpec network = config.network;
    network.inputs = config.preprocessing.output_shape(train.input_shape());
    if (network.inputs.count() > train.input_size()) {
        throw ConfigError(fmt::format("{}: samples have {} inputs; choose at most {}, or 0 for all",
                                      options.place("preprocessing.components"), train.input_size(),
                                      train.input_size()));
    }
    if (test.input_size() != train.input_size() || test.classes() != train.classes() ||
        test.target_size() != train.target_size()) {
        throw DataError(fmt::format("{} and {} differ in the size of inputs or targets", train.description(),
                                    test.description()));
    }

    network.coding.classes = train.classes() > 0;
    for (const std::string_view key : {"preprocessing.target_low", "preprocessing.target_high"}) {
        if (!options.given(key) || network.coding.classes) continue;
        throw ConfigError(fmt::format("{}: is for classes, but {} has real targets; remove the key",
                                      options.place(key), train.description()));
    }

    // The layer that says how many there are.
    const std::vector<OptionValue>& layers = options.at("network.layer").values;
    std::size_t counting = layers.size() - 1;
    while (counting > 0 && !network.layers[counting].kind->units) --counting;
    const OptionValue& last = layers[counting];
    const std::size_t outputs = output_shape(network).count();
    const std::size_t wanted = train.classes() > 0 ? train.classes() : train.target_size();
    if (outputs != wanted) {
        throw ConfigError(fmt::format(
            "{}: network.layer = {}: the last layer has {} units, but {} has {} {}; set units={}{}",
            last.origin, last.text, outputs, train.description(), wanted,
            train.classes() > 0 ? "classes" : "target values", wanted, label_range_advice(train)));
    }
    check_network(options, network);
    if (network.layers.back().softmax && train.classes() == 0) {
        throw ConfigError(
            fmt::format("{}: network.layer = {}: softmax outputs need classes, but {} has real targets",
                        last.origin, last.text, train.description()));
    }
    // Its constructor refuses inputs that are no images.
    if (config.augmentation.any()) Augmenter(config.augmentation, train.raw_shape(), 0);
    const std::size_t batch = config.training.global_batch;
    if (batch != kWholeSet && batch > train.size()) {
        throw ConfigError(fmt::format("{}: is more than the {} training samples; choose at most {}, or all",
                                      options.place("training.global_batch"), train.size(), train.size()));
    }
    return network;
}

Arithmetic parse_arithmetic(std::string_view name) {
    if (name == "bf16") return Arithmetic::kBf16;
    return name == "fp32_amx" ? Arithmetic::kFp32Amx : Arithmetic::kFp32;
}

std::string to_string(Compression compression) {
    switch (compression) {
        case Compression::kNone:
            return "none";
        case Compression::kBf16:
            return "bf16";
        case Compression::kTopK:
            return "top_k";
    }
    return "?";
}

std::string to_string(Sharding sharding) {
    switch (sharding) {
        case Sharding::kNone:
            return "none";
        case Sharding::kOptimizer:
            return "optimizer";
        case Sharding::kParameters:
            return "parameters";
    }
    return "";
}

std::string to_string(Reduction reduction) { return reduction == Reduction::kMpi ? "mpi" : "tree"; }

}  // namespace lockstep
