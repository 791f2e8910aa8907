#include "launcher/score/evaluation.h"

#include <vector>

#include "core/data/batch_plan.h"
#include "launcher/score/forward_run.h"
#include "launcher/train/metrics_sum.h"

namespace lockstep {

Score evaluate(const Communicator& comm, const Network& network, ParameterSource& parameters,
               const Dataset& dataset, std::size_t leaf) {
    const BatchPlan plan(dataset.size(), dataset.size(), leaf, 0);
    const Shard shard = plan.shard(plan.batch(0, 0), comm.rank(), comm.size());
    std::vector<SampleMetrics> metrics(shard.samples);
    // No rank has more samples than the first.
    const std::size_t most = plan.shard(plan.batch(0, 0), 0, comm.size()).samples;
    const std::size_t passes = (most + kPiece_samples - 1) / kPiece_samples;
    forward_run(network, parameters, dataset, shard.first, shard.samples, passes,
                [&](std::size_t done, const Samples& samples, Matrix outputs, Workspace& work) {
                    network.evaluate(samples.targets, outputs.rows, work,
                                     std::span(metrics).subspan(done, outputs.rows));
                });
    const SampleMetrics sum = MetricsSum(comm).over_batch(shard, leaf, metrics);
    const auto n = static_cast<double>(dataset.size());
    Score score{sum.loss / n, std::nullopt, dataset.size()};
    if (network.objective().counts_correct()) score.accuracy = sum.correct / n;
    return score;
}

}  // namespace lockstep
