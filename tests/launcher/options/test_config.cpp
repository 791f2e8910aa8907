// The typed configuration: values arrive, impossible combinations do not.
#include "launcher/options/config.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "core/base/error.h"
#include "launcher/score/data_check.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::message_of;
using lockstep::testing::TemporaryFolder;

namespace {

using Flags = std::vector<std::pair<std::string, std::string>>;

/// Options of a small mnist configuration, with flags on top.
ResolvedOptions options_with(const Flags& flags, const std::string& source = "mnist") {
    TemporaryFolder folder;
    Flags all{{"data.source", source},
              {"network.layer", "dense units=5 activation=relu"},
              {"network.layer", "dense units=10 activation=softmax"},
              {"optimizer.learning_rate", "0.1"}};
    if (source == "mnist" || source == "csv") all.emplace_back("data.dir", "folder");
    all.insert(all.end(), flags.begin(), flags.end());
    return resolve_options({{}, all, {}});
}

Config config_with(const Flags& flags, const std::string& source = "mnist") {
    return make_config(options_with(flags, source));
}

std::string refusal(const Flags& flags, const std::string& source = "mnist") {
    return message_of<ConfigError>([&] { config_with(flags, source); });
}

/// A set of which only the shape matters.
class ShapeOnly : public Dataset {
  public:
    ShapeOnly(std::size_t size, std::size_t inputs, std::size_t classes, std::size_t target_size = 0)
        : size_(size), inputs_(inputs), classes_(classes), target_size_(target_size) {}
    [[nodiscard]] std::size_t size() const override { return size_; }
    [[nodiscard]] Shape input_shape() const override { return inputs_; }
    [[nodiscard]] std::size_t classes() const override { return classes_; }
    [[nodiscard]] std::size_t target_size() const override { return target_size_; }
    [[nodiscard]] std::string description() const override { return "a shape"; }
    [[nodiscard]] std::string digest() const override { return ""; }
    void read(std::span<const std::uint64_t> /*i*/, Matrix /*x*/, TargetView /*t*/) const override {}

  private:
    std::size_t size_;
    std::size_t inputs_;
    std::size_t classes_;
    std::size_t target_size_;
};

}  // namespace

TEST_CASE("config: every value arrives typed") {
    const Config config = config_with({{"data.train_samples", "7"},
                                       {"training.epochs", "4"},
                                       {"training.max_steps", "99"},
                                       {"training.global_batch", "64"},
                                       {"training.leaf", "16"},
                                       {"training.seed", "18446744073709551615"},
                                       {"training.threads", "3"},
                                       {"optimizer.momentum", "0.9"},
                                       {"comm.reduction", "mpi"},
                                       {"comm.bucket_mib", "0.5"},
                                       {"comm.check_every", "11"},
                                       {"run.dir", "here"},
                                       {"run.overwrite", "true"},
                                       {"run.evaluate_every", "2"},
                                       {"run.log_every", "5"}});
    CHECK(config.data.source == "mnist");
    CHECK(config.data.dir == "folder");
    CHECK(config.data.train_samples == 7);
    CHECK(config.network.layers.size() == 2);
    CHECK(config.network.layers[0].units == 5);
    CHECK(config.network.loss == Loss::kCrossEntropy);
    CHECK(config.training.epochs == 4);
    CHECK(config.training.max_steps == 99);
    CHECK(config.training.global_batch == 64);
    CHECK(config.training.leaf == 16);
    CHECK(config.training.seed == 18446744073709551615ULL);
    CHECK(config.training.threads == 3);
    CHECK(config.optimizer.name == "sgd");
    CHECK(config.learning_rate.rates == std::vector<float>{0.1F});
    CHECK(config.optimizer.momentum == 0.9F);
    CHECK(config.comm.reduction == Reduction::kMpi);
    CHECK(config.comm.bucket_bytes() == (std::size_t{1} << 19));
    CHECK(config.comm.check_every == 11);
    CHECK(config.run.dir == "here");
    CHECK(config.run.overwrite);
    CHECK(config.run.evaluate_every == 2);
    CHECK(config.run.log_every == 5);
}

TEST_CASE("config: the whole set, the smallest bucket, adam's own keys") {
    const Config config = config_with({{"training.epochs", "1"},
                                       {"training.global_batch", "all"},
                                       {"comm.bucket_mib", "1e-9"},
                                       {"optimizer.name", "adam"},
                                       {"optimizer.beta1", "0.8"}});
    CHECK(config.training.global_batch == kWholeSet);
    CHECK(config.comm.bucket_bytes() == sizeof(float));
    CHECK(config.optimizer.beta1 == 0.8F);
    CHECK(config.optimizer.beta2 == 0.999F);
    CHECK(config.optimizer.epsilon_place == EpsilonPlace::kDefault);
    const Config outside = config_with({{"training.epochs", "1"},
                                        {"optimizer.name", "rmsprop"},
                                        {"optimizer.momentum", "0.5"},
                                        {"optimizer.epsilon_place", "outside"}});
    CHECK(outside.optimizer.epsilon_place == EpsilonPlace::kOutside);
    CHECK(outside.optimizer.momentum == 0.5F);
}

TEST_CASE("config: threads are OMP_NUM_THREADS where they are not given") {
    ::setenv("OMP_NUM_THREADS", "6,2", 1);
    CHECK(config_with({{"training.epochs", "1"}}).training.threads == 6);
    ::setenv("OMP_NUM_THREADS", "nonsense", 1);
    CHECK(config_with({{"training.epochs", "1"}}).training.threads == 1);
    ::unsetenv("OMP_NUM_THREADS");
    CHECK(config_with({{"training.epochs", "1"}}).training.threads == 1);
}

TEST_CASE("config: a run without end or beginning must be asked for") {
    CHECK(contains(refusal({}), "neither training.epochs nor training.max_steps is given"));
    CHECK(refusal({{"training.epochs", "0"}}).empty());
    CHECK(refusal({{"training.max_steps", "5"}}).empty());
}

TEST_CASE("config: pieces of a batch are whole leaves") {
    CHECK(config_with({{"training.epochs", "1"}}).training.micro_batch == 0);
    CHECK(config_with({{"training.epochs", "1"}, {"training.micro_batch", "96"}}).training.micro_batch == 96);
    const std::string message = refusal({{"training.epochs", "1"}, {"training.micro_batch", "40"}});
    CHECK(contains(message, "--training.micro_batch 40: must be a multiple of training.leaf = 32"));
    CHECK(contains(message, "choose 32 or 64"));
    CHECK(contains(refusal({{"training.epochs", "1"}, {"training.micro_batch", "8"}}), "choose 32, or 0"));
}

TEST_CASE("config: compression goes with the tree alone, and comm.keep with top_k") {
    const auto with = [](const std::string& word, const std::string& key, const std::string& value) {
        return std::vector<std::pair<std::string, std::string>>{
            {"training.epochs", "1"}, {"comm.compression", word}, {key, value}};
    };
    CHECK(config_with({{"training.epochs", "1"}}).comm.compression == Compression::kNone);
    const Config config = config_with(with("top_k", "comm.keep", "0.25"));
    CHECK(config.comm.compression == Compression::kTopK);
    CHECK(config.comm.keep == 0.25);
    CHECK(contains(refusal(with("bf16", "comm.reduction", "mpi")),
                   "--comm.compression bf16: needs comm.reduction = tree"));
    CHECK(contains(refusal(with("bf16", "comm.keep", "0.1")), "belongs to comm.compression = top_k"));
    CHECK_FALSE(refusal(with("top_k", "comm.keep", "0")).empty());
    CHECK_FALSE(refusal(with("top_k", "comm.keep", "1.5")).empty());
}

TEST_CASE("config: what cannot be sharded is refused") {
    const auto sharding = [](const std::string& shard) {
        return config_with({{"training.epochs", "1"}, {"comm.shard", shard}}).comm.sharding;
    };
    CHECK(config_with({{"training.epochs", "1"}}).comm.sharding == Sharding::kNone);
    CHECK(sharding("none") == Sharding::kNone);
    CHECK(sharding("optimizer") == Sharding::kOptimizer);
    CHECK(sharding("parameters") == Sharding::kParameters);
    const auto refusal_of = [](const std::string& shard, const std::string& key, const std::string& value) {
        return refusal({{"training.epochs", "1"}, {"comm.shard", shard}, {key, value}});
    };
    CHECK(contains(refusal_of("optimizer", "comm.reduction", "mpi"),
                   "--comm.shard optimizer: needs comm.reduction = tree"));
    CHECK(contains(refusal_of("parameters", "training.arithmetic", "bf16"),
                   "needs training.arithmetic = fp32"));
    CHECK(contains(refusal_of("parameters", "training.micro_batch", "32"), "choose optimizer"));
    CHECK(refusal_of("optimizer", "training.arithmetic", "bf16").empty());
    CHECK(refusal_of("optimizer", "training.micro_batch", "32").empty());
    CHECK(contains(refusal_of("parameter", "training.leaf", "32"), "did you mean 'parameters'"));
}

TEST_CASE("config: a key of another optimizer is refused, its default is not") {
    const std::string momentum =
        refusal({{"training.epochs", "1"}, {"optimizer.name", "adam"}, {"optimizer.momentum", "0.9"}});
    CHECK(contains(momentum,
                   "--optimizer.momentum 0.9: belongs to optimizer.name = sgd, nesterov, rmsprop, "
                   "lars, but adam is chosen"));
    CHECK(contains(refusal({{"training.epochs", "1"}, {"optimizer.beta1", "0.9"}}),
                   "belongs to optimizer.name = adam, adamw, lamb, but sgd is chosen"));
    CHECK(contains(refusal({{"training.epochs", "1"}, {"optimizer.trust", "0.1"}}), "choose lars"));
    CHECK(contains(refusal({{"training.epochs", "1"},
                            {"optimizer.name", "adadelta"},
                            {"optimizer.epsilon_place", "outside"}}),
                   "optimizer.epsilon_place"));
    CHECK(refusal({{"training.epochs", "1"}, {"optimizer.name", "adam"}}).empty());
}

TEST_CASE("config: sharding is refused with a rule that needs whole layers") {
    const Flags lamb{{"training.epochs", "1"}, {"optimizer.name", "lamb"}};
    CHECK(refusal(lamb).empty());
    for (const char* shard : {"optimizer", "parameters"}) {
        Flags flags = lamb;
        flags.emplace_back("comm.shard", shard);
        CHECK(contains(refusal(flags), "optimizer.name = lamb scales a step by the norms of a whole layer"));
    }
}

TEST_CASE("config: the learning rate's schedule, its keys, and several rates by epoch") {
    const Config config = config_with({{"training.epochs", "1"},
                                       {"optimizer.schedule", "cosine"},
                                       {"optimizer.rate_final", "0.01"},
                                       {"optimizer.warmup_steps", "7"}});
    CHECK(config.learning_rate.schedule == RateSchedule::kCosine);
    CHECK(config.learning_rate.final_rate == 0.01F);
    CHECK(config.learning_rate.warmup_steps == 7);
    // A repeated flag replaces the one that options_with has given.
    const std::string rates = refusal({{"training.epochs", "1"}, {"optimizer.rate_final", "0.01"}});
    CHECK(contains(rates, "belongs to optimizer.schedule = cosine, but constant is chosen"));
    CHECK(contains(refusal({{"training.epochs", "1"}, {"optimizer.schedule", "cosin"}}),
                   "did you mean 'cosine'?"));
}

TEST_CASE("config: a key of another data source is refused") {
    CHECK(contains(refusal({{"training.epochs", "1"}, {"data.train_vectors", "x.csv"}}),
                   "belongs to data.source = csv"));
    CHECK(contains(refusal({{"training.epochs", "1"}, {"data.dir", "x"}}, "alvinn"),
                   "belongs to data.source = mnist, fashion_mnist or csv"));
    CHECK(
        contains(refusal({{"training.epochs", "1"}, {"data.seed", "3"}}), "belongs to data.source = alvinn"));
    CHECK(refusal({{"training.epochs", "1"}, {"data.seed", "3"}}, "alvinn").empty());
}

TEST_CASE("config: LOCKSTEP_DATA_DIR may be set for all configurations") {
    const Flags flags{{"network.layer", "dense units=10 activation=softmax"},
                      {"optimizer.learning_rate", "0.1"},
                      {"training.epochs", "1"}};
    const auto dir = [&](const std::string& source, const std::vector<std::string>& environment) {
        Flags all = flags;
        all.emplace_back("data.source", source);
        return make_config(resolve_options({{}, all, environment})).data.dir;
    };
    CHECK(dir("mnist", {"LOCKSTEP_DATA_DIR=/somewhere"}) == "/somewhere");
    CHECK_NOTHROW(dir("alvinn", {"LOCKSTEP_DATA_DIR=/somewhere"}));
    CHECK(contains(message_of<ConfigError>([&] { dir("mnist", {}); }), "LOCKSTEP_DATA_DIR"));
}

TEST_CASE("config: layers that do not go with the loss or each other are refused with their origins") {
    CHECK(contains(
        refusal({{"training.epochs", "1"}, {"network.loss", "square_error"}}),
        "flag --network.layer: network.layer = dense units=10 activation=softmax with --network.loss "
        "square_error: "));
    CHECK(contains(refusal({{"training.epochs", "1"}, {"network.layer", "dense units=2 activation=softmax"}}),
                   "network.layer = dense units=10 activation=softmax: only the last layer can be softmax"));
}

TEST_CASE("config against data: outputs, batch and set sizes must fit") {
    const ResolvedOptions options = options_with({{"training.epochs", "1"}, {"training.global_batch", "50"}});
    const Config config = make_config(options);
    CHECK(check_against_data(config, options, ShapeOnly(50, 16, 10), ShapeOnly(5, 16, 10)).inputs.count() ==
          16);

    const auto against = [&](const ShapeOnly& train, const ShapeOnly& test) {
        return message_of<ConfigError>([&] { check_against_data(config, options, train, test); });
    };
    CHECK(contains(against({50, 16, 7}, {5, 16, 7}),
                   "the last layer has 10 units, but a shape has 7 classes; set units=7"));
    CHECK(contains(against({50, 16, 0, 3}, {5, 16, 0, 3}), "has 3 target values"));
    CHECK(contains(against({50, 16, 0, 10}, {5, 16, 0, 10}), "softmax outputs need classes"));
    CHECK(contains(against({49, 16, 10}, {5, 16, 10}),
                   "--training.global_batch 50: is more than the 49 training samples"));
    CHECK_THROWS_AS(check_against_data(config, options, ShapeOnly(50, 16, 10), ShapeOnly(5, 15, 10)),
                    DataError);

    const ResolvedOptions whole = options_with({{"training.epochs", "1"}, {"training.global_batch", "all"}});
    CHECK_NOTHROW(check_against_data(make_config(whole), whole, ShapeOnly(3, 16, 10), ShapeOnly(5, 16, 10)));
}

TEST_CASE("config: one that a program makes itself begins with the table's defaults") {
    const Config made;
    const Config read = config_with({{"training.epochs", "1"}});
    CHECK(made.training.global_batch == read.training.global_batch);
    CHECK(made.training.leaf == read.training.leaf);
    CHECK(made.training.micro_batch == read.training.micro_batch);
    CHECK(made.training.seed == read.training.seed);
    CHECK(made.training.order == read.training.order);
    CHECK(made.training.arithmetic == read.training.arithmetic);
    CHECK(made.training.stop_gradient_steps == read.training.stop_gradient_steps);
    CHECK(made.optimizer == read.optimizer);
    CHECK(made.learning_rate.rates == read.learning_rate.rates);
    CHECK(made.comm.bucket_mib == read.comm.bucket_mib);
    CHECK(made.comm.check_every == read.comm.check_every);
    CHECK(made.run.evaluate_every == read.run.evaluate_every);
    CHECK(made.run.log_every == read.run.log_every);
    CHECK(made.run.ledger == read.run.ledger);
    CHECK(made.run.max_wall_time_seconds == read.run.max_wall_time_seconds);
    CHECK(made.run.hang_timeout_seconds == read.run.hang_timeout_seconds);
}
