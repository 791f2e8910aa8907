#include "launcher/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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
            .kept_share = config.comm.keep,
            .bounds = bounds};
}

std::optional<Augmenter> make_augmenter(const Config& config, const Dataset& train) {
    if (!config.augmentation.any()) return std::nullopt;
    return Augmenter(config.augmentation, train.raw_shape(), config.training.seed);
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
      reader_(agree(comm, [&] { return SampleReader(*data_.train, bounds_.piece_samples); })),
      augmenter_(make_augmenter(config, *data_.train)),
      whole_batch_(plan_, plan_.batch(0, 0), cut_of(config), comm.rank(), comm.size()),
      last_batch_(plan_, plan_.batch(0, plan_.steps_per_epoch() - 1), cut_of(config), comm.rank(),
                  comm.size()),
      replica_(comm,
               agree(comm,
                     [&] {
                         return std::make_unique<NetworkLearner>(spec, config.training.arithmetic,
                                                                 bounds_.piece_samples);
                     }),
               replica_options(config, bounds_, std::move(initial))),
      learning_rate_(config.learning_rate, plan_.steps_per_epoch(),
                     config.training.steps(plan_.steps_per_epoch())),
      early_stopping_(config.training.patience),
      gradient_stopping_(config.training.stop_gradient,
                         config.training.stop_gradient_of_epoch ? 1 : config.training.stop_gradient_steps),
      course_(data_.train->classes()) {}

TrainingResult Trainer::train(Journal& journal) {
    TrainingResult result;
    // How long a sparse sum travels depends on the gradients, which are not there yet.
    if (comm_.size() > 1 && steps_left() && config_.comm.compression != Compression::kTopK) {
        reduction_alone_ = replica_.reduction_seconds(whole_batch_);
    }
    while (steps_left()) {
        ++at_.epoch;
        const std::size_t before = at_.step;
        journal.training_begins();
        Scores scores{epoch(journal), std::nullopt, std::nullopt};
        const std::optional<double> norm = epoch_norm(scores.train->samples);
        journal.training_ends();
        learning_rate_.epoch_done(scores.train->loss);
        course_.epoch(*scores.train);
        const auto communication = communication_of(at_.step - before);
        report_place(Place::kReplicas);
        check_parameters(comm_, layout(), parameters(), moment());
        const std::size_t every = config_.run.evaluate_every;
        const bool test_now = !steps_left() || (every > 0 && at_.epoch % every == 0);
        scores.validation = test_now ? score(data_.validation) : std::nullopt;
        scores.test = test_now ? score(data_.test) : std::nullopt;
        report_place(Place::kLog);
        journal.epoch(at_, scores, communication, norm);
        if (scores.validation) watch(scores);
        result.scores = scores;
    }
    if (at_.step == 0) {
        result.scores.validation = score(data_.validation);
        result.scores.test = score(data_.test);
    }
    // Of the end, whichever epoch's parameters the model will have.
    result.concern = course_.concern(result.scores.validation, result.scores.test);
    result.at = result.of_model = at_;
    result.ending = ending_;
    if (ending_.reason != Ending::kLimit) journal.stopped(at_, ending_.reason);
    if (config_.training.keep_best && best_.epoch > 0 && best_.step < at_.step) take_best(result, journal);
    result.digest = check_replicas_now(journal, result.of_model);
    result.seconds = journal.seconds();
    result.training_seconds = journal.training_seconds();
    journal.end(at_, result.scores, ending_, result.of_model.epoch, result.concern);
    return result;
}

void Trainer::watch(const Scores& scores) {
    const Score& validation = *scores.validation;
    if (early_stopping_.improves(config_.training.watches_accuracy ? -*validation.accuracy
                                                                   : validation.loss)) {
        best_ = at_;
        best_scores_ = scores;
        ending_.best_epoch = at_.epoch;
        if (config_.training.keep_best) replica_.keep();
    }
    if (early_stopping_.over()) ending_.reason = Ending::kPatience;
}

void Trainer::take_best(TrainingResult& result, Journal& journal) {
    replica_.restore();
    result.of_model = best_;
    result.scores = best_scores_;
    const Score& best = *best_scores_.validation;
    const bool by_accuracy = config_.training.watches_accuracy;
    journal.line(fmt::format(
        "the parameters are those of epoch {}, whose {} was the {}: {}", best_.epoch,
        config_.training.watched(), by_accuracy ? "highest" : "lowest",
        by_accuracy ? fmt::format("{:.2f} %", 100.0 * *best.accuracy) : fmt::format("{:.5f}", best.loss)));
}

std::optional<double> Trainer::epoch_norm(std::size_t samples) {
    if (!config_.training.takes_epoch_norms()) return std::nullopt;
    const double norm = replica_.epoch_gradient_norm(samples);
    if (config_.training.stop_gradient_of_epoch) gradient_stopping_.take(norm);
    if (gradient_stopping_.over()) ending_.reason = Ending::kGradient;
    return norm;
}

EpochCommunication Trainer::communication_of(std::size_t steps) {
    EpochCommunication communication;
    if (comm_.size() > 1) {
        communication.exposed = replica_.seconds().communication_exposed / static_cast<double>(steps);
        communication.alone = reduction_alone_;
    }
    replica_.reset_seconds();
    const Traffic now = replica_.traffic();
    if (config_.comm.compression != Compression::kNone && now.sent > traffic_.sent) {
        communication.ratio =
            static_cast<double>(now.plain - traffic_.plain) / static_cast<double>(now.sent - traffic_.sent);
    }
    traffic_ = now;
    return communication;
}

Score Trainer::epoch(Journal& journal) {
    report_place(Place::kForward);
    order_ = plan_.order(at_.epoch - 1);
    const std::size_t check_every = config_.comm.check_every;
    SampleMetrics sum;
    std::size_t samples = 0;
    for (std::size_t s = 0; s < plan_.steps_per_epoch() && steps_left(); ++s) {
        const Batch batch = plan_.batch(at_.epoch - 1, s);
        const SampleMetrics metrics = step(batch);
        sum.loss += metrics.loss;
        sum.correct += metrics.correct;
        samples += batch.samples;
        report_place(Place::kLog);
        course_.step(metrics.loss, batch.samples);
        journal.step(at_, metrics.loss / static_cast<double>(batch.samples), gradient_norm_, s + 1,
                     plan_.steps_per_epoch());
        if (check_every > 0 && at_.step % check_every == 0) {
            journal.training_ends();
            check_replicas_now(journal, at_);
            journal.training_begins();
        }
    }
    const auto n = static_cast<double>(samples);
    Score score{sum.loss / n, std::nullopt, samples};
    if (replica_.learner().counts_correct()) score.accuracy = sum.correct / n;
    return score;
}

SampleMetrics Trainer::step(const Batch& batch) {
    const ShardWork& work = batch.samples == whole_batch_.batch_samples ? whole_batch_ : last_batch_;
    const auto indices = std::span(order_).subspan(batch.first + work.first, work.shard.samples);
    const ReadSamples read = [&](std::size_t first, std::size_t count) {
        const auto wanted = indices.subspan(first, count);
        return augmenter_ ? reader_.read_augmented(wanted, *augmenter_, at_.epoch) : reader_.read(wanted);
    };
    ++at_.step;
    report_step(at_.step);
    at_.samples += batch.samples;
    at_.learning_rate = learning_rate_.at(at_.step);
    const StepResult result = replica_.step(work, at_.step, at_.learning_rate, read);
    if (!result.finite) {
        const double loss = result.metrics.loss / static_cast<double>(batch.samples);
        explain_failed_step(comm_, replica_, {moment(), loss, indices, [&](const Replica::VisitPiece& visit) {
                                                  replica_.revisit(work, read, visit);
                                              }});
    }
    if (result.gradient_norm) {
        gradient_norm_ = result.gradient_norm;
        if (!config_.training.stop_gradient_of_epoch) gradient_stopping_.take(*gradient_norm_);
        if (gradient_stopping_.over()) ending_.reason = Ending::kGradient;
    }
    return result.metrics;
}

bool Trainer::steps_left() const {
    const TrainingConfig& training = config_.training;
    if (ending_.reason != Ending::kLimit) return false;
    if (training.epochs == 0 && training.max_steps == 0) return false;
    if (training.max_steps > 0 && at_.step >= training.max_steps) return false;
    return training.epochs == 0 || at_.step / plan_.steps_per_epoch() < training.epochs;
}

std::string Trainer::moment() const { return fmt::format("at step {} (epoch {})", at_.step, at_.epoch); }

std::optional<Score> Trainer::score(const std::shared_ptr<const Dataset>& set) {
    if (!set || !set->has_targets()) return std::nullopt;
    const auto scorer = replica_.learner().scorer(kPiece_samples);
    return evaluate(comm_, *scorer, parameters(), *set, plan_.leaf());
}

Digest128 Trainer::check_replicas_now(Journal& journal, const RunPosition& at) {
    report_place(Place::kReplicas);
    const std::vector<LayerDigest> digests = parameter_digests(layout(), parameters());
    check_replicas(comm_, digests, fmt::format("after step {}", at.step));
    const Digest128 digest = combined_digest(digests);
    journal.digest(at, digest);
    return digest;
}

}  // namespace lockstep
