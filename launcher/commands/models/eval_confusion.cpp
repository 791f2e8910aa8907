#include "launcher/commands/models/eval_confusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "core/data/batch_plan.h"
#include "launcher/commands/models/model_use.h"
#include "launcher/files/atomic_file.h"
#include "launcher/score/forward_run.h"
#include "launcher/score/sample_reader.h"

namespace lockstep {

namespace {

/// A matrix of more classes is no help on a terminal; --json has it.
constexpr std::size_t kMostPrinted = 30;

std::vector<std::string> class_names_of(const CommandInput& input, const Confusion& confusion) {
    return class_names(input.config.data.source, confusion.classes());
}

void write_wrong(const CommandInput& input, const std::vector<WrongAnswer>& wrong) {
    std::string text = "sample,label,predicted,output_of_label,output_of_predicted\n";
    for (const WrongAnswer& answer : wrong) {
        fmt::format_to(std::back_inserter(text), "{},{},{},{},{}\n", answer.sample, answer.label,
                       answer.predicted, answer.of_label, answer.of_predicted);
    }
    write_file(input.wrong, text, ExitCode::kUsage);
}

std::string percent(std::optional<double> share) {
    return share ? fmt::format("{:.1f} %", 100.0 * *share) : "-";
}

void print_matrix(const CommandInput& input, const Confusion& confusion,
                  const std::vector<std::string>& names) {
    std::size_t name_width = 5;
    for (const std::string& name : names) name_width = std::max(name_width, name.size());
    const std::size_t width = std::max<std::size_t>(fmt::formatted_size("{}", confusion.samples()), 3) + 1;
    say(input, "confusion: a row for each label, a column for each prediction\n{:>{}}", "", name_width);
    for (std::size_t c = 0; c < names.size(); ++c) say(input, " {:>{}}", c, width);
    say(input, "\n");
    for (std::size_t label = 0; label < names.size(); ++label) {
        say(input, "{:>{}}", names[label], name_width);
        for (std::size_t c = 0; c < names.size(); ++c)
            say(input, " {:>{}}", confusion.count(label, c), width);
        say(input, "\n");
    }
}

void print_shares(const CommandInput& input, const Confusion& confusion,
                  const std::vector<std::string>& names) {
    std::size_t name_width = 5;
    for (const std::string& name : names) name_width = std::max(name_width, name.size());
    say(input, "{:>{}}  samples  precision    recall\n", "class", name_width);
    for (std::size_t c = 0; c < names.size(); ++c) {
        say(input, "{:>{}}  {:>7}  {:>9}  {:>8}\n", names[c], name_width, confusion.samples_of(c),
            percent(confusion.precision(c)), percent(confusion.recall(c)));
    }
}

}  // namespace

bool asks_for_confusion(const CommandInput& input) { return input.confusion || !input.wrong.empty(); }

void check_confusion(const Communicator& comm, const CommandInput& input, const Dataset& set) {
    if (!asks_for_confusion(input)) return;
    if (set.classes() == 0) {
        throw ConfigError(fmt::format("--{}: is about classes, but {} has real targets; leave the flag out",
                                      input.confusion ? "confusion" : "wrong", set.description()));
    }
    if (comm.rank() != 0 || input.wrong.empty()) return;
    check_output(input.wrong, files_given(input), input.json);
}

std::optional<Confusion> confusion_of(const Communicator& comm, const CommandInput& input,
                                      const TrainedNetwork& trained, const Dataset& set) {
    if (!asks_for_confusion(input)) return std::nullopt;
    const BatchPlan plan(set.size(), set.size(), input.config.training.leaf, 0);
    const Shard shard = plan.shard(plan.batch(0, 0), comm.rank(), comm.size());
    Confusion confusion = agree(comm, [&] {
        return count_confusion(trained.network(), trained.parameters(), set, shard.first, shard.samples);
    });
    confusion.add_over_ranks(comm);
    return confusion;
}

std::optional<Confusion> confusion_of(const Communicator& comm, const CommandInput& input,
                                      const Ensemble& ensemble, const std::shared_ptr<const Dataset>& set) {
    if (!asks_for_confusion(input)) return std::nullopt;
    Answers answers = ensemble.answer(comm, set, input.config.training.leaf);
    Confusion confusion = agree(comm, [&] {
        Confusion own(set->classes());
        const std::size_t count = answers.shard.samples;
        SampleReader reader(*set, std::min(kPiece_samples, count));
        for (std::size_t done = 0; done < count; done += kPiece_samples) {
            const std::size_t rows = std::min(kPiece_samples, count - done);
            const std::size_t first = answers.shard.first + done;
            const Samples samples = reader.read_run(first, rows);
            own.add(first, answers.matrix().row_range(done, rows), samples.targets.labels,
                    ensemble.objective());
        }
        return own;
    });
    confusion.add_over_ranks(comm);
    return confusion;
}

void add_confusion(const CommandInput& input, const Confusion& confusion, nlohmann::json& json) {
    if (input.confusion) json["confusion"] = to_json(confusion, class_names_of(input, confusion));
    if (input.wrong.empty()) return;
    const std::vector<WrongAnswer> wrong = confusion.worst_first();
    write_wrong(input, wrong);
    json["wrong"] = {{"samples", wrong.size()}, {"out", input.wrong.string()}};
}

void print_confusion(const CommandInput& input, const Confusion& confusion) {
    const std::vector<std::string> names = class_names_of(input, confusion);
    if (input.confusion) {
        if (names.size() <= kMostPrinted) print_matrix(input, confusion, names);
        print_shares(input, confusion, names);
    }
    if (input.wrong.empty()) return;
    const std::vector<WrongAnswer> wrong = confusion.worst_first();
    write_wrong(input, wrong);
    say(input, "{} of {} samples are taken wrongly: {}\n", wrong.size(), confusion.samples(),
        input.wrong.string());
}

}  // namespace lockstep
