#include "launcher/recovery/checkpoint_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "comm/agreement.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/no_signals.h"
#include "core/base/threads.h"
#include "launcher/recovery/checkpoint_folder.h"
#include "launcher/run/run_directory.h"
#include "launcher/run/stopwatch.h"

namespace lockstep {

namespace {

/// How long a file that another rank has written may take to be seen here: network file systems keep what
/// they know of a folder for some seconds.
constexpr std::chrono::seconds kUntilSeen{60};

/// Whether this rank has anything of them to write.
bool holds_any(std::span<const StateArray> arrays) {
    return std::ranges::any_of(arrays, [](const StateArray& array) { return !array.parts.empty(); });
}

bool is_ready(const std::future<void>& result) {
    return result.valid() && result.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace

/// What this rank has at work of a checkpoint.
class CheckpointWriter::Work {
  public:
    ~Work() {
        given_up_ = true;
        if (thread_.joinable()) thread_.join();
    }

    /// Copies the parts, one behind the other in room that stays.
    void copy(std::span<const StateArray> parts) {
        std::size_t count = 0;
        for (const StateArray& array : parts) {
            for (const StateArray::Part& part : array.parts) count += part.values.size();
        }
        if (room_.size() < count) room_ = Buffer<float>(count);
        copied_.clear();
        std::span<float> rest = room_.span();
        for (const StateArray& array : parts) {
            StateArray& copy = copied_.emplace_back(StateArray{array.name, {}});
            for (const auto& [range, values] : array.parts) {
                const std::span<float> to = rest.first(values.size());
                rest = rest.subspan(values.size());
                share_range(values.size(), kValuesPerThread, kCacheLine_floats,
                            [&, from = values](std::size_t begin, std::size_t end) {
                                std::copy(from.begin() + static_cast<std::ptrdiff_t>(begin),
                                          from.begin() + static_cast<std::ptrdiff_t>(end),
                                          to.begin() + static_cast<std::ptrdiff_t>(begin));
                            });
                copy.parts.push_back({range, to});
            }
        }
    }

    /// Writes what was copied as part `rank` of the checkpoint that is begun in `folder`. With `publish`, by
    /// rank 0, waits for the parts of `writers` and does that. `full`: as if the disk were.
    void start(const std::filesystem::path& folder, std::size_t rank, bool full,
               std::optional<std::vector<std::size_t>> writers,
               std::function<void(std::span<const CheckpointPart>)> publish) {
        std::promise<void> written;
        std::promise<void> published;
        written_ = written.get_future();
        published_ = published.get_future();
        all_written_ = false;
        const NoSignals inherited;
        thread_ = std::thread([this, folder, rank, full, writers = std::move(writers),
                               publish = std::move(publish), written = std::move(written),
                               published = std::move(published), watch = Stopwatch()]() mutable {
            try {
                if (full) {
                    throw CheckpointError(fmt::format(
                        "cannot write {}: {}; check the folder, its permissions and the free space",
                        (folder / part_name(rank)).string(), std::strerror(ENOSPC)));
                }
                if (holds_any(copied_)) write_part(folder / part_name(rank), copied_);
                written.set_value();
            } catch (...) {
                written.set_exception(std::current_exception());
                return;
            }
            try {
                if (writers) publish(read_parts(folder, *writers));
                seconds_ = watch.seconds();
                published.set_value();
            } catch (...) {
                published.set_exception(std::current_exception());
            }
        });
    }

    void check() {
        if (is_ready(written_)) written_.get();
        if (is_ready(published_)) published_.get();
    }

    void wait_until_written() {
        if (written_.valid()) written_.get();
    }
    void wait_until_published() {
        all_written_ = true;
        if (published_.valid()) published_.get();
        if (thread_.joinable()) thread_.join();
    }

    double stalled_seconds = 0.0;
    [[nodiscard]] double seconds() const { return seconds_; }

  private:
    /// Waits for them: each appears whole.
    std::vector<CheckpointPart> read_parts(const std::filesystem::path& folder,
                                           const std::vector<std::size_t>& writers) {
        std::vector<CheckpointPart> parts;
        std::chrono::steady_clock::duration waited{0};
        constexpr std::chrono::milliseconds kLook{5};
        for (const std::size_t writer : writers) {
            const std::filesystem::path path = folder / part_name(writer);
            std::error_code ignored;
            while (!std::filesystem::exists(path, ignored)) {
                if (given_up_) throw CheckpointError("the checkpoint is given up");
                if (waited >= kUntilSeen) {
                    throw CheckpointError(
                        fmt::format("rank {} has written {}, but it is not seen here; with comm.shard or "
                                    "top_k every rank "
                                    "writes a part, so run.dir must be on a file system that all hosts share",
                                    writer, path.string()));
                }
                std::this_thread::sleep_for(kLook);
                if (all_written_) waited += kLook;
            }
            parts.push_back(read_part(path));
        }
        return parts;
    }

    Buffer<float> room_;
    std::vector<StateArray> copied_;
    std::thread thread_;
    std::future<void> written_;
    std::future<void> published_;
    std::atomic<bool> all_written_ = false;
    std::atomic<bool> given_up_ = false;
    std::atomic<double> seconds_ = 0.0;
};

CheckpointWriter::CheckpointWriter(const Communicator& comm, const std::filesystem::path& folder,
                                   std::size_t keep, Faults faults)
    : comm_(comm), keep_(keep), faults_(std::move(faults)), work_(std::make_unique<Work>()) {
    std::string shared = (folder / kCheckpoints).string();
    comm.broadcast(shared, 0);
    folder_ = shared;
    if (comm.rank() == 0) CheckpointFolder(folder_).remove_unfinished();
}

CheckpointWriter::~CheckpointWriter() = default;

void CheckpointWriter::save(Checkpoint checkpoint, std::span<const StateArray> arrays,
                            std::size_t arena_size) {
    const Stopwatch watch;
    finish();
    const std::vector<StateArray> own = parts_to_save(comm_, arrays, arena_size);
    const std::vector<int> writes = comm_.allgather_value(static_cast<int>(holds_any(own)));
    const CheckpointFolder folder(folder_);
    std::string begun = agree(comm_, [&]() -> std::string {
        work_->copy(own);
        return comm_.rank() == 0 ? folder.begin(checkpoint.step).string() : "";
    });
    comm_.broadcast(begun, 0);
    std::optional<std::vector<std::size_t>> writers;
    if (comm_.rank() == 0) {
        writers.emplace();
        for (std::size_t rank = 0; rank < writes.size(); ++rank)
            if (writes[rank] != 0) writers->push_back(rank);
    }
    ++number_;
    last_ = folder.of(checkpoint.step);
    const bool full = faults_.checkpoint(number_) == CheckpointFault::kNoSpace;
    work_->start(begun, comm_.rank(), full, std::move(writers),
                 [this, folder, begun, keep = keep_,
                  checkpoint = std::move(checkpoint)](std::span<const CheckpointPart> parts) mutable {
                     checkpoint.parts.assign(parts.begin(), parts.end());
                     write_manifest(begun, checkpoint);
                     folder.publish(checkpoint.step);
                     tear();
                     folder.prune(keep, checkpoint.step);
                 });
    work_->stalled_seconds = watch.seconds();
}

void CheckpointWriter::finish() {
    agree(comm_, [&] { work_->wait_until_written(); });
    agree(comm_, [&] { work_->wait_until_published(); });
    if (comm_.rank() != 0) tear();
}

void CheckpointWriter::tear() const {
    if (number_ == 0 || faults_.checkpoint(number_) != CheckpointFault::kTorn) return;
    const std::filesystem::path part = last_ / part_name(comm_.rank());
    std::error_code none;
    const auto bytes = std::filesystem::file_size(part, none);
    if (!none) std::filesystem::resize_file(part, bytes / 2, none);
}

void CheckpointWriter::check() { work_->check(); }

double CheckpointWriter::stalled_seconds() const { return work_->stalled_seconds; }
double CheckpointWriter::written_seconds() const { return work_->seconds(); }

}  // namespace lockstep
