#include "launcher/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "comm/agreement.h"
#include "comm/replica_check.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/train/numerical_check.h"

namespace lockstep {

namespace {

ReplicaOptions replica_options(const Config& config, const NetworkSpec& spec, ShardBounds bounds,
                               std::vector<float> initial) {
    return {.network = spec,
            .arithmetic = config.training.arithmetic,
            .seed = config.training.seed,
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
            .gradient_norm = config.training.stop_gradient > 0.0,
            .kept_share = config.comm.keep,
            .bounds = bounds};
}

/// Compression acts on every leaf.
ShardCut cut_of(const Config& config) {
    return {config.training.micro_batch, config.comm.compression != Compression::kNone};
}

std::optional<Augmenter> make_augmenter(const Config& config, const Dataset& train) {
    if (!config.augmentation.any()) return std::nullopt;
    return Augmenter(config.augmentation, train.raw_shape(), config.training.seed);
}

}  // namespace

Trainer::Trainer(const Communicator& comm, const Config& config, const NetworkSpec& spec, DataSets data,
                 std::vector<float> initial)
    : comm_(comm),
      config_(config),
      data_(std::move(data)),
      plan_(data_.train->size(), config.training.global_batch, config.training.leaf, config.training.seed),
      bounds_(shard_bounds(plan_, cut_of(config), comm.rank(), comm.size())),
      reader_(*data_.train, bounds_.piece_samples),
      augmenter_(make_augmenter(config, *data_.train)),
      whole_batch_(plan_, plan_.batch(0, 0), cut_of(config), comm.rank(), comm.size()),
      last_batch_(plan_, plan_.batch(0, plan_.steps_per_epoch() - 1), cut_of(config), comm.rank(),
                  comm.size()),
      replica_(comm, replica_options(config, spec, bounds_, std::move(initial))),
      learning_rate_(config.learning_rate, plan_.steps_per_epoch(),
                     config.training.steps(plan_.steps_per_epoch())),
      early_stopping_(config.training.patience) {}

TrainingResult Trainer::train(Journal& journal) {
    TrainingResult result;
    // How long a sparse sum travels depends on the gradients, which are not there yet.
    if (comm_.size() > 1 && steps_left() && config_.comm.compression != Compression::kTopK) {
        reduction_alone_ = replica_.reduction_seconds(whole_batch_);
    }
    while (steps_left()) {
        ++at_.epoch;
        const std::size_t before = at_.step;
        result.train = epoch(journal);
        const auto communication = communication_of(at_.step - before);
        check_parameters(comm_, network(), parameters(), moment());
        const std::size_t every = config_.run.evaluate_every;
        const bool test_now = !steps_left() || (every > 0 && at_.epoch % every == 0);
        result.validation = test_now ? score(data_.validation) : std::nullopt;
        result.test = test_now ? score(data_.test) : std::nullopt;
        journal.epoch(at_, {result.train, result.validation, result.test}, communication);
        if (result.validation) watch(*result.validation);
    }
    if (at_.step == 0) {
        result.validation = score(data_.validation);
        result.test = score(data_.test);
    }
    result.at = result.of_model = at_;
    result.ending = ending_;
    if (ending_.reason != Ending::kLimit) journal.stopped(at_, ending_.reason);
    if (config_.training.keep_best && best_.epoch > 0 && best_.step < at_.step) take_best(result, journal);
    result.digest = check_replicas_now(journal, result.of_model);
    result.seconds = journal.seconds();
    journal.end(at_, {result.train, result.validation, result.test}, ending_);
    return result;
}

void Trainer::watch(const Score& validation) {
    if (early_stopping_.improves(validation.loss)) {
        best_ = at_;
        ending_.best_epoch = at_.epoch;
        if (config_.training.keep_best) replica_.keep();
    }
    if (early_stopping_.over()) ending_.reason = Ending::kPatience;
}

void Trainer::take_best(TrainingResult& result, Journal& journal) {
    replica_.restore();
    result.of_model = best_;
    result.validation = score(data_.validation);
    result.test = score(data_.test);
    journal.line(
        fmt::format("the parameters are those of epoch {}, whose validation loss was the lowest: {:.5f}",
                    best_.epoch, result.validation->loss));
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
        journal.step(at_, metrics.loss / static_cast<double>(batch.samples), s + 1, plan_.steps_per_epoch());
        if (check_every > 0 && at_.step % check_every == 0) check_replicas_now(journal, at_);
    }
    const auto n = static_cast<double>(samples);
    Score score{sum.loss / n, std::nullopt, samples};
    if (network().objective().counts_correct()) score.accuracy = sum.correct / n;
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
    at_.samples += batch.samples;
    at_.learning_rate = learning_rate_.at(at_.step);
    replica_.forward(work, at_.step, read);
    replica_.backward(work, at_.step, at_.learning_rate);
    const SampleMetrics metrics = replica_.metrics();
    if (!std::isfinite(metrics.loss)) {
        replica_.discard();
        const double loss = metrics.loss / static_cast<double>(batch.samples);
        explain_failed_step(comm_, network(), parameters(), {moment(), loss, indices, [&](const auto& visit) {
                                                                 replica_.revisit(work, read, visit);
                                                             }});
    }
    replica_.update();
    const double stop_gradient = config_.training.stop_gradient;
    if (stop_gradient > 0.0 && replica_.gradient_norm() <= stop_gradient) ending_.reason = Ending::kGradient;
    return metrics;
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
    return evaluate(comm_, network(), parameters(), *set, plan_.leaf());
}

Digest128 Trainer::check_replicas_now(Journal& journal, const RunPosition& at) {
    const std::vector<LayerDigest> digests = parameter_digests(network().layout(), parameters());
    check_replicas(comm_, digests, fmt::format("after step {}", at.step));
    const Digest128 digest = combined_digest(digests);
    journal.digest(at, digest);
    return digest;
}

}  // namespace lockstep
