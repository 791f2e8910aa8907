#include "launcher/recovery/checkpoint_reader.h"

#include <fmt/format.h>

#include <utility>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "launcher/recovery/checkpoint_folder.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

/// The lowest rank's text that is not empty, on every rank. Collective.
std::string first_text(const Communicator& comm, const std::string& own) {
    for (std::string& text : comm.allgather(own))
        if (!text.empty()) return text;
    return "";
}

}  // namespace

CheckpointReader::CheckpointReader(const Communicator& comm, const std::filesystem::path& folder,
                                   std::size_t last_step)
    : comm_(comm) {
    std::string path = (folder / kCheckpoints).string();
    comm.broadcast(path, 0);
    const CheckpointFolder checkpoints(path);
    std::vector<std::size_t> steps =
        agree(comm, [&] { return comm.rank() == 0 ? checkpoints.steps() : std::vector<std::size_t>(); });
    std::size_t count = steps.size();
    comm.broadcast_value(count, 0);
    steps.resize(count);
    comm.broadcast(std::span(steps), 0);
    for (const std::size_t step : steps) {
        if (step > last_step) continue;
        const std::string fault = take(checkpoints.of(step), step);
        if (fault.empty()) return;
        damaged_.push_back(fault);
    }
}

std::string CheckpointReader::take(const std::filesystem::path& folder, std::size_t step) {
    Checkpoint checkpoint;
    std::string fault;
    std::string text;
    try {
        if (comm_.rank() == 0) {
            checkpoint = read_manifest(folder);
            text = manifest_text(folder);
            if (checkpoint.step != step) {
                throw CheckpointError(fmt::format("checkpoint {}: damaged: its manifest is of step {}",
                                                  folder.string(), checkpoint.step));
            }
        }
    } catch (const Error& error) {
        fault = error.what();
    }
    fault = first_text(comm_, fault);
    if (!fault.empty()) return fault;
    comm_.broadcast(text, 0);
    checkpoint = parse_manifest(text, (folder / kManifestFile).string());
    std::error_code ignored;
    seen_by_all_ = !comm_.any(!std::filesystem::exists(folder / kManifestFile, ignored));
    try {
        const std::size_t readers = seen_by_all_ ? comm_.size() : 1;
        for (std::size_t p = comm_.rank(); p < checkpoint.parts.size() && comm_.rank() < readers;
             p += readers)
            verify_part(folder, checkpoint.parts[p]);
    } catch (const Error& error) {
        fault = error.what();
    }
    fault = first_text(comm_, fault);
    if (!fault.empty()) return fault;
    folder_ = folder;
    checkpoint_ = std::move(checkpoint);
    return "";
}

void CheckpointReader::fill(const SetState& set, const WantsState& wants) const {
    for (const CheckpointPart& part : checkpoint_->parts) {
        for (std::size_t b = 0; b < part.blocks.size(); ++b) {
            const CheckpointBlock& block = part.blocks[b];
            const bool wanted = wants(block.array, block.range);
            if (seen_by_all_) {
                if (wanted) set(block.array, block.range, read_block(folder_, part, b));
                continue;
            }
            std::vector<float> values = agree(comm_, [&] {
                return comm_.rank() == 0 ? read_block(folder_, part, b)
                                         : std::vector<float>(block.range.count);
            });
            comm_.broadcast(std::span(values), 0);
            if (wanted) set(block.array, block.range, values);
        }
    }
}

}  // namespace lockstep
