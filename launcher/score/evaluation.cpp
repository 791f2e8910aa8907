#include "launcher/score/evaluation.h"

#include <algorithm>
#include <vector>

#include "comm/agreement.h"
#include "comm/watchdog.h"
#include "core/data/batch_plan.h"
#include "launcher/score/metrics_sum.h"
#include "launcher/score/sample_reader.h"

namespace lockstep {

Score evaluate(const Communicator& comm, Scorer& scorer, ParameterSource& parameters, const Dataset& dataset,
               std::size_t leaf) {
    const BatchPlan plan(dataset.size(), dataset.size(), leaf, 0);
    const Shard shard = plan.shard(plan.batch(0, 0), comm.rank(), comm.size());
    std::vector<SampleMetrics> metrics =
        agree(comm, [&] { return std::vector<SampleMetrics>(shard.samples); });
    SampleReader reader =
        agree(comm, [&] { return SampleReader(dataset, std::min(scorer.capacity(), shard.samples)); });
    // No rank has more samples than the first. Reading parameters may be collective: all make as many passes.
    const std::size_t most = plan.shard(plan.batch(0, 0), 0, comm.size()).samples;
    for (std::size_t begin = 0; begin < most; begin += scorer.capacity()) {
        report_place(Place::kScoring, begin / scorer.capacity() + 1);
        const std::size_t done = std::min(begin, shard.samples);
        const std::size_t count = std::min(scorer.capacity(), shard.samples - done);
        scorer.score(parameters, reader.read_run(shard.first + done, count),
                     std::span(metrics).subspan(done, count));
    }
    report_place(Place::kMetrics);
    const SampleMetrics sum = MetricsSum(comm).over_batch(shard, leaf, metrics);
    const auto n = static_cast<double>(dataset.size());
    Score score{sum.loss / n, std::nullopt, dataset.size()};
    if (scorer.counts_correct()) score.accuracy = sum.correct / n;
    return score;
}

}  // namespace lockstep
