#include "launcher/commands/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <type_traits>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/training/optimizer.h"
#include "launcher/commands/runs/run_flags.h"
#include "launcher/options/config_paths.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace po = boost::program_options;

namespace {

constexpr OwnFlag kModel{
    "model", "FILE",
    "the model file, or the run directory of train or bag; several times: networks that answer "
    "together; network.weights where not given",
    false, true};
constexpr OwnFlag kCombine{
    "combine", "average|vote",
    "several models: the mean of their outputs, or a vote for each one's class; average where not "
    "given"};

constexpr OwnFlag kInject{"inject", "FAULT",
                          "for tests and drills, several times: kill:rank=2,step=40; hang:rank=1,step=5; "
                          "throw:rank=1,step=3; flip:rank=1,layer=0,bit=3,step=7,what=parameter|gradient; "
                          "slow:rank=1,ms=50; enospc:checkpoint=2; torn:checkpoint=3",
                          false, true};

constexpr std::array kTrainFlags{
    OwnFlag{
        "model", "FILE",
        "start from the parameters of this model file, or of that of a run directory; drawn where not given"},
    OwnFlag{"model_layers", "N|NAMES",
            "how many of that model's first layers are taken, or which, as in layer0,layer2; the others are "
            "drawn; "
            "all where not given"},
    kInject, kJson};
constexpr std::array kResumeFlags{
    OwnFlag{"model", "FILE", "where the model that the run started from is now"},
    OwnFlag{"allow", "NAME",
            "what may have changed: data, program, or a key that changes bits, which is refused "
            "otherwise; several times",
            false, true},
    kInject, kJson};
constexpr OwnFlag kSet{"set", "train|validation|test",
                       "which samples; the test set where not given; validation: that of data.split"};
constexpr std::array kEvalFlags{kModel, kCombine, kSet, kJson};
constexpr std::array kPredictFlags{
    kModel, kCombine, OwnFlag{"out", "FILE", "where the predictions go, one a line in input order", true},
    kSet, kJson};
constexpr std::array kPlanFlags{OwnFlag{"ranks", "N", "as if on N ranks; 1 where not given"}, kJson};
constexpr std::array kGradcheckFlags{
    OwnFlag{"model", "FILE", "check at this model's weights; the first weights where not given"},
    OwnFlag{"samples", "N", "how many of the training set's first samples; 8 where not given"},
    OwnFlag{"parameters", "N",
            "how many of each block are tried, drawn by training.seed, or all; 50 where not "
            "given"},
    OwnFlag{"tolerance", "T", "largest relative error; 1e-4 where not given, 0.1 in bf16"}, kJson};
constexpr std::array kDigestFlags{OwnFlag{"layers", "", "a digest for each layer as well"}, kJson};
constexpr std::array kExportFlags{OwnFlag{"format", "safetensors|npz", "the format", true},
                                  OwnFlag{"out", "FILE", "the file to write", true}, kJson};
constexpr std::array kBenchFlags{
    OwnFlag{"layers", "IN-UNITS-…", "step: inputs and units of every layer; 784-800-10 where not given"},
    OwnFlag{"global_batch", "N", "step: samples over all ranks; 128 where not given"},
    OwnFlag{"arithmetic", "fp32|bf16|fp32_amx", "gemm, step: as training.arithmetic; fp32 where not given"},
    OwnFlag{"optimizer", "NAME", "step: as optimizer.name; sgd where not given"},
    OwnFlag{"bucket_mib", "M", "step: as comm.bucket_mib; 1 where not given"},
    OwnFlag{"threads", "N", "of each rank; 1 where not given"},
    OwnFlag{"seconds", "S", "how long a network or a shape is measured; 2 where not given"},
    OwnFlag{"shape", "M-N-K", "gemm: products of (M, N) from chains of K; eight shapes where not given"},
    OwnFlag{"peak", "", "gemm: what the CPU reaches in registers as well"},
    kJson};
constexpr std::array kJsonAlone{kJson};

constexpr std::array kSubcommands{
    Subcommand{.name = "train",
               .arguments = "CONFIG",
               .help = "train a network; alone or under mpirun",
               .flags = kTrainFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_train},
    Subcommand{.name = "resume",
               .arguments = "RUN_DIR",
               .help = "go on with a run from its newest good checkpoint, on any number of ranks",
               .flags = kResumeFlags,
               .takes_run = true,
               .trains = true,
               .on_ranks = command_resume},
    Subcommand{.name = "crossval",
               .arguments = "CONFIG",
               .help = "k-fold cross-validation: train and judge once for every fold",
               .flags = kTrainFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_crossval},
    Subcommand{.name = "bag",
               .arguments = "CONFIG",
               .help = "train networks on bootstrap samples, for eval and predict to combine",
               .flags = kTrainFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_bag},
    Subcommand{.name = "eval",
               .arguments = "CONFIG",
               .help = "loss and accuracy of a model; the activity of a digraph",
               .flags = kEvalFlags,
               .takes_config = true,
               .on_ranks = command_eval},
    Subcommand{.name = "predict",
               .arguments = "CONFIG",
               .help = "a model's prediction for every sample",
               .flags = kPredictFlags,
               .takes_config = true,
               .on_ranks = command_predict},
    Subcommand{.name = "plan",
               .arguments = "CONFIG",
               .help = "check everything and say what train would do; train nothing",
               .flags = kPlanFlags,
               .takes_config = true,
               .alone = command_plan},
    Subcommand{.name = "gradcheck",
               .arguments = "CONFIG",
               .help = "compare backpropagation's gradient with finite differences",
               .flags = kGradcheckFlags,
               .takes_config = true,
               .alone = command_gradcheck},
    Subcommand{.name = "digest",
               .arguments = "FILE",
               .help = "128-bit digest of a model's parameters",
               .flags = kDigestFlags,
               .alone = command_digest},
    Subcommand{.name = "diff",
               .arguments = "A B",
               .help = "first difference of two models, or of two runs by their directories; exit code 0 "
                       "equal, 1 different",
               .flags = kDiffFlags,
               .alone = command_diff},
    Subcommand{.name = "replay",
               .arguments = "RUN_DIR",
               .help =
                   "recompute one step of a run on one process and compare it with the run's ledger; exit "
                   "code 0 equal, 7 different",
               .flags = kReplayFlags,
               .computes = false,
               .on_ranks = command_replay},
    Subcommand{.name = "verify",
               .arguments = "CONFIG",
               .help = "launch short runs in several ways and compare every step: the acceptance test of a "
                       "machine; exit code 0 equal, 7 different",
               .flags = kVerifyFlags,
               .takes_config = true,
               .computes = false,
               .alone = command_verify},
    Subcommand{.name = "export",
               .arguments = "MODEL",
               .help = "write a model's parameters for other programs",
               .flags = kExportFlags,
               .alone = command_export},
    Subcommand{
        .name = "bench",
        .arguments = "comm|gemm|step",
        .help = "measure collectives, products or whole training steps; comm and step under mpirun too",
        .flags = kBenchFlags,
        .on_ranks = command_bench},
    Subcommand{.name = "info",
               .arguments = "",
               .help = "version, MPI library, instruction sets, CPUs",
               .flags = kJsonAlone,
               .computes = false,
               .on_ranks = command_info,
               .alone = command_info_alone},
};

constexpr std::string_view kFiles = "files";

const Subcommand& find_subcommand(const std::string& name) {
    const auto found = std::ranges::find(kSubcommands, name, &Subcommand::name);
    if (found != kSubcommands.end()) return *found;
    std::vector<std::string_view> names;
    for (const Subcommand& subcommand : kSubcommands) names.push_back(subcommand.name);
    throw ConfigError(fmt::format("unknown subcommand {}{}; `lockstep --help` lists them", name,
                                  did_you_mean(name, names)));
}

const OwnFlag* find_flag(const Subcommand& subcommand, std::string_view name) {
    const auto found = std::ranges::find(subcommand.flags, name, &OwnFlag::name);
    return found == subcommand.flags.end() ? nullptr : &*found;
}

[[noreturn]] void throw_unknown_flag(const Subcommand& subcommand, std::string_view flag) {
    const std::string_view name = flag.substr(std::min(flag.size(), flag.find_first_not_of('-')));
    std::vector<std::string_view> names{"help"};
    for (const OwnFlag& own : subcommand.flags) names.push_back(own.name);
    std::string nearest = nearest_spelling(name, names);
    if (nearest.empty() && (subcommand.takes_config || subcommand.takes_run)) nearest = nearest_key(name);
    throw ConfigError(fmt::format(
        "unknown flag {} of lockstep {}{}; `lockstep {} --help` lists them", flag, subcommand.name,
        nearest.empty() ? "" : fmt::format(" (did you mean --{}?)", nearest), subcommand.name));
}

po::parsed_options parse(const Subcommand& subcommand, const std::vector<std::string>& arguments) {
    po::options_description description;
    for (const OwnFlag& flag : subcommand.flags) {
        const std::string flag_name(flag.name);
        if (flag.value.empty()) {
            description.add_options()(flag_name.c_str(), "");
        } else {
            description.add_options()(flag_name.c_str(), po::value<std::string>());
        }
    }
    if (subcommand.takes_config || subcommand.takes_run) {
        for (const OptionSpec& spec : option_table()) {
            description.add_options()(std::string(spec.key).c_str(), po::value<std::string>());
        }
    }
    description.add_options()(std::string(kFiles).c_str(), po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add(std::string(kFiles).c_str(), -1);
    // No guessing of abbreviated names, and no single dashes, so that -1 can be a value.
    namespace style = po::command_line_style;
    try {
        return po::command_line_parser(arguments)
            .options(description)
            .positional(positional)
            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
            .run();
    } catch (const po::unknown_option& error) {
        throw_unknown_flag(subcommand, error.get_option_name());
    } catch (const po::error& error) {
        throw ConfigError(
            fmt::format("{}; `lockstep {} --help` says what each flag takes", error.what(), subcommand.name));
    }
}

std::string one_of(std::string_view flag, const std::string& value, std::span<const std::string_view> valid) {
    if (std::ranges::find(valid, value) != valid.end()) return value;
    throw ConfigError(fmt::format("--{} {}: must be one of {}{}", flag, value, fmt::join(valid, ", "),
                                  did_you_mean(value, valid)));
}

std::string one_of(std::string_view flag, const std::string& value,
                   std::initializer_list<std::string_view> valid) {
    return one_of(flag, value, std::span(valid.begin(), valid.size()));
}

std::size_t rank_number(const std::string& value) {
    const auto number = parse_number<std::size_t>(value);
    // What an MPI rank number can be; plan walks over all of them.
    constexpr std::size_t kMostRanks = std::size_t{1} << 20;
    if (number && *number > 0 && *number <= kMostRanks) return *number;
    throw ConfigError(fmt::format("--ranks {}: must be a whole number from 1 to {}", value, kMostRanks));
}

/// A number of a flag, up to `most`; a ConfigError that names the flag otherwise.
template <class T>
T positive(std::string_view flag, const std::string& value, T most = std::numeric_limits<T>::max()) {
    const auto number = parse_number<T>(value);
    if (number && *number > T{0} && *number <= most) return *number;
    const bool bounded = most < std::numeric_limits<T>::max();
    throw ConfigError(fmt::format("--{} {}: must be a number above 0{}{}", flag, value,
                                  bounded ? fmt::format(" and up to {}", most) : "",
                                  std::is_integral_v<T> ? digits_hint(value) : decimal_hint(value)));
}

// What a bench can be asked for; whether the machine has the memory is found out where it is known.
constexpr std::size_t kMostSize = std::size_t{1} << 31;
constexpr std::size_t kMostThreads = 4096;
constexpr double kMostBucket_mib = 1 << 20;
constexpr double kMostSeconds = 86400.0;

/// "784-800-10" as numbers.
std::vector<std::size_t> sizes_of(std::string_view flag, const std::string& value) {
    std::vector<std::size_t> sizes;
    std::istringstream words(value);
    for (std::string word; std::getline(words, word, '-');)
        sizes.push_back(positive<std::size_t>(flag, word, kMostSize));
    return sizes;
}

ProductShape product_shape(const std::string& value) {
    const std::vector<std::size_t> sizes = sizes_of("shape", value);
    if (sizes.size() == 3) return {sizes[0], sizes[1], sizes[2]};
    throw ConfigError(fmt::format("--shape {}: needs three sizes M-N-K, as in 128-800-784", value));
}

std::vector<std::size_t> layer_sizes(const std::string& value) {
    std::vector<std::size_t> sizes = sizes_of("layers", value);
    if (sizes.size() >= 2 && sizes.back() >= 2) return sizes;
    throw ConfigError(fmt::format(
        "--layers {}: needs inputs and at least one layer, the last of two units or more, as in 784-800-10",
        value));
}

void set_bench_flag(BenchInput& bench, const std::string& name, const std::string& value) {
    if (name == "layers" && !value.empty()) bench.layers = layer_sizes(value);
    if (name == "global_batch") bench.global_batch = positive<std::size_t>(name, value, kMostSize);
    if (name == "arithmetic") bench.arithmetic = one_of(name, value, names_of<Arithmetic>);
    if (name == "optimizer") bench.optimizer = one_of(name, value, optimizer_names());
    if (name == "bucket_mib") bench.bucket_mib = positive<double>(name, value, kMostBucket_mib);
    if (name == "threads") bench.threads = positive<std::size_t>(name, value, kMostThreads);
    if (name == "seconds") bench.seconds = positive<double>(name, value, kMostSeconds);
    if (name == "shape") bench.shape = product_shape(value);
    if (name == "peak") bench.peak = true;
}

void set_gradcheck_flag(GradcheckInput& gradcheck, const std::string& name, const std::string& value) {
    if (name == "samples") gradcheck.samples = positive<std::size_t>(name, value);
    if (name == "parameters") gradcheck.parameters = value == "all" ? 0 : positive<std::size_t>(name, value);
    if (name == "tolerance") gradcheck.tolerance = positive<double>(name, value);
}

/// A file's name as a flag has it. A shell expands the ~ of `--out ~/x`, but not that of `--out=~/x`.
std::filesystem::path file_name(const std::string& flag, const std::string& value) {
    if (value.empty()) throw ConfigError(fmt::format("--{}: the name of the file is empty", flag));
    try {
        return expand_path(value, process_variable);
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("--{} {}: {}", flag, value, error.what()));
    }
}

void set_flag(std::string_view subcommand, CommandInput& input, const std::string& name,
              const std::string& value) {
    if (name == "json") input.json = true;
    if (subcommand == "verify") return set_verify_flag(input.verify, name, value);
    if (subcommand == "replay") return set_replay_flag(input.replay, name, value);
    if (name == "ledger_only") input.ledger_only = true;
    if (name == "layers") input.layers = value.empty();
    if (name == "model") input.models.push_back(file_name(name, value));
    if (name == "model_layers") {
        if (value.empty())
            throw ConfigError("--model_layers: is empty; give a number, or names as in layer0,layer2");
        input.model_layers = value;
    }
    if (name == "combine") {
        input.combination =
            one_of(name, value, {"average", "vote"}) == "vote" ? Combination::kVote : Combination::kAverage;
    }
    if (name == "out") input.out = file_name(name, value);
    if (name == "set") input.set = one_of(name, value, {"train", "validation", "test"});
    if (name == "format") input.format = one_of(name, value, {"safetensors", "npz"});
    if (name == "allow") input.allowed.push_back(value);
    if (name == "inject") {
        for (const Fault& fault : parse_faults(value)) input.faults.push_back(fault);
    }
    if (name == "ranks") input.ranks = rank_number(value);
    set_bench_flag(input.bench, name, value);
    set_gradcheck_flag(input.gradcheck, name, value);
}

void check_complete(const Subcommand& subcommand, const CommandInput& input,
                    const std::vector<std::string>& seen) {
    std::istringstream words{std::string(subcommand.arguments)};
    std::vector<std::string> wanted;
    for (std::string word; words >> word;) wanted.push_back(word);
    if (input.positional.size() > wanted.size()) {
        throw ConfigError(fmt::format("unexpected argument {}; usage: lockstep {} {}",
                                      input.positional[wanted.size()].string(), subcommand.name,
                                      subcommand.arguments));
    }
    if (input.positional.size() < wanted.size()) {
        throw ConfigError(fmt::format("lockstep {} needs {}; usage: lockstep {} {}", subcommand.name,
                                      wanted[input.positional.size()], subcommand.name,
                                      subcommand.arguments));
    }
    for (const OwnFlag& flag : subcommand.flags) {
        if (!flag.required || std::ranges::find(seen, flag.name) != seen.end()) continue;
        throw ConfigError(
            fmt::format("lockstep {} needs --{} {}: {}", subcommand.name, flag.name, flag.value, flag.help));
    }
}

}  // namespace

std::span<const Subcommand> subcommands() { return kSubcommands; }

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
    CommandLine line;
    const auto asks = [&](std::string_view flag) {
        return std::ranges::find(arguments, flag) != arguments.end();
    };
    line.help = asks("--help") || asks("-h") || (!arguments.empty() && arguments.front() == "help");
    line.version = !arguments.empty() && arguments.front() == "--version";
    if (line.version) return line;
    if (!arguments.empty() && !arguments.front().starts_with('-') && arguments.front() != "help") {
        line.subcommand = &find_subcommand(arguments.front());
    }
    if (line.help) return line;
    if (line.subcommand == nullptr) {
        throw ConfigError(arguments.empty()
                              ? "no subcommand is given; `lockstep --help` lists them"
                              : fmt::format("unknown flag {} before the subcommand; `lockstep --help` "
                                            "lists the subcommands",
                                            arguments.front()));
    }

    std::vector<std::string> seen;
    for (const po::option& option :
         parse(*line.subcommand, {arguments.begin() + 1, arguments.end()}).options) {
        const std::string value = option.value.empty() ? "" : option.value.front();
        if (option.position_key >= 0) {
            if (value.starts_with('-') && value.size() > 1) throw_unknown_flag(*line.subcommand, value);
            line.input.positional.emplace_back(value);
        } else if (const OwnFlag* flag = find_flag(*line.subcommand, option.string_key); flag == nullptr) {
            line.input.config_flags.emplace_back(option.string_key, value);
        } else {
            if (!flag->repeated && std::ranges::find(seen, option.string_key) != seen.end()) {
                throw ConfigError(
                    fmt::format("--{} is given twice; remove one of the two", option.string_key));
            }
            seen.push_back(option.string_key);
            line.own_flags.emplace_back(option.string_key, value);
            set_flag(line.subcommand->name, line.input, option.string_key, value);
        }
    }
    check_complete(*line.subcommand, line.input, seen);
    return line;
}

}  // namespace lockstep
