// [comm], [resampling] and [run].
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "launcher/options/config_sections.h"
#include "launcher/options/duration.h"

namespace lockstep {

std::size_t CommConfig::bucket_bytes() const {
    return std::max(sizeof(float), static_cast<std::size_t>(bucket_mib * 0x1p20));
}

CommConfig read_comm(const ResolvedOptions& options) {
    const CommConfig comm{.reduction = value_named<Reduction>(options.text("comm.reduction")),
                          .sharding = value_named<Sharding>(options.text("comm.shard")),
                          .compression = value_named<Compression>(options.text("comm.compression")),
                          .keep = number<double>(options, "comm.keep"),
                          .bucket_mib = number<double>(options, "comm.bucket_mib"),
                          .check_every = count(options, "comm.check_every")};
    if (comm.compression != Compression::kTopK && options.given("comm.keep")) {
        throw UnreadKey(options, "comm.keep", {"comm.compression"},
                        fmt::format("belongs to comm.compression = top_k, but {} is chosen; remove the key",
                                    name_of(comm.compression)));
    }
    return comm;
}

ResamplingConfig read_resampling(const ResolvedOptions& options) {
    return {.folds = count(options, "resampling.folds"),
            .bags = count(options, "resampling.bags"),
            .groups = count(options, "resampling.groups"),
            .seed = number<std::uint64_t>(options, "resampling.seed")};
}

RunConfig read_run(const ResolvedOptions& options) {
    const bool usual_audits = options.text("run.audit_every") == "auto";
    return {.dir = options.text("run.dir"),
            .overwrite = options.text("run.overwrite") == "true",
            .evaluate_every = count(options, "run.evaluate_every"),
            .log_every = count(options, "run.log_every"),
            .max_wall_time_seconds = parse_duration(options.text("run.max_wall_time")).value(),
            .audit_every = usual_audits ? std::nullopt : std::optional(count(options, "run.audit_every")),
            .checkpoint_every = parse_interval(options.text("run.checkpoint_every")).value(),
            .checkpoint_keep = count(options, "run.checkpoint_keep"),
            .log_file = options.text("run.log_file"),
            .trace = options.text("run.trace") == "true",
            .trace_steps = count(options, "run.trace_steps"),
            .tensorboard = options.text("run.tensorboard") == "true",
            .ledger = value_named<LedgerSteps>(options.text("run.ledger")),
            .hang_timeout_seconds = parse_duration(options.text("run.hang_timeout")).value()};
}

}  // namespace lockstep
