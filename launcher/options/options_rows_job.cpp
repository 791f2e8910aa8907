// The rows of the table of keys of [comm], [resampling] and [run].
#include <array>

#include "comm/gradient_reducer.h"
#include "core/arithmetic/compression.h"
#include "launcher/options/config.h"
#include "launcher/options/option_rows.h"

namespace lockstep {

namespace {

using enum OptionKind;

const std::array kTable{
    OptionSpec{
        .key = "comm.reduction",
        .kind = kChoice,
        .default_text = "tree",
        .help = "how gradients are added over the ranks; mpi (MPI_Allreduce) withdraws the promise of equal "
                "bits",
        .choices = names_of<Reduction>},
    OptionSpec{
        .key = "comm.shard",
        .kind = kChoice,
        .default_text = "none",
        .help = "what the ranks divide among themselves instead of each holding all of it; parameters: with "
                "their gradients and the optimizer's state; never changes bits",
        .choices = names_of<Sharding>,
        .free = true},
    OptionSpec{.key = "comm.compression",
               .kind = kChoice,
               .default_text = "none",
               .help = "for slow networks: gradients travel between hosts in fewer bytes; bf16: rounded; "
                       "top_k: the largest alone, the others are added to the next step's; changes the "
                       "numbers, the same on any number of ranks",
               .choices = names_of<Compression>},
    OptionSpec{.key = "comm.keep",
               .kind = kReal,
               .default_text = "0.01",
               .help = "top_k: share of the values of a leaf's gradient that travel",
               .least = 0,
               .most = 1,
               .above = true},
    OptionSpec{.key = "comm.bucket_mib",
               .kind = kReal,
               .default_text = "1",
               .help = "MiB of gradients that are reduced in one go",
               .least = 0,
               .most = 1 << 20,
               .above = true,
               .free = true},
    free(whole("comm.check_every", "100", 0, kMostWhole,
               "steps between comparisons of the replicas' digests; 0: only at the end")),

    whole("resampling.folds", "10", 2, kMostWhole,
          "crossval: parts of the training set, each judged by once"),
    whole("resampling.bags", "10", 1, 1 << 20,
          "bag: networks, each on a bootstrap sample of the training set"),
    free(whole("resampling.groups", "0", 0, kMostWhole,
               "groups of ranks, each at work on one network at a time; 0: as many as ranks or networks")),
    whole("resampling.seed", "1", 0, kMostSeed, "what folds and bootstrap samples are drawn from"),

    path("run.dir", "the run's directory; empty: runs/<configuration>-<date>-<time>"),
    OptionSpec{.key = "run.overwrite",
               .kind = kSwitch,
               .default_text = "false",
               .help = "replace the run that run.dir already holds",
               .choices = kSwitchWords,
               .free = true},
    free(whole("run.evaluate_every", "1", 0, kMostWhole,
               "epochs between measurements on the validation and the test set; 0: only at the end")),
    free(whole("run.log_every", "100", 0, kMostWhole,
               "steps between lines of metrics.jsonl; 0: only at the end of an epoch")),
    OptionSpec{.key = "run.checkpoint_every",
               .kind = kInterval,
               .default_text = "10min",
               .help =
                   "checkpoints, from which `lockstep resume` goes on: a number of steps, or a time, as in "
                   "10min; 0: none but for a signal",
               .free = true},
    free(whole("run.checkpoint_keep", "2", 1, kMostWhole,
               "how many of the newest checkpoints stay, besides the one of the best validation score")),
    OptionSpec{.key = "run.log_gradient",
               .kind = kSwitch,
               .default_text = "false",
               .help = "metrics.jsonl has the norms of the mean gradients, of a step and of an epoch",
               .choices = kSwitchWords},
    path("run.log_file",
         "what is printed also goes into this file, of rank 0, without the progress bar; resume appends"),
    OptionSpec{.key = "run.trace",
               .kind = kSwitch,
               .default_text = "false",
               .help = "trace.json has what every rank did when, for Perfetto (ui.perfetto.dev)",
               .choices = kSwitchWords,
               .free = true},
    free(whole("run.trace_steps", "100", 1, 1 << 20, "steps that the trace has, the first ones")),
    OptionSpec{
        .key = "run.tensorboard",
        .kind = kSwitch,
        .default_text = "false",
        .help = "metrics also go into TensorBoard's event files, in tensorboard/ of the run's directory",
        .choices = kSwitchWords,
        .free = true},
    OptionSpec{.key = "run.ledger",
               .kind = kChoice,
               .default_text = "epoch",
               .help = "of which steps ledger.jsonl has digests of gradient and parameters by layer, for "
                       "lockstep diff and replay; epoch: of the last one of each epoch",
               .choices = names_of<LedgerSteps>,
               .free = true},
    OptionSpec{
        .key = "run.max_wall_time",
        .kind = kDuration,
        .default_text = "0",
        .help = "stop in time to be over so long after the start, with exit code 75; under Slurm the end of "
                "the job counts, too; 0: no limit",
        .free = true},
    OptionSpec{.key = "run.audit_every",
               .kind = kWholeOrAuto,
               .default_text = "auto",
               .help =
                   "steps between audits, in which each rank's gradient is recomputed by another rank, of a "
                   "rank alone by other cores, to find a CPU that computes wrongly; auto: 200 or more, for "
                   "less than a hundredth of the time; 0: never",
               .least = 0,
               .most = kMostWhole,
               .free = true},
    OptionSpec{.key = "run.hang_timeout",
               .kind = kDuration,
               .default_text = "5min",
               .help =
                   "several ranks: end a job in which no rank comes further for so long, and say where each "
                   "of them is; 0: never",
               .free = true},
};

}  // namespace

std::span<const OptionSpec> rows_of_a_job() { return kTable; }

}  // namespace lockstep
