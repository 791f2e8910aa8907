#include "launcher/commands/runs/step_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/data/augmentation.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/recovery/checkpoint_reader.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/run_directory.h"
#include "launcher/run/version.h"
#include "launcher/train/checkpointing.h"

namespace lockstep {

namespace {

/// A leaf's gradient, written where it stays.
class ArenaSink : public GradientSink {
  public:
    ArenaSink(const ParameterLayout& layout, std::span<float> arena) : layout_(layout), arena_(arena) {}
    std::span<float> gradient(std::size_t layer, std::size_t /*node*/) override {
        const ArenaRange range = layout_.layer_range(layer);
        return arena_.subspan(range.first, range.count);
    }
    void gradient_done(std::size_t /*layer*/) override {}
    void layer_done(std::size_t /*layer*/) override {}

  private:
    const ParameterLayout& layout_;
    std::span<float> arena_;
};

/// The run's configuration for one process that leaves nothing behind.
ResolvedOptions options_for_replay(const nlohmann::ordered_json& record,
                                   const std::filesystem::path& run_dir) {
    if (subcommand_of(record) != "train" || record.contains("member")) {
        throw ConfigError(fmt::format(
            "{} is one of several networks, or the directory of them all; a run of lockstep train "
            "alone can be replayed",
            run_dir.string()));
    }
    return options_of(record, {{"comm.shard", "none"}, {"comm.check_every", "0"}, {"run.ledger", "step"}});
}

void check_same_data(const nlohmann::ordered_json& record, const Dataset& train) {
    const std::string now = train.digest();
    const auto found = record.find("train_data");
    const std::string then = found == record.end() ? "" : found->value("digest", "");
    if (then.empty() || now.empty() || then == now) return;
    throw DataError(fmt::format(
        "{}: the training set has the digest {}, but {} where the run was trained; give it the data "
        "that it had",
        train.description(), now, then));
}

}  // namespace

StepReplay::StepReplay(const Communicator& comm, std::filesystem::path run_dir, std::size_t step,
                       std::size_t most_saved)
    : run_dir_(std::move(run_dir)), step_(step) {
    const nlohmann::ordered_json record = read_run_record(files_of_run(run_dir_));
    options_ = options_for_replay(record, run_dir_);
    config_ = make_config(options_);
    if (const std::string version = record.value("lockstep", ""); version != kVersion)
        remarks_.push_back(fmt::format("the run is lockstep {}'s, this is {}", version, kVersion));
    const CheckpointReader reader(comm, files_of_run(run_dir_), std::min(step - 1, most_saved));
    remarks_.insert(remarks_.end(), reader.damaged().begin(), reader.damaged().end());
    if (reader.checkpoint()) config_.weights.clear();
    prepared_ = prepare(comm, config_, options_);
    check_same_data(record, *prepared_.data.train);
    if (const auto origin = start_of(record)) start_from(comm, *origin);
    fit_inputs(prepared_, config_.preprocessing);
    trainer_ = std::make_unique<Trainer>(
        comm, config_, prepared_.network, prepared_.data,
        prepared_.start ? prepared_.start->parameters(prepared_.network, config_.training.seed)
                        : prepared_.weights);
    if (reader.checkpoint()) {
        const SavedRun saved = saved_run_from_json(reader.checkpoint()->run);
        trainer_->begin_from(saved.state,
                             [&](const SetState& set, const WantsState& wants) { reader.fill(set, wants); });
        from_step_ = saved.state.at.step;
    }
    Journal journal = silent_journal();
    trainer_->advance(journal, step - 1);
    if (trainer_->state().at.step != step - 1 || trainer_->is_over()) {
        throw ConfigError(fmt::format("{} ends with step {}: there is no step {}", run_dir_.string(),
                                      trainer_->state().at.step, step));
    }
    const std::size_t steps = trainer_->plan().steps_per_epoch();
    batch_ = trainer_->plan().batch((step - 1) / steps, (step - 1) % steps);
    order_ = trainer_->plan().order(batch_.epoch);
}

void StepReplay::start_from(const Communicator& comm, const ModelOrigin& origin) {
    const std::vector<std::filesystem::path> models{origin.model};
    const std::string layers = fmt::format("{}", fmt::join(origin.layers, ","));
    Progress silent(Progress::Style::kSilent, stderr);
    start_from_model(comm, {models, layers}, options_, prepared_, config_.preprocessing, silent);
    const std::string& digest = prepared_.start->origin().digest;
    if (digest == origin.digest) return;
    throw CheckpointError(
        fmt::format("the run started from a model of digest {}, but {} has {} now; put the old one back",
                    origin.digest, origin.model.string(), digest));
}

Journal StepReplay::silent_journal() {
    Journal journal(Progress(Progress::Style::kSilent, stderr));
    journal.observe_ledger([this](const LedgerLine& line) {
        if (!line.model) lines_.push_back(line);
    });
    return journal;
}

std::span<const std::uint64_t> StepReplay::samples_of(std::size_t leaf) const {
    const std::size_t first = leaf * leaf_size();
    return std::span(order_).subspan(batch_.first + first, std::min(leaf_size(), batch_.samples - first));
}

std::span<const float> StepReplay::gradient_of(std::size_t leaf) {
    const Dataset& train = *prepared_.data.train;
    if (!learner_) {
        learner_.emplace(prepared_.network, config_.training.arithmetic, leaf_size());
        for_each_layer(trainer_->parameters(), layout(), [&](std::size_t l, std::span<const float> values) {
            if (!values.empty()) learner_->pack_layer(l, values);
        });
        reader_.emplace(train, leaf_size());
        leaf_gradient_ = Buffer<float>(layout().arena_size());
    }
    const std::span<const std::uint64_t> indices = samples_of(leaf);
    const Samples samples =
        config_.augmentation.any()
            ? reader_->read_augmented(
                  indices, Augmenter(config_.augmentation, train.raw_shape(), config_.training.seed), epoch())
            : reader_->read(indices);
    const DropoutDraw draw{.seed = config_.training.seed,
                           .step = static_cast<std::uint32_t>(step_),
                           .first = static_cast<std::uint32_t>(leaf * leaf_size())};
    std::vector<SampleMetrics> metrics(indices.size());
    learner_->forward(trainer_->parameters(), samples, draw, metrics);
    ArenaSink sink(layout(), leaf_gradient_.span());
    const std::size_t count = indices.size();
    learner_->backward(trainer_->parameters(), samples, leaf_size(), {&count, 1}, sink);
    return leaf_gradient_.span();
}

void StepReplay::take() {
    gradient_ = Buffer<float>(layout().arena_size());
    parameters_ = Buffer<float>(layout().arena_size());
    trainer_->digests().observe([this](StepDigests::Of of, ArenaRange range, std::span<const float> values) {
        Buffer<float>& arena = of == StepDigests::kGradient ? gradient_ : parameters_;
        std::ranges::copy(values, arena.span().subspan(range.first, range.count).begin());
    });
    Journal journal = silent_journal();
    trainer_->advance(journal, step_);
    trainer_->digests().observe(nullptr);
}

LedgerCheck StepReplay::check_ledger() const {
    LedgerCheck check;
    LedgerReader ledger(ledger_of(run_dir_));
    while (const auto line = ledger.next()) {
        if (line->step > step_ && !line->model) break;
        const auto own = std::ranges::find(lines_, line->step, &LedgerLine::step);
        // The last line of a run is of its model, which may be an earlier check's.
        if (line->model || own == lines_.end()) continue;
        ++check.compared;
        check.has_step = check.has_step || line->step == step_;
        check.difference = compare_lines(*own, *line);
        if (check.difference.kind != LedgerComparison::kEqual) break;
    }
    return check;
}

}  // namespace lockstep
