// `lockstep verify`: launches the same short run in several ways and compares the digests of every step. Exit
// code 0 where all are equal, 7 where they are not.
#include "launcher/commands/runs/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "core/base/names.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/runs/launch.h"
#include "launcher/commands/runs/ledger_words.h"
#include "launcher/files/parse_json.h"
#include "launcher/recovery/ledger.h"
#include "launcher/recovery/run_comparison.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/printing.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;
using Flags = std::vector<std::pair<std::string, std::string>>;

/// A folder for the runs, where the ranks' hosts are likely to see it too; removed unless it is to be kept.
class RunsFolder {
  public:
    RunsFolder() {
        std::string name = (std::filesystem::current_path() / "lockstep-verify-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw ConfigError(fmt::format("cannot make a folder for the runs in {}: {}; start in another one",
                                          std::filesystem::current_path().string(), std::strerror(errno)));
        }
        path_ = name;
    }
    ~RunsFolder() {
        std::error_code ignored;
        if (!kept_) std::filesystem::remove_all(path_, ignored);
    }
    RunsFolder(const RunsFolder&) = delete;
    RunsFolder& operator=(const RunsFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void keep() { kept_ = true; }

  private:
    std::filesystem::path path_;
    bool kept_ = false;
};

/// A way in which the run is made. What is not given is as the configuration has it.
struct Way {
    std::size_t ranks;
    std::optional<std::size_t> threads;
    std::optional<std::string> shard;
};

struct VerifiedRun {
    std::size_t ranks = 0;
    std::size_t threads = 0;
    std::string shard;
    std::string hosts;  ///< each once
    std::string cpu;
    std::string instruction_set;
    std::size_t steps = 0;
    std::string digest;                   ///< of the final parameters
    LedgerComparison against_first = {};  ///< for the first itself: equal
    [[nodiscard]] bool equal() const {
        return against_first.kind == LedgerComparison::kEqual &&
               against_first.last_step_a == against_first.last_step_b;
    }
};

std::vector<Way> all_ways(const VerifyInput& verify) {
    using Threads = std::vector<std::optional<std::size_t>>;
    using Shards = std::vector<std::optional<std::string>>;
    const Threads threads = verify.threads.empty() ? Threads{std::nullopt}
                                                   : Threads(verify.threads.begin(), verify.threads.end());
    const Shards shards =
        verify.shards.empty() ? Shards{std::nullopt} : Shards(verify.shards.begin(), verify.shards.end());
    std::vector<Way> ways;
    for (const std::size_t ranks : verify.ranks) {
        for (const auto& t : threads) {
            for (const auto& shard : shards) ways.push_back({ranks, t, shard});
        }
    }
    return ways;
}

/// The keys that the user gave as flags, with those in their place by which this run is what it is to be.
Flags flags_of(const CommandInput& input, const Way& way, const std::filesystem::path& run_dir) {
    Flags own{{"run.dir", run_dir.string()},
              {"run.ledger", "step"},
              {"training.max_steps", std::to_string(input.verify.steps)}};
    if (way.threads) own.emplace_back("training.threads", std::to_string(*way.threads));
    if (way.shard) own.emplace_back("comm.shard", *way.shard);
    Flags flags;
    std::ranges::copy_if(input.config_flags, std::back_inserter(flags), [&](const auto& given) {
        return std::ranges::find(own, given.first, &Flags::value_type::first) == own.end();
    });
    flags.insert(flags.end(), own.begin(), own.end());
    return flags;
}

std::vector<std::string> command_for(const CommandInput& input, const Way& way,
                                     const std::filesystem::path& run_dir) {
    std::vector<std::string> command = input.verify.launcher;
    command.push_back(std::to_string(way.ranks));
    command.push_back(own_program().string());
    command.insert(command.end(), {"train", input.positional.front().string()});
    for (const auto& [key, value] : flags_of(input, way, run_dir)) {
        command.push_back(fmt::format("--{}={}", key, value));
    }
    return command;
}

/// What a run said last of its own accord, or the whole of its errors where it said nothing.
std::string last_words(const std::filesystem::path& errors) {
    std::ifstream file(errors);
    std::string words;
    std::string all;
    for (std::string line; std::getline(file, line);) {
        if (words.empty() && line.starts_with("lockstep: ")) words = line;
        all += (all.empty() ? "" : " | ") + line;
    }
    return words.empty() ? all : words;
}

[[noreturn]] void throw_failed(const Way& way, int code, const std::filesystem::path& errors) {
    constexpr int kMostKnown = static_cast<int>(ExitCode::kReplicasDiffer);
    throw Error(
        code > 0 && code <= kMostKnown ? static_cast<ExitCode>(code) : ExitCode::kInternal,
        fmt::format("the run on {} ranks ended with exit code {}: {}", way.ranks, code, last_words(errors)));
}

/// Steps and final digest of a run's ledger.
void read_end(const std::filesystem::path& run_dir, VerifiedRun& run) {
    LedgerReader reader(ledger_of(run_dir));
    while (const auto line = reader.next()) {
        run.steps = std::max<std::size_t>(run.steps, line->step);
        if (line->model) run.digest = line->model->hex();
    }
}

VerifiedRun facts_of(const std::filesystem::path& run_dir) {
    const Json record = read_run_record(files_of_run(run_dir));
    try {
        const auto hosts = record.at("hosts").get<std::set<std::string>>();
        VerifiedRun run{.ranks = whole_number(record.at("ranks")),
                        .threads = whole_number(record.at("threads")),
                        .shard = record.at("options").at("comm.shard").at("value").get<std::string>(),
                        .hosts = fmt::format("{}", fmt::join(hosts, ",")),
                        .cpu = record.at("cpu_model").get<std::string>(),
                        .instruction_set = record.at("instruction_set").get<std::string>(),
                        .digest = {}};
        read_end(run_dir, run);
        return run;
    } catch (const Json::exception& error) {
        throw CheckpointError(fmt::format("{}: {}", (run_dir / "run.json").string(), error.what()));
    }
}

void print_heading() {
    print_out("{:>5} {:>7}  {:<10}  {:>5}  {:<32}  {:<8}  {}\n", "ranks", "threads", "shard", "steps",
              "digest", "equal", "hosts, CPU");
}

void print_row(const VerifiedRun& run, bool first) {
    print_out("{:>5} {:>7}  {:<10}  {:>5}  {:<32}  {:<8}  {}, {}, {}\n", run.ranks, run.threads, run.shard,
              run.steps, run.digest, first ? "-" : (run.equal() ? "yes" : "NO"), run.hosts, run.cpu,
              run.instruction_set);
}

std::string difference_of(const VerifiedRun& run) {
    if (run.against_first.kind != LedgerComparison::kEqual) return difference_text(run.against_first);
    return fmt::format("the end: {} steps against {}", run.against_first.last_step_a,
                       run.against_first.last_step_b);
}

Json to_json(const std::vector<VerifiedRun>& runs, const std::optional<std::filesystem::path>& kept) {
    Json json{{"equal", std::ranges::all_of(runs, &VerifiedRun::equal)}, {"runs", Json::array()}};
    for (const VerifiedRun& run : runs) {
        json["runs"].push_back({{"ranks", run.ranks},
                                {"threads", run.threads},
                                {"shard", run.shard},
                                {"hosts", run.hosts},
                                {"cpu_model", run.cpu},
                                {"instruction_set", run.instruction_set},
                                {"steps", run.steps},
                                {"digest", run.digest},
                                {"equal", run.equal()},
                                {"first_difference", difference_json(run.against_first)}});
    }
    if (kept) json["kept"] = kept->string();
    return json;
}

std::vector<std::string> listed(std::string_view name, const std::string& value) {
    std::vector<std::string> parts;
    std::istringstream words(value);
    for (std::string word; std::getline(words, word, ',');) parts.push_back(word);
    if (!parts.empty()) return parts;
    throw ConfigError(fmt::format("--{}: the list is empty", name));
}

std::vector<std::size_t> listed_numbers(std::string_view name, const std::string& value) {
    constexpr std::size_t kMost = std::size_t{1} << 20;
    std::vector<std::size_t> numbers;
    for (const std::string& word : listed(name, value)) {
        const auto number = parse_number<std::size_t>(word);
        if (!number || *number == 0 || *number > kMost) {
            throw ConfigError(
                fmt::format("--{} {}: must be whole numbers from 1 to {}, as in 1,2,4", name, value, kMost));
        }
        numbers.push_back(*number);
    }
    return numbers;
}

}  // namespace

void set_verify_flag(VerifyInput& verify, std::string_view name, const std::string& value) {
    if (name == "ranks") verify.ranks = listed_numbers(name, value);
    if (name == "threads") verify.threads = listed_numbers(name, value);
    if (name == "steps") {
        const std::vector<std::size_t> steps = listed_numbers(name, value);
        if (steps.size() != 1) throw ConfigError(fmt::format("--steps {}: must be one number", value));
        verify.steps = steps.front();
    }
    if (name == "shard") {
        verify.shards = listed(name, value);
        for (const std::string& shard : verify.shards) {
            const auto& valid = names_of<Sharding>;
            if (std::ranges::find(valid, shard) != valid.end()) continue;
            throw ConfigError(fmt::format("--shard {}: must be of {}{}", shard, fmt::join(valid, ", "),
                                          did_you_mean(shard, valid)));
        }
    }
    if (name == "launcher") {
        std::istringstream words(value);
        verify.launcher.clear();
        for (std::string word; words >> word;) verify.launcher.push_back(word);
        if (verify.launcher.empty())
            throw ConfigError("--launcher: needs a program, as in 'mpirun --oversubscribe -n'");
    }
}

int command_verify(const CommandInput& input) {
    RunsFolder folder;
    const std::vector<std::string> environment = environment_outside_ranks();
    std::vector<VerifiedRun> runs;
    std::vector<std::filesystem::path> dirs;
    if (!input.json) print_heading();
    for (const Way& way : all_ways(input.verify)) {
        const std::filesystem::path dir = folder.path() / fmt::format("run-{}", runs.size() + 1);
        const std::filesystem::path errors = folder.path() / "errors";
        const int code = launch(command_for(input, way, dir), environment, errors);
        if (code != 0) throw_failed(way, code, errors);
        VerifiedRun run = facts_of(dir);
        if (!dirs.empty()) {
            LedgerReader first(ledger_of(dirs.front()));
            LedgerReader own(ledger_of(dir));
            run.against_first = compare_ledgers(first, own);
        }
        if (!input.json) print_row(run, dirs.empty());
        flush(stdout);
        runs.push_back(std::move(run));
        dirs.push_back(dir);
    }
    const auto differs = std::ranges::find_if_not(runs, &VerifiedRun::equal);
    const bool equal = differs == runs.end();
    if (!equal) folder.keep();
    if (input.json) {
        print_json(to_json(runs, equal ? std::nullopt : std::optional(folder.path())));
    } else if (equal) {
        print_out("{} runs: every digest of {} steps is equal\n", runs.size(), runs.front().steps);
    } else {
        const std::filesystem::path& other = dirs[static_cast<std::size_t>(differs - runs.begin())];
        print_out("the run on {} ranks parts from the first one at {}\n", differs->ranks,
                  difference_of(*differs));
        print_out("the runs are kept: lockstep diff {} {}\n", dirs.front().string(), other.string());
    }
    return static_cast<int>(equal ? ExitCode::kDone : ExitCode::kReplicasDiffer);
}

}  // namespace lockstep
