#include "launcher/score/ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "comm/agreement.h"
#include "core/arithmetic/elementwise.h"
#include "core/base/error.h"
#include "launcher/run/run_directory.h"
#include "launcher/score/forward_run.h"
#include "launcher/score/metrics_sum.h"
#include "launcher/score/same_inputs.h"

namespace lockstep {

namespace {

/// Each row becomes its class's vote.
void vote(Matrix outputs, const Objective& objective) {
    for (std::size_t r = 0; r < outputs.rows; ++r) {
        const std::size_t choice = objective.predicted_class(outputs.row(r));
        if (outputs.cols == 1) {
            outputs(r, 0) = objective.target_of_class(choice);
            continue;
        }
        std::ranges::fill(outputs.row(r), 0.0F);
        outputs.row(r)[choice] = 1.0F;
    }
}

}  // namespace

Ensemble::Ensemble(const std::vector<std::filesystem::path>& models, const Prepared& prepared,
                   const Config& config, Combination combination)
    : combination_(combination) {
    if (combination == Combination::kVote && prepared.data.train->classes() == 0) {
        throw ConfigError(
            fmt::format("--combine vote: votes are for classes, but {} has real targets; use average",
                        prepared.data.train->description()));
    }
    for (const auto& model : models) {
        networks_.push_back(TrainedNetwork::of_model(model, prepared, config.training.arithmetic));
        const std::size_t outputs = networks_.back()->network().outputs();
        const std::size_t first = networks_.front()->network().outputs();
        if (outputs == first) continue;
        throw CheckpointError(
            fmt::format("model {}: has {} outputs, but {} has {}, so that they cannot answer "
                        "together; give models of the same classes or values",
                        model.string(), outputs, models.front().string(), first));
    }
}

Answers Ensemble::answer(const Communicator& comm, const std::shared_ptr<const Dataset>& set,
                         std::size_t leaf) const {
    const BatchPlan plan(set->size(), set->size(), leaf, 0);
    Answers answers;
    answers.shard = plan.shard(plan.batch(0, 0), comm.rank(), comm.size());
    answers.units = networks_.front()->network().outputs();
    answers.outputs = Buffer<float>(answers.shard.samples * answers.units);
    for (const auto& trained : networks_) {
        const Network& network = trained->network();
        WholeArena parameters(network.layout(), trained->parameters());
        const std::shared_ptr<const Dataset> seen = trained->seen(set);
        forward_run(network, parameters, *seen, answers.shard.first, answers.shard.samples,
                    [&](std::size_t done, const Samples&, Matrix outputs, Workspace& work) {
                        network.objective().finish_outputs(outputs, work.scratch());
                        if (combination_ == Combination::kVote) vote(outputs, network.objective());
                        for (std::size_t r = 0; r < outputs.rows; ++r) {
                            add_values(answers.matrix().row(done + r), outputs.row(r));
                        }
                    });
    }
    scale_values(answers.outputs.span(), 1.0F / static_cast<float>(networks_.size()));
    return answers;
}

EnsembleScore Ensemble::score(const Communicator& comm, const std::shared_ptr<const Dataset>& set,
                              std::size_t leaf) const {
    Answers answers = answer(comm, set, leaf);
    const Objective& objective = networks_.front()->network().objective();
    const bool of_outputs = !is_cross_entropy(networks_.front()->network().spec().loss);
    const std::size_t capacity = std::min(kPiece_samples, answers.shard.samples);
    SampleReader reader(*set, capacity);
    std::vector<SampleMetrics> metrics(answers.shard.samples);
    Buffer<float> delta(capacity * answers.units);
    std::vector<float> scratch(capacity);
    for (std::size_t done = 0; done < metrics.size(); done += capacity) {
        const std::size_t rows = std::min(capacity, metrics.size() - done);
        const Samples samples = reader.read_run(answers.shard.first + done, rows);
        const Matrix outputs{answers.matrix().row(done).data(), rows, answers.units};
        const auto of_rows = std::span(metrics).subspan(done, rows);
        if (of_outputs) {
            objective.evaluate(outputs, samples.targets, {delta.span().data(), rows, answers.units}, of_rows,
                               scratch);
        }
        for (std::size_t r = 0; set->classes() > 0 && r < rows; ++r) {
            of_rows[r].correct =
                std::cmp_equal(objective.predicted_class(outputs.row(r)), samples.targets.labels[r]) ? 1.0
                                                                                                     : 0.0;
        }
    }
    const SampleMetrics sum = MetricsSum(comm).over_batch(answers.shard, leaf, metrics);
    const auto n = static_cast<double>(set->size());
    EnsembleScore score;
    if (of_outputs) score.loss = sum.loss / n;
    if (set->classes() > 0) score.accuracy = sum.correct / n;
    return score;
}

std::vector<std::string> Ensemble::scale_advice(const Dataset& set) const {
    std::vector<std::string> texts;
    for (const auto& trained : networks_) {
        if (std::string text = trained->scale_advice(set); !text.empty()) texts.push_back(std::move(text));
    }
    return texts;
}

std::vector<std::filesystem::path> model_files(std::span<const std::filesystem::path> named,
                                               std::string_view flag) {
    std::vector<std::filesystem::path> files;
    for (const auto& path : named) {
        if (std::error_code ignored; !std::filesystem::is_directory(path, ignored)) {
            files.push_back(path);
            continue;
        }
        const auto model_in = [](const std::filesystem::path& dir) { return dir / kModelFile; };
        const std::size_t before = files.size();
        if (is_there(model_in(path))) files.push_back(model_in(path));
        for (const char* kind : {"bag", "fold"}) {
            for (std::size_t number = 1; is_there(model_in(member_dir(path, kind, number))); ++number)
                files.push_back(model_in(member_dir(path, kind, number)));
        }
        if (files.size() > before) continue;
        const bool is_run = is_there(files_of_run(path) / kRunFile);
        throw ConfigError(fmt::format(
            "{}{}: holds neither model.lockstep nor bag-1/model.lockstep nor fold-1/model.lockstep; {}", flag,
            path.string(),
            is_run ? "the run is not finished: `lockstep resume` goes on with it"
                   : "name a model file, or the directory of a run of train, crossval or bag"));
    }
    return files;
}

std::filesystem::path one_model_file(const std::filesystem::path& named, std::string_view flag) {
    std::vector<std::filesystem::path> files = model_files(std::span(&named, 1), flag);
    if (files.size() == 1) return std::move(files.front());
    throw ConfigError(fmt::format("{}{}: holds {} models; name one of them, as {}", flag, named.string(),
                                  files.size(), files.front().string()));
}

std::vector<std::filesystem::path> same_model_files(const Communicator& comm,
                                                    const std::vector<std::filesystem::path>& named) {
    std::vector<std::filesystem::path> files = agree(comm, [&] { return model_files(named); });
    check_same_models(comm, files);
    return files;
}

}  // namespace lockstep
