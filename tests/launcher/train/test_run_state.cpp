// A run that is left after any step and gone on with from its state ends in the bits of the run that was not.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "comm/communicator.h"
#include "core/base/error.h"
#include "launcher/train/trainer.h"

namespace lockstep {
namespace {

/// A run of an array of a run's state.
struct SavedRun {
    std::string array;
    std::size_t first;
    std::vector<float> values;
    bool operator==(const SavedRun&) const = default;
};

struct Saved {
    RunState state;
    std::vector<SavedRun> runs;
};

/// What all ranks save, in the order of arrays and of the arena.
Saved save(const Communicator& comm, Trainer& trainer) {
    Saved saved{trainer.state(), {}};
    const std::vector<StateArray> arrays = trainer.state_arrays();
    const std::size_t size = trainer.layout().arena_size();
    for (const StateArray& array : parts_to_save(comm, arrays, size)) {
        // A rank's part is its range in full, and zeros elsewhere.
        SavedRun whole{array.name, 0, std::vector<float>(size)};
        std::string own;
        for (const auto& [range, values] : array.parts) {
            own.append(reinterpret_cast<const char*>(&range), sizeof range);
            own.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
        }
        std::size_t count = 0;
        for (const std::string& part : comm.allgather(own)) {
            for (std::size_t at = 0; at < part.size();) {
                ArenaRange range;
                std::memcpy(&range, part.data() + at, sizeof range);
                at += sizeof range;
                std::memcpy(whole.values.data() + range.first, part.data() + at, range.count * sizeof(float));
                at += range.count * sizeof(float);
                count += range.count;
            }
        }
        REQUIRE(count == size);
        saved.runs.push_back(std::move(whole));
    }
    return saved;
}

FillState from(const Saved& saved) {
    return [&saved](const SetState& set, const WantsState& wants) {
        for (const SavedRun& run : saved.runs) {
            // In two runs, as if they were blocks.
            const std::size_t half = run.values.size() / 2;
            const std::span<const float> values(run.values);
            for (const ArenaRange part : {ArenaRange{0, half}, ArenaRange{half, values.size() - half}}) {
                const ArenaRange range{run.first + part.first, part.count};
                if (wants(run.array, range)) set(run.array, range, values.subspan(part.first, part.count));
            }
        }
    };
}

/// Two epochs of five steps, the last one short, and what remembers most: adam, an adaptive rate, the best
/// parameters, the norms of epochs, dropout.
Config config_of(Sharding sharding, Compression compression) {
    Config config;
    config.data.source = "letters";
    config.data.split = {{60, 20, 20}};
    config.data.train_samples = 120;
    for (const char* layer : {"dense units=20 activation=tanh", "dense units=26 activation=softmax"}) {
        config.network.layers.push_back(parse_layer(layer));
    }
    config.network.layers.front().dropout = 0.25F;
    config.training.epochs = 2;
    config.training.global_batch = 16;
    config.training.leaf = 4;
    config.training.keep_best = true;
    config.training.patience = 5;
    config.training.log_gradient = true;
    config.optimizer.name = "adam";
    config.learning_rate = {.schedule = RateSchedule::kAdaptive, .rates = {0.02F}};
    config.comm.sharding = sharding;
    config.comm.compression = compression;
    config.comm.keep = 0.1;
    config.comm.bucket_mib = 0.002;
    return config;
}

struct Run {
    Config config;
    DataSets data;
    NetworkSpec network;

    explicit Run(Sharding sharding, Compression compression = Compression::kNone)
        : config(config_of(sharding, compression)), data(open_data(config.data)), network(config.network) {
        network.inputs = data.train->input_shape();
    }
    [[nodiscard]] Trainer trainer(const Communicator& comm) const {
        return {comm, config, network, data, {}};
    }
};

Journal silence() { return Journal(Progress(Progress::Style::kSilent, stdout)); }

void check_equal(const TrainingResult& a, const TrainingResult& b) {
    CHECK(a.digest == b.digest);
    CHECK(a.at == b.at);
    CHECK(a.of_model == b.of_model);
    CHECK(a.scores == b.scores);
    CHECK(a.ending == b.ending);
    CHECK(a.concern == b.concern);
}

constexpr std::size_t kEnd = std::numeric_limits<std::size_t>::max();

/// Leaves `left` after each of its steps, and goes on from there with `next`, on `comm`.
void check_going_on(const Communicator& comm, const Run& left, const Run& next,
                    const Communicator* other_ranks = nullptr) {
    Journal journal = silence();
    Trainer whole = left.trainer(comm);
    whole.advance(journal, kEnd);
    const Saved end = save(comm, whole);
    const TrainingResult result = whole.train(journal);
    for (std::size_t step = 0; step <= end.state.at.step; ++step) {
        CAPTURE(step);
        Trainer first = left.trainer(comm);
        first.advance(journal, step);
        REQUIRE(first.state().at.step == step);
        const Saved saved = save(comm, first);
        Journal second_journal = silence();
        Trainer second = next.trainer(other_ranks != nullptr ? *other_ranks : comm);
        second.begin_from(saved.state, from(saved));
        second.advance(second_journal, kEnd);
        const Saved second_end = save(other_ranks != nullptr ? *other_ranks : comm, second);
        CHECK(second_end.state == end.state);
        CHECK(second_end.runs == end.runs);
        check_equal(second.train(second_journal), result);
    }
}

}  // namespace

TEST_CASE("run state: gone on with after any step, a run ends in the same bits, whatever its sharding") {
    const Communicator comm;
    const Run whole(Sharding::kNone);
    const Run divided(Sharding::kOptimizer);
    const Run parameters(Sharding::kParameters);
    check_going_on(comm, whole, parameters);
    check_going_on(comm, divided, whole);
    check_going_on(comm, parameters, divided);
}

TEST_CASE("run state: a run is gone on with on another number of ranks") {
    const Communicator comm;
    // All but the last rank, and the last one by itself, where there are several.
    const Communicator fewer = comm.split(comm.rank() + 1 == comm.size() ? 1 : 0);
    if (comm.size() == 1) return;
    check_going_on(comm, Run(Sharding::kParameters), Run(Sharding::kOptimizer), &fewer);
    check_going_on(comm, Run(Sharding::kNone), Run(Sharding::kParameters), &fewer);
}

TEST_CASE("run state: what top-k compression keeps back goes with the leaf, not the rank") {
    const Communicator comm;
    const Communicator fewer = comm.split(comm.rank() + 1 == comm.size() ? 1 : 0);
    const Run run(Sharding::kNone, Compression::kTopK);
    check_going_on(comm, run, run);
    if (comm.size() > 1) check_going_on(comm, run, run, &fewer);
}

TEST_CASE("run state: the same values of the same arrays are saved, whatever the sharding") {
    const Communicator comm;
    Journal journal = silence();
    std::optional<Saved> expected;
    for (const Sharding sharding : {Sharding::kNone, Sharding::kOptimizer, Sharding::kParameters}) {
        const Run run(sharding);
        Trainer trainer = run.trainer(comm);
        trainer.advance(journal, 7);
        const Saved saved = save(comm, trainer);
        std::vector<std::string> names;
        for (const SavedRun& each : saved.runs) names.push_back(each.array);
        CHECK(names == std::vector<std::string>{"parameters", "optimizer 0", "optimizer 1",
                                                "gradient of the epoch", "best parameters"});
        if (!expected) expected = saved;
        CHECK(saved.runs == expected->runs);
        CHECK(saved.state == expected->state);
    }
}

TEST_CASE("run state: one that lacks values, or has those of another run, is refused") {
    const Communicator comm;
    Journal journal = silence();
    const Run run(Sharding::kOptimizer);
    Trainer trainer = run.trainer(comm);
    trainer.advance(journal, 3);
    const Saved saved = save(comm, trainer);
    const auto refused = [&](const Saved& wrong) {
        Trainer next = run.trainer(comm);
        CHECK_THROWS_AS(next.begin_from(wrong.state, from(wrong)), CollectiveError);
    };
    Saved wrong = saved;
    wrong.runs.pop_back();
    refused(wrong);
    wrong = saved;
    wrong.runs.back().array = "optimizer 7";
    refused(wrong);
    wrong = saved;
    wrong.runs.back().values.pop_back();
    refused(wrong);
    wrong = saved;
    wrong.runs.back().first = std::numeric_limits<std::size_t>::max();
    refused(wrong);
}

}  // namespace lockstep
