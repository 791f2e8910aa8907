#include "launcher/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "comm/agreement.h"
#include "comm/replica_check.h"
#include "comm/watchdog.h"
#include "core/base/threads.h"
#include "core/network/network_learner.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/score/forward_run.h"
#include "launcher/train/numerical_check.h"

namespace lockstep {

namespace {

ReplicaOptions replica_options(const Config& config, ShardBounds bounds, std::vector<float> initial) {
    return {.seed = config.training.seed,
            .initial = std::move(initial),
            .leaf = config.training.leaf,
            .optimizer = config.optimizer,
            .regularisation = config.regularisation,
            .reducer = {.reduction = config.comm.reduction,
                        .bucket_bytes = config.comm.bucket_bytes(),
                        .host_labels = {},
                        .sharding = config.comm.sharding,
                        .shared_bytes = nullptr,
                        .compression = config.comm.compression},
            .gradient_norms = config.training.takes_norms(),
            .epoch_norms = config.training.takes_epoch_norms(),
            .digests = config.run.ledger != LedgerSteps::kOff,
            .kept_share = config.comm.keep,
            .bounds = bounds};
}

std::optional<Augmenter> make_augmenter(const Config& config, const Dataset& train) {
    if (!config.augmentation.any()) return std::nullopt;
    return Augmenter(config.augmentation, train.raw_shape(), config.training.seed);
}

bool audits(const Config& config) { return config.run.audit_every != 0; }

AuditOptions audit_options(const Config& config, const BatchPlan& plan, const ParameterLayout& layout) {
    const ShardCut cut = cut_of(config);
    const std::size_t batch = plan.batch(0, 0).samples;
    return {.every = config.run.audit_every.value_or(usual_audit_interval(layout.parameter_count(), batch)),
            .seed = config.training.seed,
            .micro_batch = cut.micro_batch,
            .by_leaf = cut.by_leaf,
            .windows = audit_windows(config, layout),
            .repeatable = config.comm.sharding == Sharding::kNone};
}

/// The configuration's network on these data.
NetworkSpec network_for(const Config& config, const Dataset& train) {
    NetworkSpec network = config.network;
    network.inputs = train.input_shape();
    network.coding.classes = train.classes() > 0;
    check(network);
    const std::size_t wanted = network.coding.classes ? train.classes() : train.target_size();
    if (const std::size_t outputs = output_shape(network).count(); outputs != wanted) {
        throw ConfigError(
            fmt::format("the network has {} outputs, but {} has {} {}; give the last layer as many", outputs,
                        train.description(), wanted, network.coding.classes ? "classes" : "target values"));
    }
    if (network.layers.back().softmax && !network.coding.classes) {
        throw ConfigError(
            fmt::format("softmax outputs need classes, but {} has real targets; use another activation",
                        train.description()));
    }
    return network;
}

}  // namespace

Trainer::Trainer(const Communicator& comm, const Config& config, DataSets data)
    : Trainer(comm, config,
              agree(comm,
                    [&] {
                        set_thread_count(static_cast<int>(config.training.threads));
                        return network_for(config, *data.train);
                    }),
              data) {}

Trainer::Trainer(const Communicator& comm, const Config& config, const NetworkSpec& spec, DataSets data,
                 std::vector<float> initial)
    : comm_(comm),
      config_(config),
      data_(std::move(data)),
      plan_(data_.train->size(), config.training.global_batch, config.training.leaf, config.training.seed,
            config.training.order),
      bounds_(shard_bounds(plan_, cut_of(config), comm.rank(), comm.size())),
      // An audit recomputes what the rank has that owns most.
      pass_samples_(audits(config)
                        ? static_cast<std::size_t>(comm.max(static_cast<std::int64_t>(bounds_.piece_samples)))
                        : bounds_.piece_samples),
      reader_(agree(comm, [&] { return SampleReader(*data_.train, pass_samples_); })),
      augmenter_(make_augmenter(config, *data_.train)),
      whole_batch_(plan_, plan_.batch(0, 0), cut_of(config), comm.rank(), comm.size()),
      last_batch_(plan_, plan_.batch(0, plan_.steps_per_epoch() - 1), cut_of(config), comm.rank(),
                  comm.size()),
      replica_(comm,
               agree(comm,
                     [&] {
                         return std::make_unique<NetworkLearner>(spec, config.training.arithmetic,
                                                                 pass_samples_);
                     }),
               replica_options(config, bounds_, std::move(initial))),
      learning_rate_(config.learning_rate, plan_.steps_per_epoch(),
                     config.training.steps(plan_.steps_per_epoch())),
      early_stopping_(config.training.patience),
      gradient_stopping_(config.training.stop_gradient,
                         config.training.stop_gradient_of_epoch ? 1 : config.training.stop_gradient_steps),
      course_(data_.train->classes()) {
    if (audits(config)) audit_.emplace(comm, plan_, layout(), audit_options(config, plan_, layout()));
    if (config.run.trace) replica_.trace(&trace_.emplace(comm, config.run.trace_steps));
}

void Trainer::begin_from(const RunState& state, const FillState& fill) {
    replica_.set_state(config_.training.keep_best && state.best.epoch > 0, fill);
    state_ = state;
}

void Trainer::inject(Faults faults) {
    agree(comm_, [&] { faults.check(layout()); });
    faults_ = std::move(faults);
}

RunRequests Trainer::advance(Journal& journal, std::size_t last_step, const AskRequests& ask) {
    if (!training_watch_) training_watch_.emplace();
    journal.expect(config_.training.steps(plan_.steps_per_epoch()), plan_.steps_per_epoch());
    // How long a sparse sum travels depends on the gradients, which are not there yet.
    if (!reduction_alone_ && comm_.size() > 1 && steps_left() &&
        config_.comm.compression != Compression::kTopK) {
        reduction_alone_ = replica_.reduction_seconds(whole_batch_);
    }
    RunRequests asked;
    while (!asked.any() && steps_left() && state_.at.step < last_step) {
        journal.training_begins(state_.at);
        asked = take_steps(journal, last_step, ask);
        if (step_in_epoch() == 0 || !steps_left()) end_epoch(journal);
        journal.training_ends();
    }
    return asked;
}

TrainingResult Trainer::train(Journal& journal) {
    advance(journal, std::numeric_limits<std::size_t>::max());
    const RunPosition& at = state_.at;
    TrainingResult result;
    result.scores = state_.scores;
    if (at.step == 0) {
        result.scores.validation = score(data_.validation);
        result.scores.test = score(data_.test);
    }
    // Of the end, whichever epoch's parameters the model will have.
    result.concern = course_.concern(state_.course, result.scores.validation, result.scores.test);
    result.at = result.of_model = at;
    result.ending = state_.ending;
    if (result.ending.reason != Ending::kLimit) journal.stopped(at, result.ending.reason);
    const RunPosition& best = state_.best;
    if (config_.training.keep_best && best.epoch > 0 && best.step < at.step) take_best(result, journal);
    result.digest = check_replicas_now(journal, result.of_model);
    result.phases = phases();
    result.seconds = journal.seconds();
    result.training_seconds = journal.training_seconds();
    result.samples = journal.samples_until(at);
    journal.end(at, result.scores, result.ending, result.of_model.epoch, result.concern, result.phases);
    return result;
}

RunRequests Trainer::take_steps(Journal& journal, std::size_t last_step, const AskRequests& ask) {
    report_place(Place::kForward);
    if (step_in_epoch() == 0) {
        ++state_.at.epoch;
        state_.epoch_sum = {};
        state_.epoch_samples = 0;
    }
    const std::size_t epoch = state_.at.epoch;
    // A pause within the epoch, as for a checkpoint, changes neither: what was announced is being read.
    if (order_epoch_ != epoch) {
        order_ = plan_.order(epoch - 1);
        announced_ = step_in_epoch();
    }
    order_epoch_ = epoch;
    const std::size_t check_every = config_.comm.check_every;
    RunRequests asked;
    do {
        const std::size_t s = step_in_epoch();
        const Batch batch = plan_.batch(epoch - 1, s);
        announce(epoch - 1, s);
        const StepResult result = step(batch, ask ? ask() : RunRequests{}, journal);
        asked = result.asked;
        state_.epoch_sum.loss += result.metrics.loss;
        state_.epoch_sum.correct += result.metrics.correct;
        state_.epoch_samples += batch.samples;
        report_place(Place::kLog);
        TrainingCourse::step(state_.course, result.metrics.loss, batch.samples);
        journal.step(state_.at, result.metrics.loss / static_cast<double>(batch.samples),
                     result.gradient_norm);
        if (is_in_ledger()) {
            const auto line = replica_.digests().end(epoch, state_.at.step);
            if (line) journal.ledger(*line);
        }
        if (check_every > 0 && state_.at.step % check_every == 0) {
            journal.training_ends();
            check_replicas_now(journal, state_.at);
            journal.training_begins(state_.at);
        }
    } while (!asked.any() && step_in_epoch() > 0 && steps_left() && state_.at.step < last_step);
    flush_ledger(journal);
    return asked;
}

void Trainer::end_epoch(Journal& journal) {
    const std::optional<double> norm = epoch_norm();
    journal.training_ends();
    Scores scores{epoch_score(), std::nullopt, std::nullopt};
    learning_rate_.epoch_done(state_.learning_rate, scores.train->loss);
    TrainingCourse::epoch(state_.course, *scores.train);
    const EpochCommunication measured = communication();
    report_place(Place::kReplicas);
    check_parameters(comm_, layout(), parameters(), moment());
    const std::size_t every = config_.run.evaluate_every;
    const bool test_now = !steps_left() || (every > 0 && state_.at.epoch % every == 0);
    if (test_now) scores.validation = score(data_.validation);
    if (test_now) scores.test = score(data_.test);
    state_.scores = scores;
    const PhaseSeconds phases = mean_phases(comm_, take_seconds());
    report_place(Place::kLog);
    journal.epoch(state_.at, scores, measured, phases, norm);
    if (scores.validation) watch();
}

Score Trainer::epoch_score() const {
    const auto n = static_cast<double>(state_.epoch_samples);
    Score score{state_.epoch_sum.loss / n, std::nullopt, state_.epoch_samples};
    if (replica_.learner().counts_correct()) score.accuracy = state_.epoch_sum.correct / n;
    return score;
}

void Trainer::watch() {
    const Score& validation = *state_.scores.validation;
    const double error = config_.training.watches_accuracy ? -*validation.accuracy : validation.loss;
    if (EarlyStopping::improves(state_.early_stopping, error)) {
        state_.best = state_.at;
        state_.best_scores = state_.scores;
        state_.ending.best_epoch = state_.at.epoch;
        if (config_.training.keep_best) replica_.keep();
    }
    if (early_stopping_.over(state_.early_stopping)) state_.ending.reason = Ending::kPatience;
}

void Trainer::take_best(TrainingResult& result, Journal& journal) {
    replica_.restore();
    result.of_model = state_.best;
    result.scores = state_.best_scores;
    const Score& best = *state_.best_scores.validation;
    const bool by_accuracy = config_.training.watches_accuracy;
    journal.line(fmt::format(
        "the parameters are those of epoch {}, whose {} was the {}: {}", state_.best.epoch,
        config_.training.watched(), by_accuracy ? "highest" : "lowest",
        by_accuracy ? fmt::format("{:.2f} %", 100.0 * *best.accuracy) : fmt::format("{:.5f}", best.loss)));
}

std::optional<double> Trainer::epoch_norm() {
    if (!config_.training.takes_epoch_norms()) return std::nullopt;
    const double norm = replica_.epoch_gradient_norm(state_.epoch_samples);
    if (config_.training.stop_gradient_of_epoch) gradient_stopping_.take(state_.gradient_stopping, norm);
    if (gradient_stopping_.over(state_.gradient_stopping)) state_.ending.reason = Ending::kGradient;
    return norm;
}

EpochCommunication Trainer::communication() {
    EpochCommunication communication;
    if (comm_.size() > 1) {
        communication.exposed =
            replica_.seconds()[Phase::kCommunicationExposed] / static_cast<double>(timed_steps_);
        communication.alone = reduction_alone_;
    }
    timed_steps_ = 0;
    const Traffic now = replica_.traffic();
    if (config_.comm.compression != Compression::kNone && now.sent > traffic_.sent) {
        communication.ratio =
            static_cast<double>(now.plain - traffic_.plain) / static_cast<double>(now.sent - traffic_.sent);
    }
    traffic_ = now;
    return communication;
}

PhaseSeconds Trainer::take_seconds() {
    const PhaseSeconds own = replica_.seconds();
    replica_.reset_seconds();
    phases_ += own;
    return own;
}

PhaseReport Trainer::phases() {
    take_seconds();
    const double all = training_watch_ ? training_watch_->seconds() : 0.0;
    return gather_phases(comm_, {phases_, all}, session_steps_, reduction_alone_);
}

StepResult Trainer::step(const Batch& batch, RunRequests asked, Journal& journal) {
    const ShardWork& work = batch.samples == whole_batch_.batch_samples ? whole_batch_ : last_batch_;
    const ReadSamples read_own = [&](std::size_t first, std::size_t count) {
        return read(batch, work.first + first, count);
    };
    ++state_.at.step;
    ++timed_steps_;
    ++session_steps_;
    report_step(state_.at.step);
    state_.at.samples += batch.samples;
    state_.at.learning_rate = learning_rate_.at(state_.at.step, state_.learning_rate);
    if (is_in_ledger()) replica_.digests().begin();
    const StepResult result =
        audit_ && audit_->due(state_.at.step)
            ? audited_step(batch, work, read_own, asked)
            : replica_.step(work, state_.at.step, state_.at.learning_rate, read_own, asked, {meet_faults()});
    if (!result.finite) {
        flush_ledger(journal);
        const double loss = result.metrics.loss / static_cast<double>(batch.samples);
        const auto indices = std::span(order_).subspan(batch.first + work.first, work.shard.samples);
        explain_failed_step(comm_, replica_, {moment(), loss, indices, [&](const Replica::VisitPiece& visit) {
                                                  replica_.revisit(work, read_own, visit);
                                              }});
    }
    if (result.gradient_norm) {
        if (!config_.training.stop_gradient_of_epoch)
            gradient_stopping_.take(state_.gradient_stopping, *result.gradient_norm);
        if (gradient_stopping_.over(state_.gradient_stopping)) state_.ending.reason = Ending::kGradient;
    }
    return result;
}

void Trainer::announce(std::size_t epoch, std::size_t step) {
    if (config_.data.prefetch == 0 || data_.train->expected_sample_bytes() == 0) return;
    const std::size_t last = std::min(step + config_.data.prefetch, plan_.steps_per_epoch() - 1);
    for (; announced_ <= last; ++announced_) {
        const Batch batch = plan_.batch(epoch, announced_);
        const ShardWork& work = batch.samples == whole_batch_.batch_samples ? whole_batch_ : last_batch_;
        data_.train->expect(std::span(order_).subspan(batch.first + work.first, work.shard.samples));
    }
}

Samples Trainer::read(const Batch& batch, std::size_t first, std::size_t count) {
    const auto wanted = std::span(order_).subspan(batch.first + first, count);
    return augmenter_ ? reader_.read_augmented(wanted, *augmenter_, state_.at.epoch) : reader_.read(wanted);
}

StepResult Trainer::audited_step(const Batch& batch, const ShardWork& work, const ReadSamples& read_own,
                                 RunRequests asked) {
    const std::size_t step = state_.at.step;
    const VisitNode faults = meet_faults();
    const GradientAudit::Compute compute = [&](const AuditedNode& node, GradientSink& sink) {
        replica_.gradient_of(read(batch, node.first, node.samples), step, node.first, sink);
    };
    audit_->begin(step, batch, compute);
    std::string wrong;
    StepHooks hooks{.visit = [&](std::size_t layer, const TreePiece::Node& node, std::span<float> gradient) {
        if (faults) faults(layer, node, gradient);
        audit_->take(layer, node.leaves, gradient);
    }};
    const bool sharded = config_.comm.sharding != Sharding::kNone;
    if (!sharded) hooks.before_update = [&] { wrong = audit_->conclude(compute); };
    const StepResult result = replica_.step(work, step, state_.at.learning_rate, read_own, asked, hooks);
    // Where parameters are sharded the ranks need each other until the step is over.
    if (sharded && result.finite) wrong = audit_->conclude(compute);
    if (!wrong.empty()) throw CollectiveError(ExitCode::kReplicasDiffer, wrong);
    return result;
}

VisitNode Trainer::meet_faults() {
    if (!faults_.any()) return nullptr;
    const std::size_t step = state_.at.step;
    faults_.before_step(step);
    if (faults_.flips(FlipTarget::kParameter, step)) {
        replica_.damage_parameters([&](std::size_t layer, std::span<float> parameters) {
            faults_.flip(FlipTarget::kParameter, step, layer, parameters);
        });
    }
    if (!faults_.flips(FlipTarget::kGradient, step)) return nullptr;
    return [this, step](std::size_t layer, const TreePiece::Node& /*node*/, std::span<float> gradient) {
        faults_.flip(FlipTarget::kGradient, step, layer, gradient);
    };
}

bool Trainer::is_in_ledger() const {
    if (config_.run.ledger == LedgerSteps::kEpoch)
        return step_in_epoch() == 0 || state_.at.step == config_.training.max_steps;
    return config_.run.ledger == LedgerSteps::kStep;
}

void Trainer::flush_ledger(Journal& journal) {
    if (config_.run.ledger == LedgerSteps::kOff) return;
    report_place(Place::kReplicas);
    if (const auto line = replica_.digests().flush()) journal.ledger(*line);
}

bool Trainer::steps_left() const {
    const TrainingConfig& training = config_.training;
    if (state_.ending.reason != Ending::kLimit) return false;
    if (training.epochs == 0 && training.max_steps == 0) return false;
    if (training.max_steps > 0 && state_.at.step >= training.max_steps) return false;
    return training.epochs == 0 || state_.at.step / plan_.steps_per_epoch() < training.epochs;
}

std::string Trainer::moment() const {
    return fmt::format("at step {} (epoch {})", state_.at.step, state_.at.epoch);
}

std::optional<Score> Trainer::score(const std::shared_ptr<const Dataset>& set) {
    if (!set || !set->has_targets()) return std::nullopt;
    const PhaseSpan evaluating(replica_.recorder(), Phase::kEvaluation);
    const auto scorer = replica_.learner().scorer(kPiece_samples);
    return evaluate(comm_, *scorer, parameters(), *set, plan_.leaf());
}

Digest128 Trainer::check_replicas_now(Journal& journal, const RunPosition& at) {
    flush_ledger(journal);
    report_place(Place::kReplicas);
    const std::vector<LayerDigest> digests = parameter_digests(layout(), parameters());
    check_replicas(comm_, digests, fmt::format("after step {}", at.step));
    const Digest128 digest = combined_digest(digests);
    journal.digest(at, digest);
    return digest;
}

}  // namespace lockstep
