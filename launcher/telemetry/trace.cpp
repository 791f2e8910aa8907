#include "launcher/telemetry/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "comm/agreement.h"
#include "comm/requests.h"
#include "launcher/files/atomic_file.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

/// About 400 MB of JSON, more than which no browser likes to open, whatever the number of ranks.
constexpr std::size_t kMostRecordsOfAll = 4'000'000;
constexpr std::size_t kFewestRecords = 1000;
/// Barriers by which clocks are compared: the median of their differences is as good as most of them are.
constexpr std::size_t kRounds = 9;
constexpr int kTag = 1;

std::int64_t nanoseconds(Trace::Clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

/// By how much this rank's clock is ahead of rank 0's.
std::int64_t clock_difference(const Communicator& comm) {
    std::array<std::int64_t, kRounds> own{};
    for (std::int64_t& stamp : own) {
        comm.barrier();
        stamp = nanoseconds(Trace::Clock::now().time_since_epoch());
    }
    std::array<std::int64_t, kRounds> first = own;
    comm.broadcast(std::span<std::int64_t>(first), 0);
    for (std::size_t i = 0; i < kRounds; ++i) own[i] -= first[i];
    std::ranges::nth_element(own, own.begin() + kRounds / 2);
    return own[kRounds / 2];
}

/// Which of as few lanes as will do each span is on, where those of a lane must not overlap. `spans`: in the
/// order of their begins.
template <class Records>
std::vector<std::size_t> lanes_of(const Records& spans) {
    std::vector<std::int64_t> free_from;
    std::vector<std::size_t> lanes;
    for (const auto& span : spans) {
        std::size_t lane = 0;
        if (span.bytes > 0) {
            const auto found =
                std::ranges::find_if(free_from, [&](auto end) { return end <= span.begin_ns; });
            lane = static_cast<std::size_t>(found - free_from.begin()) + 1;
            if (found == free_from.end()) free_from.push_back(0);
            free_from[lane - 1] = span.end_ns;
        }
        lanes.push_back(lane);
    }
    return lanes;
}

}  // namespace

/// Rank 0's file.
class Trace::Writer {
  public:
    explicit Writer(const std::filesystem::path& path) : file_(path) { file_.write("{\"traceEvents\":[\n"); }

    void rank(std::size_t rank, const std::string& host, std::span<const Record> spans) {
        const std::vector<std::size_t> lanes = lanes_of(spans);
        name("process_name", rank, 0, fmt::format("rank {} on {}", rank, host));
        line({{"name", "process_sort_index"}, {"ph", "M"}, {"pid", rank}, {"args", {{"sort_index", rank}}}});
        name("thread_name", rank, 0, "main thread");
        const std::size_t most = lanes.empty() ? 0 : std::ranges::max(lanes);
        for (std::size_t lane = 1; lane <= most; ++lane)
            name("thread_name", rank, lane, fmt::format("communication {}", lane));
        for (std::size_t i = 0; i < spans.size(); ++i) span(spans[i], rank, lanes[i]);
    }
    void commit() {
        file_.write("\n],\"displayTimeUnit\":\"ms\"}\n");
        file_.commit();
    }

  private:
    using Json = nlohmann::ordered_json;

    void name(const char* what, std::size_t rank, std::size_t thread, const std::string& name) {
        line({{"name", what}, {"ph", "M"}, {"pid", rank}, {"tid", thread}, {"args", {{"name", name}}}});
    }
    void span(const Record& span, std::size_t rank, std::size_t thread) {
        Json args{{"step", span.step}};
        if (span.bytes > 0) args["bytes"] = span.bytes;
        std::string name = span.name.data();
        if (span.number != kNoNumber) name += fmt::format(" {}", span.number);
        // Microseconds, as the format has it.
        line({{"name", name},
              {"cat", span.bytes > 0 ? "communication" : "phase"},
              {"ph", "X"},
              {"ts", static_cast<double>(span.begin_ns) * 1e-3},
              {"dur", static_cast<double>(span.end_ns - span.begin_ns) * 1e-3},
              {"pid", rank},
              {"tid", thread},
              {"args", args}});
    }
    void line(const Json& event) {
        file_.write((is_first_ ? "" : ",\n") + json_text(event));
        is_first_ = false;
    }

    AtomicFile file_;
    bool is_first_ = true;
};

Trace::Trace(const Communicator& comm, std::size_t steps)
    : comm_(comm),
      steps_left_(steps),
      most_records_(std::max(kFewestRecords, kMostRecordsOfAll / comm.size())) {
    const std::int64_t ahead = clock_difference(comm);
    std::int64_t zero = nanoseconds(Clock::now().time_since_epoch());
    comm.broadcast_value(zero, 0);
    origin_ = Clock::time_point(std::chrono::nanoseconds(zero + ahead));
}

void Trace::begin_step(std::size_t number) {
    if (steps_left_ == 0) active_ = false;
    if (!active_) return;
    --steps_left_;
    step_ = static_cast<std::uint32_t>(number);
}

void Trace::end_step(Clock::time_point begin) { span("step", begin, Clock::now()); }

void Trace::begin_layers() {
    if (active_) mark_ = Clock::now();
}

void Trace::layer(std::size_t layer) {
    if (!active_) return;
    const auto now = Clock::now();
    add("layer", static_cast<std::uint32_t>(layer), mark_, now);
    mark_ = now;
}

void Trace::bucket_begins(std::size_t bucket) {
    if (!active_ || step_ == 0) return;
    if (bucket_begins_.size() <= bucket) bucket_begins_.resize(bucket + 1);
    bucket_begins_[bucket] = Clock::now();
}

void Trace::bucket_ends(std::size_t bucket, std::size_t bytes) {
    if (active_ && step_ > 0 && bucket < bucket_begins_.size())
        add("bucket", static_cast<std::uint32_t>(bucket), bucket_begins_[bucket], Clock::now(), bytes);
}

void Trace::add(std::string_view name, std::uint32_t number, Clock::time_point begin, Clock::time_point end,
                std::size_t bytes) {
    if (records_.size() == most_records_) {
        active_ = false;
        return;
    }
    Record& record = records_.emplace_back();
    name.copy(record.name.data(), record.name.size() - 1);
    record.begin_ns = nanoseconds(begin - origin_);
    record.end_ns = nanoseconds(end - origin_);
    record.bytes = bytes;
    record.step = step_;
    record.number = number;
}

/// By their begins, and what holds others before those.
std::vector<Trace::Record> Trace::sorted() const {
    std::vector<Record> records = records_;
    std::ranges::stable_sort(records, [](const Record& a, const Record& b) {
        return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
    });
    return records;
}

void Trace::write(const std::filesystem::path& path) const {
    const std::vector<std::size_t> counts = comm_.allgather_value(records_.size());
    if (comm_.rank() != 0) {
        Requests sent(comm_.handle());
        const std::vector<Record> own = sorted();
        if (!own.empty()) comm_.start_send(std::span<const Record>(own), 0, kTag, sent);
        sent.wait_all();
        return agree(comm_, [] {});
    }
    // One rank's at a time is in memory, also where the file cannot be written: the others must be rid of it.
    std::optional<Error> fault;
    const auto attempt = [&](const auto& action) {
        try {
            if (!fault) action();
        } catch (const Error& error) {
            fault = error;
        }
    };
    std::optional<Writer> writer;
    attempt([&] { writer.emplace(path); });
    for (std::size_t rank = 0; rank < comm_.size(); ++rank) {
        std::vector<Record> records = rank == 0 ? sorted() : std::vector<Record>(counts[rank]);
        Requests received(comm_.handle());
        if (rank > 0 && !records.empty())
            comm_.start_receive(std::span<Record>(records), rank, kTag, received);
        received.wait_all();
        attempt([&] { writer->rank(rank, comm_.hosts()[rank], records); });
    }
    attempt([&] { writer->commit(); });
    agree(comm_, [&] {
        if (fault) throw Error(*fault);
    });
}

}  // namespace lockstep
