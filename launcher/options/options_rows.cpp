// The rows of the table of keys, section by section, up to [regularisation], and the table.
#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/arithmetic/arithmetic.h"
#include "core/data/batch_plan.h"
#include "core/data/open_data.h"
#include "core/data/preprocessing.h"
#include "core/network/network_spec.h"
#include "core/training/learning_rate.h"
#include "core/training/optimizer.h"
#include "launcher/options/config.h"
#include "launcher/options/option_rows.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

using enum OptionKind;

constexpr std::array<std::string_view, 2> kKeeps{"last", "best"};
constexpr std::array<std::string_view, 2> kWatched{"validation_loss", "validation_accuracy"};
constexpr std::array<std::string_view, 2> kSteps{"step", "epoch"};
constexpr std::array<std::string_view, 2> kDraws{"sample", "step"};

/// "adam, lamb: what the key is", of the rules that read a key of [optimizer].
std::string of_rules(std::string_view key, std::string_view what) {
    return fmt::format("{}: {}", fmt::join(optimizers_that_read(key), ", "), what);
}

const std::string kMomentumHelp = of_rules("momentum", "the share of the last change that is kept");
const std::string kRhoHelp = of_rules("rho", "decay of the mean squared gradient");
const std::string kBeta1Help = of_rules("beta1", "decay of the mean gradient");
const std::string kBeta2Help = of_rules("beta2", "decay of the mean squared gradient");
const std::string kEpsilonHelp =
    of_rules("epsilon", "against division by 0; adadelta starts slowly with less than 1e-6");
const std::string kEpsilonPlaceHelp = fmt::format(
    "inside the root, 1 / sqrt(r + epsilon), as the lecture has it, or outside, 1 / (sqrt(r) + epsilon), as "
    "PyTorch; default: inside for {}, outside for {}",
    fmt::join(optimizers_with_epsilon(EpsilonPlace::kInside), ", "),
    fmt::join(optimizers_with_epsilon(EpsilonPlace::kOutside), ", "));
const std::string kWeightDecayHelp =
    of_rules("weight_decay",
             "decay that is no part of the error; adamw: w shrinks by learning_rate times it a step; lars, "
             "lamb: times w it is added to the step's direction");
const std::string kTrustHelp =
    of_rules("trust", "a layer's step, before learning_rate, as a share of the norm of its parameters");

const std::array kTable{
    OptionSpec{.key = "data.source",
               .kind = kChoice,
               .help = "which samples",
               .choices = data_source_names(),
               .required = true},
    path("data.dir", "the folder of the files"),
    OptionSpec{.key = "data.prefix",
               .help = "what the names of the four files begin with, as emnist-letters-, where "
                       "data.dir holds several sets; empty: MNIST's own names, or the only set",
               .free = true},
    OptionSpec{.key = "data.scale",
               .default_text = "auto",
               .help =
                   "what inputs are divided by, a number or none; auto: 255 where all of the "
                   "training set are whole numbers from 0 to 255 and one is above 1, and for IDX files of "
                   "bytes, else none. A model remembers it, and eval and predict do as it says"},
    path("data.train_vectors", "file in data.dir; empty: the only *_train_vectors.csv"),
    path("data.train_labels", "file in data.dir; empty: the only *_train_labels.csv"),
    path("data.test_vectors", "file in data.dir; empty: the only *_test_vectors.csv"),
    path("data.test_labels", "file in data.dir; empty: the only *_test_labels.csv"),
    OptionSpec{.key = "data.targets",
               .kind = kChoice,
               .default_text = "auto",
               .help = "whether targets are classes, or values: one number or more a sample; auto: classes, "
                       "but of npz and hdf5 as the type of the numbers has it",
               .choices = names_of<TargetKind>},
    OptionSpec{.key = "data.header",
               .kind = kChoice,
               .default_text = "no",
               .help = "whether the first line of each file is a heading; auto: where none of it is a number",
               .choices = names_of<CsvHeading>},
    OptionSpec{
        .key = "data.index_column",
        .help = "a column that names the samples, by its name in the heading or its number from 1; it "
                "is no input. Of a file of labels it is left out where there are other columns",
    },
    OptionSpec{.key = "data.target_columns",
               .help =
                   "the columns of the vectors' files that are the targets, by names or numbers separated "
                   "by commas, in place of files of labels"},
    path("data.file", "the file of both sets; npz: an archive, or a folder of .npy files"),
    path("data.test_file", "the test set's file, where it has one of its own"),
    free(OptionSpec{.key = "data.train_inputs",
                    .help = "the array's name; empty: x_train, inputs or train_inputs"}),
    free(OptionSpec{.key = "data.train_targets",
                    .help = "likewise; empty: y_train, targets or train_targets"}),
    free(OptionSpec{
        .key = "data.test_inputs",
        .help = "likewise; empty: x_test or test_inputs, in data.test_file those of training as well"}),
    free(OptionSpec{.key = "data.test_targets", .help = "likewise; empty: y_test or test_targets"}),
    free(whole("data.prefetch", "2", 0, 64,
               "batches that a thread reads ahead of the one at hand, so that the disk works while the "
               "network does; "
               "0: none")),
    path("data.table",
         "the file, a sample a line as in 0 1 : 1; the test set too unless data.test_table is given"),
    path("data.test_table", "the same of a test set of its own"),
    whole("data.classes", "0", 0, kMostWhole,
          "labels are below it; 0: 10 for MNIST's files, the largest training label + 1 for the others"),
    whole("data.train_samples", "0", 0, kMostWhole,
          "how many to draw; files: read at most so many; 0: the source's own number"),
    whole("data.test_samples", "0", 0, kMostWhole, "the same for the test set"),
    whole("data.seed", "1", 0, kMostSeed, "what the samples are drawn from"),
    OptionSpec{.key = "data.split",
               .default_text = "none",
               .help =
                   "cuts the training set at random, in per cent: 80/20 into training and validation part, "
                   "60/20/20 also into a test part, in place of the source's test set"},
    whole("data.split_seed", "1", 0, kMostSeed, "what data.split is drawn from"),

    whole("augmentation.width", "0", 0, 1 << 20,
          "pixels of an image's row; 0: as the data say, or the images are square"),
    real("augmentation.shift", "0", 0, 1024,
         "training images are shifted at random by up to so many pixels, in x and in y"),
    real("augmentation.rotation", "0", 0, 90, "turned by up to so many degrees"),
    real("augmentation.scaling", "0", 0, 0.9, "stretched or shrunk by up to this share, in x and in y"),
    real("augmentation.elastic_alpha", "0", 0, 1024,
         "bent elastically: pixels by which random displacements are multiplied once smoothed"),
    OptionSpec{.key = "augmentation.elastic_sigma",
               .kind = kReal,
               .default_text = "5",
               .help = "pixels: deviation of the Gaussian that smooths the displacements",
               .least = 0,
               .most = 1024,
               .above = true},

    OptionSpec{
        .key = "preprocessing.inputs",
        .kind = kChoice,
        .default_text = "none",
        .help =
            "what is done to the inputs, as the training samples alone say: each to mean 0 and deviation 1, "
            "each to [0, 1], principal components, or these with deviation 1",
        .choices = input_scaling_names()},
    whole("preprocessing.components", "0", 0, kMostWhole,
          "pca, whiten: how many components, those of largest variance; 0: as many as there are inputs"),

    real("preprocessing.target_low", "0", -kMostReal, kMostReal,
         "square errors of classes: what the outputs of all other classes are to be; -1 for tanh, or "
         "-1.716 and a little more for 1.7159 tanh(2/3 x)"),
    real("preprocessing.target_high", "1", -kMostReal, kMostReal, "the same of the sample's class's output"),

    OptionSpec{.key = "network.layer",
               .kind = kLayer,
               .help = "a layer, first to last",
               .required = true,
               .repeated = true,
               .unless = "network.digraph"},
    path("network.weights",
         "a text file of weights, the first ones of train, and those of eval and predict without --model"),
    path(
        "network.digraph",
        "in place of layers: a text file of a network with cycles, whose activity eval runs on every sample"),
    whole("network.digraph_steps", "1000", 0, kMostWhole, "digraph: how long the activity may go on"),
    OptionSpec{.key = "network.loss",
               .kind = kChoice,
               .default_text = "cross_entropy",
               .help =
                   "the error function; square errors: half the sum over the outputs, added over a batch's "
                   "samples by square_error_sum, else averaged; mean_square_error: the mean over the "
                   "outputs, as PyTorch; cross_entropy_both: with softmax, the terms of 1 - y as well; "
                   "perceptron: one layer of unit steps, corrected where it errs",
               .choices = loss_names()},
    OptionSpec{.key = "network.input_dropout",
               .kind = kReal,
               .default_text = "0",
               .help = "share of the inputs that are silenced in a training step",
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "network.dropout_draw",
               .kind = kChoice,
               .default_text = "sample",
               .help =
                   "for what the silent neurons are drawn: each sample of a step, or the step's whole batch, "
                   "as the lecture has it",
               .choices = kDraws},

    whole("training.epochs", "0", 0, kMostWhole,
          "passes over the training set; 0: as many as training.max_steps needs"),
    whole("training.max_steps", "0", 0, kMostWhole,
          "stop after so many steps; 0: no limit; this and epochs both 0: initialise and save"),
    OptionSpec{.key = "training.global_batch",
               .kind = kWholeOrAll,
               .default_text = "128",
               .help = "samples of one step over all ranks, or all for the whole training set",
               .least = 1,
               .most = kMostWhole},
    whole("training.leaf", "32", 1, 1 << 20,
          "samples of a leaf, the unit of work; another value gives other bits"),
    free(
        whole("training.micro_batch", "0", 0, kMostWhole,
              "samples that a rank works on at a time, a multiple of training.leaf: bounds its memory, never "
              "changes bits; 0: its whole share of the batch")),
    OptionSpec{
        .key = "training.order",
        .kind = kChoice,
        .default_text = "shuffled",
        .help = "of the samples in an epoch: at random, or as they come, step after step k = t mod p + 1",
        .choices = names_of<SampleOrder>},
    whole("training.patience", "0", 0, kMostWhole,
          "stop after so many measurements none of which was better than all before; 0: never"),
    OptionSpec{.key = "training.watch",
               .kind = kChoice,
               .default_text = "validation_loss",
               .help = "what patience and keep go by: the loss, to be low, or the accuracy, to be high",
               .choices = kWatched},
    real("training.stop_gradient", "0", 0, kMostReal,
         "stop where the mean gradient's norm has been at most this for some time; 0: never"),
    whole("training.stop_gradient_steps", "10", 1, kMostWhole,
          "stop_gradient: how many steps in a row the norm of the batch's gradient is to be so small"),
    OptionSpec{
        .key = "training.stop_gradient_of",
        .kind = kChoice,
        .default_text = "step",
        .help = "stop_gradient: whose mean gradient, that of each step's batch, or of an epoch's samples",
        .choices = kSteps},
    OptionSpec{
        .key = "training.keep",
        .kind = kChoice,
        .default_text = "last",
        .help =
            "which parameters the model holds: the last ones, or those of the best check by training.watch",
        .choices = kKeeps},
    whole("training.seed", "1", 0, kMostSeed, "what first weights and the order of samples are drawn from"),
    free(whole("training.threads", "0", 0, 4096,
               "threads of each rank; 0: OMP_NUM_THREADS, or 1 where that is not set")),
    OptionSpec{
        .key = "training.arithmetic",
        .kind = kChoice,
        .default_text = "fp32",
        .help = "what the layers' products are computed in; bf16: factors rounded to bf16, sums and all else "
                "in fp32; fp32_amx: factors split into three bf16, as accurate as fp32, fast on AMX alone",
        .choices = names_of<Arithmetic>},

    OptionSpec{.key = "optimizer.name",
               .kind = kChoice,
               .default_text = "sgd",
               .help = "the learning rule",
               .choices = optimizer_names()},
    OptionSpec{.key = "optimizer.learning_rate",
               .kind = kRates,
               .help = "the learning rate, or several by epoch, as in 0.1, 0.05, 0.01",
               .required = true,
               .unless = "network.digraph"},
    OptionSpec{.key = "optimizer.schedule",
               .kind = kChoice,
               .default_text = "constant",
               .help = "how the learning rate changes: not, by steps of some epochs, exponentially with the "
                       "epochs, as 1/t, as half a cosine over the run, or up and down with the error",
               .choices = names_of<RateSchedule>},
    whole("optimizer.warmup_steps", "0", 0, kMostWhole,
          "steps over which the rate rises linearly from 0 to the schedule's"),
    OptionSpec{.key = "optimizer.rate_decay",
               .kind = kReal,
               .default_text = "0.1",
               .help = "steps, exponential: the rate is multiplied by it",
               .least = 0,
               .most = 1,
               .above = true},
    whole("optimizer.rate_decay_epochs", "10", 1, kMostWhole, "steps: epochs between two multiplications"),
    whole("optimizer.rate_decay_steps", "1", 1, kMostWhole,
          "inverse: T in learning_rate T / (T + t - 1) at step t"),
    real("optimizer.rate_final", "0", 0, 1 << 20, "cosine: the rate of the last step"),
    real("optimizer.rate_rise", "1.05", 1, 2,
         "adaptive: the factor after an epoch whose training error fell"),
    OptionSpec{.key = "optimizer.rate_fall",
               .kind = kReal,
               .default_text = "0.7",
               .help = "adaptive: the factor after an epoch whose training error rose",
               .least = 0,
               .most = 1,
               .above = true},
    OptionSpec{.key = "optimizer.momentum",
               .kind = kReal,
               .default_text = "0",
               .help = kMomentumHelp,
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "optimizer.rho",
               .kind = kReal,
               .default_text = "0.9",
               .help = kRhoHelp,
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "optimizer.beta1",
               .kind = kReal,
               .default_text = "0.9",
               .help = kBeta1Help,
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "optimizer.beta2",
               .kind = kReal,
               .default_text = "0.999",
               .help = kBeta2Help,
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "optimizer.epsilon",
               .kind = kReal,
               .default_text = "1e-8",
               .help = kEpsilonHelp,
               .least = 0,
               .most = 1,
               .above = true,
               .below = true},
    OptionSpec{.key = "optimizer.epsilon_place",
               .kind = kChoice,
               .default_text = "default",
               .help = kEpsilonPlaceHelp,
               .choices = names_of<EpsilonPlace>},
    OptionSpec{.key = "optimizer.weight_decay",
               .kind = kReal,
               .default_text = "0",
               .help = kWeightDecayHelp,
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "optimizer.trust",
               .kind = kReal,
               .default_text = "0.001",
               .help = kTrustHelp,
               .least = 0,
               .most = kMostReal,
               .above = true},

    OptionSpec{.key = "regularisation.l2",
               .kind = kReal,
               .default_text = "0",
               .help = "the error is increased by it times half the sum of all squared weights",
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "regularisation.weight_decay",
               .kind = kReal,
               .default_text = "0",
               .help = "after a step each weight is multiplied by 1 minus it",
               .least = 0,
               .most = 1,
               .below = true},
    OptionSpec{.key = "regularisation.biases",
               .kind = kSwitch,
               .default_text = "false",
               .help = "l2 and weight_decay treat biases as weights, as the lecture has it",
               .choices = kSwitchWords},
    real("regularisation.max_norm", "0", 0, 1 << 20,
         "after a step the weights that enter a neuron, without its bias, are scaled down to this "
         "Euclidean norm where theirs is larger; 0: no bound"),
};

}  // namespace

std::span<const OptionSpec> option_table() {
    static const std::vector<OptionSpec> kAll = [] {
        std::vector<OptionSpec> all(kTable.begin(), kTable.end());
        const std::span<const OptionSpec> rest = rows_of_a_job();
        all.insert(all.end(), rest.begin(), rest.end());
        return all;
    }();
    return kAll;
}

}  // namespace lockstep
