// The table of subcommands with the flags of their own: what `lockstep --help` lists, a row each.
#include <array>
#include <span>

#include "launcher/commands/command_line.h"
#include "launcher/commands/runs/run_flags.h"

namespace lockstep {

namespace {

constexpr OwnFlag kModel{
    "model", "FILE",
    "a model file, also as safetensors or npz, or the directory of a run of train, crossval or bag; several "
    "times: networks that answer together, which need not be of one form; where not given, the run's models, "
    "or "
    "network.weights",
    false, true};
constexpr OwnFlag kCombine{
    "combine", "average|vote",
    "several models: the mean of their outputs, or a vote for each one's class; average where not "
    "given"};

constexpr OwnFlag kInject{"inject", "FAULT",
                          "for tests and drills, several times: kill:rank=2,step=40; hang:rank=1,step=5; "
                          "throw:rank=1,step=3; flip:rank=1,layer=0,bit=3,step=7,what=parameter|gradient; "
                          "slow:rank=1,ms=50; enospc:checkpoint=2; torn:checkpoint=3",
                          false, true};

constexpr std::array kTrainFlags{
    OwnFlag{
        "model", "FILE",
        "start from the parameters of this model file, or of that of a run directory; drawn where not given"},
    OwnFlag{"model_layers", "N|NAMES",
            "how many of that model's first layers are taken, or which, as in layer0,layer2; the others are "
            "drawn; "
            "all where not given"},
    kInject, kJson};
constexpr std::array kSweepFlags{
    OwnFlag{
        "grid", "KEY=VALUES",
        "a key with the values it is to have, several times: optimizer.learning_rate=0.01,0.1; values that "
        "hold commas: separated by semicolons; network.layer: layers by semicolons, networks by |; with "
        "--random also a range, log:0.001..0.1 or lin:0.5..0.9",
        true, true},
    OwnFlag{"random", "N", "N points drawn at random; all combinations where not given"},
    OwnFlag{"seeds", "N", "N networks for each point, of which the scores' mean counts; 1 where not given"},
    kTrainFlags[0],
    kTrainFlags[1],
    kInject,
    kJson};
constexpr std::array kResumeFlags{
    OwnFlag{"model", "FILE", "where the model that the run started from is now"},
    OwnFlag{"allow", "data|program|KEY",
            "what may have changed: data, program, or a key that changes bits, which is refused "
            "otherwise; several times",
            false, true},
    kInject, kJson};
constexpr OwnFlag kSet{"set", "train|validation|test",
                       "which samples; the test set where not given; validation: that of data.split"};
constexpr std::array kEvalFlags{
    kModel,
    kCombine,
    kSet,
    OwnFlag{"confusion", "", "which classes are taken for which, with precision and recall of each"},
    OwnFlag{"wrong", "FILE",
            "where the samples that are taken for another class go, as CSV, those first of which the network "
            "is surest"},
    kJson};
constexpr std::array kPredictFlags{
    kModel,
    kCombine,
    OwnFlag{"out", "FILE", "where the predictions go, one a line in input order", true},
    OwnFlag{"probabilities", "", "the outputs of all classes, separated by commas, in place of the class"},
    kSet,
    kJson};
constexpr std::array kPlanFlags{
    OwnFlag{"ranks", "N", "as if on N ranks; 1 where not given"},
    OwnFlag{"machine", "FILE", "how long it will take, too, by what `lockstep bench machine` wrote"},
    OwnFlag{"ranks_per_host", "N", "so many of them on each host; as many as FILE was measured with"},
    OwnFlag{"gbits", "N", "on a network between hosts of N Gbit/s instead of the one that was measured"},
    OwnFlag{"latency_us", "N", "and of that latency, in microseconds; 2 where not given"},
    OwnFlag{"curve", "strong|weak",
            "for 1, 2, 4, … up to --ranks, with each comm.shard and comm.compression; weak: the batch grows "
            "with the ranks"},
    kJson};
constexpr std::array kGradcheckFlags{
    OwnFlag{"model", "FILE", "check at this model's weights; the first weights where not given"},
    OwnFlag{"samples", "N", "how many of the training set's first samples; 8 where not given"},
    OwnFlag{"parameters", "N",
            "how many of each block are tried, drawn by training.seed, or all; 50 where not "
            "given"},
    OwnFlag{"tolerance", "T", "largest relative error; 1e-4 where not given, 0.1 in bf16"}, kJson};
constexpr std::array kDigestFlags{OwnFlag{"layers", "", "a digest for each layer as well"}, kJson};
constexpr std::array kConvertFlags{OwnFlag{"out", "FILE", "the raw file to write", true}, kJson};
constexpr std::array kReportFlags{
    OwnFlag{"out", "FILE", "the page; RUN_DIR/report.html where not given, report.html for several runs"},
    OwnFlag{"data.dir", "DIR", "where the runs' data are now; as they were trained where not given"},
    OwnFlag{"charts", "FILE|none",
            "Chart.js, if not where Debian's libjs-chart.js has it; none: tables without charts"},
    kJson};
constexpr std::array kImportFlags{
    OwnFlag{"config", "CONFIG",
            "a configuration whose network the arrays are of; not needed for what export has written"},
    OwnFlag{"out", "MODEL", "the model file to write", true}, kJson};
constexpr std::array kExportFlags{
    OwnFlag{"format", "safetensors|npz|onnx",
            "parameters with all that makes a model of them again, for import, or "
            "a graph that ONNX runtimes compute, from inputs as the data have them",
            true},
    OwnFlag{"out", "FILE", "the file to write", true}, kJson};
constexpr std::array kBenchFlags{
    OwnFlag{"layers", "IN-UNITS-…", "step: inputs and units of every layer; 784-800-10 where not given"},
    OwnFlag{"global_batch", "N", "step: samples over all ranks; 128 where not given"},
    OwnFlag{"arithmetic", "fp32|bf16|fp32_amx",
            "gemm, machine, step: as training.arithmetic; fp32 where not given"},
    OwnFlag{.name = "optimizer",
            .value = "NAME",
            .help = "machine, step: as optimizer.name; sgd where not given",
            .like_key = "optimizer.name"},
    OwnFlag{"bucket_mib", "M", "step: as comm.bucket_mib; 1 where not given"},
    OwnFlag{"threads", "N", "of each rank; 1 where not given"},
    OwnFlag{"seconds", "S", "how long a network, a shape or a way of reading is measured; 2 where not given"},
    OwnFlag{"shape", "M-N-K", "gemm: products of (M, N) from chains of K; eight shapes where not given"},
    OwnFlag{"peak", "", "gemm: what the CPU reaches in registers as well"},
    OwnFlag{"out", "FILE", "machine: the file to write, for `lockstep plan --machine`"},
    kJson};
constexpr std::array kJsonAlone{kJson};

constexpr std::array kSubcommands{
    Subcommand{.name = "train",
               .arguments = "CONFIG",
               .help = "train a network; alone or under mpirun",
               .flags = kTrainFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_train},
    Subcommand{.name = "resume",
               .arguments = "RUN_DIR",
               .help = "go on with a run from its newest good checkpoint, on any number of ranks",
               .flags = kResumeFlags,
               .takes_run = true,
               .trains = true,
               .on_ranks = command_resume},
    Subcommand{.name = "crossval",
               .arguments = "CONFIG",
               .help = "k-fold cross-validation: train and judge once for every fold",
               .flags = kTrainFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_crossval},
    Subcommand{.name = "bag",
               .arguments = "CONFIG",
               .help = "train networks on bootstrap samples, for eval and predict to combine",
               .flags = kTrainFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_bag},
    Subcommand{.name = "sweep",
               .arguments = "CONFIG",
               .help = "train with many values of keys, and rank them",
               .flags = kSweepFlags,
               .takes_config = true,
               .trains = true,
               .on_ranks = command_sweep},
    Subcommand{.name = "eval",
               .arguments = "CONFIG|RUN_DIR|MODEL",
               .help = "loss and accuracy of a model; the activity of a digraph",
               .flags = kEvalFlags,
               .takes_config = true,
               .uses_model = true,
               .on_ranks = command_eval},
    Subcommand{.name = "predict",
               .arguments = "CONFIG|RUN_DIR|MODEL",
               .help = "a model's prediction for every sample",
               .flags = kPredictFlags,
               .takes_config = true,
               .uses_model = true,
               .on_ranks = command_predict},
    Subcommand{.name = "plan",
               .arguments = "CONFIG",
               .help = "check everything and say what train would do; train nothing",
               .flags = kPlanFlags,
               .takes_config = true,
               .alone = command_plan},
    Subcommand{.name = "gradcheck",
               .arguments = "CONFIG",
               .help = "compare backpropagation's gradient with finite differences",
               .flags = kGradcheckFlags,
               .takes_config = true,
               .alone = command_gradcheck},
    Subcommand{.name = "digest",
               .arguments = "MODEL|RUN_DIR",
               .help = "128-bit digest of a model's parameters",
               .flags = kDigestFlags,
               .alone = command_digest},
    Subcommand{.name = "diff",
               .arguments = "A B",
               .help = "first difference of two models, or of two runs by their directories; of a run and a "
                       "model: of the run's model; exit code 0 equal, 1 different",
               .flags = kDiffFlags,
               .alone = command_diff},
    Subcommand{.name = "replay",
               .arguments = "RUN_DIR",
               .help =
                   "recompute one step of a run on one process and compare it with the run's ledger; exit "
                   "code 0 equal, 7 different",
               .flags = kReplayFlags,
               .computes = false,
               .on_ranks = command_replay},
    Subcommand{.name = "verify",
               .arguments = "CONFIG",
               .help = "launch short runs in several ways and compare every step: the acceptance test of a "
                       "machine; exit code 0 equal, 7 different",
               .flags = kVerifyFlags,
               .takes_config = true,
               .computes = false,
               .alone = command_verify},
    Subcommand{.name = "export",
               .arguments = "MODEL|RUN_DIR",
               .help = "write a model for other programs",
               .flags = kExportFlags,
               .alone = command_export},
    Subcommand{.name = "convert",
               .arguments = "CONFIG",
               .help = "write the data of a configuration as a raw file, whose samples stay on the disk: "
                       "data.source = raw",
               .flags = kConvertFlags,
               .takes_config = true,
               .computes = false,
               .alone = command_convert},
    Subcommand{.name = "report",
               .arguments = "RUN_DIR…",
               .help = "one HTML page of a run, or of several compared: curves, phases, confusion, weights",
               .flags = kReportFlags,
               .computes = false,
               .alone = command_report},
    Subcommand{.name = "import",
               .arguments = "FILE",
               .help = "make a model file of safetensors or npz",
               .flags = kImportFlags,
               .alone = command_import},
    Subcommand{.name = "bench",
               .arguments = "comm|gemm|io|machine|step [CONFIG]",
               .help =
                   "measure collectives, products, how fast a configuration's data are read, whole training "
                   "steps, or what a forecast needs; all but gemm under mpirun too",
               .flags = kBenchFlags,
               .on_ranks = command_bench},
    Subcommand{.name = "info",
               .arguments = "",
               .help = "version, MPI library, instruction sets, CPUs",
               .flags = kJsonAlone,
               .computes = false,
               .on_ranks = command_info,
               .alone = command_info_alone},
};

}  // namespace

std::span<const Subcommand> subcommands() { return kSubcommands; }

}  // namespace lockstep
