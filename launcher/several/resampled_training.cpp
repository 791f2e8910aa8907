#include "launcher/several/resampled_training.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "comm/agreement.h"
#include "core/data/subset.h"
#include "launcher/score/data_check.h"

namespace lockstep {

namespace {

Prepared prepare_draw(const TrainingJob& job, Resample draw, const std::string& name) {
    if (draw.validation.empty()) {
        throw DataError(fmt::format("{}: {} leaves no sample to judge by; more samples are needed",
                                    job.prepared.data.train->description(), name));
    }
    Prepared own = job.prepared;
    own.data.train =
        std::make_shared<Subset>(job.prepared.data.train, std::move(draw.training), name + ", training part");
    own.data.validation = std::make_shared<Subset>(job.prepared.data.train, std::move(draw.validation),
                                                   name + ", validation part");
    own.network = check_against_data(job.config, job.options, *own.data.train, *own.data.test);
    return own;
}

}  // namespace

SeveralNetworks resampled_networks(const TrainingJob& job, const ResampledTraining& training) {
    if (job.prepared.data.validation) {
        throw ConfigError(
            fmt::format("{}: every network has a validation part of its own draw; set data.split = none",
                        job.options.place("data.split")));
    }
    SeveralNetworks networks{.subcommand = training.subcommand,
                             .kind = training.kind,
                             .report_file = training.subcommand + ".json"};
    for (std::size_t number = 1; number <= training.count; ++number) {
        networks.names.push_back(fmt::format("{} {} of {}", training.kind, number, training.count));
        networks.dirs.push_back(member_dir({}, training.kind, number).string());
    }
    networks.job_of = [&job, training, names = networks.names](const Communicator& ranks, std::size_t i) {
        return agree(ranks, [&] {
            NetworkJob network{job.config, job.options, prepare_draw(job, training.draw(i), names[i])};
            if (training.own_seeds) network.config.training.seed += i;
            return network;
        });
    };
    return networks;
}

}  // namespace lockstep
