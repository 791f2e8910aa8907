// The counters in shared memory, the thread that looks at them, and the end of a job that hangs.
#include "comm/watchdog.h"

#include <fmt/format.h>
#include <mpi.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "comm/host_memory.h"
#include "core/base/error.h"
#include "core/base/no_signals.h"

namespace lockstep {

namespace {

using Seconds = std::chrono::duration<double>;

/// What a rank tells the others of its host.
struct alignas(kAlignment_bytes) Beat {
    std::atomic<std::uint64_t> places{0};  // that it has come to
    std::atomic<std::uint64_t> at{0};      // the last of them, and its detail
    std::atomic<std::uint64_t> step{0};
    std::atomic<std::uint64_t> looks{0};  // of its thread
    std::atomic<std::uint64_t> process{0};
    std::atomic<bool> left{false};  // it watches no more
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);  // else it could not be shared

Beat unwatched;
Beat* own = &unwatched;

constexpr int kDetail_bits = 32;

Place place_of(std::uint64_t at) { return static_cast<Place>(at >> kDetail_bits); }
bool may_take_long(std::uint64_t at) { return place_of(at) <= Place::kGroups; }

std::string text_of(std::uint64_t at) {
    const std::uint64_t detail = at & ((std::uint64_t{1} << kDetail_bits) - 1);
    switch (place_of(at)) {
        case Place::kOutside:
            return "at work outside training steps";
        case Place::kFiles:
            return "reading or writing files";
        case Place::kGroups:
            return "waiting for the other groups of ranks";
        case Place::kForward:
            return "in the forward pass";
        case Place::kBackward:
            return fmt::format("in the backward pass at layer {}", detail);
        case Place::kStepBegin:
            return "waiting for the ranks of its host to finish the step before";
        case Place::kGradients:
            return fmt::format("waiting for the gradients of layer {} and those of its bucket", detail);
        case Place::kParameters:
            return fmt::format("waiting for the parameters of bucket {}", detail);
        case Place::kMetrics:
            return "waiting for the sum of the losses";
        case Place::kUpdate:
            return "in the optimizer's step";
        case Place::kReplicas:
            return "comparing and checking the parameters";
        case Place::kScoring:
            return fmt::format("scoring piece {} of its share of a data set", detail);
        case Place::kLog:
            return "writing the log";
    }
    return "at an unknown place";
}

std::string text_of(const Beat& beat) {
    const std::uint64_t step = beat.step;
    return step == 0 ? text_of(beat.at) : fmt::format("at step {}, {}", step, text_of(beat.at));
}

/// Past stdio, whose locks another thread may hold for ever.
void say(const std::string& line) {
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t written = ::write(STDERR_FILENO, line.data() + done, line.size() - done);
        if (written <= 0) return;
        done += static_cast<std::size_t>(written);
    }
}

}  // namespace

void report_place(Place place, std::size_t detail) noexcept {
    const std::uint64_t at =
        std::uint64_t{static_cast<std::uint8_t>(place)} << kDetail_bits | static_cast<std::uint32_t>(detail);
    own->at.store(at, std::memory_order_relaxed);
    own->places.store(own->places.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void report_step(std::size_t step) noexcept { own->step.store(step, std::memory_order_relaxed); }

Reports reports_of_this_rank() noexcept {
    const Place place = place_of(own->at.load(std::memory_order_relaxed));
    return {own->places.load(std::memory_order_relaxed), place == Place::kFiles || place == Place::kGroups};
}

class Watchdog::Watch {
  public:
    Watch(const Communicator& comm, Seconds patience, std::string advice);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void wait_for_all() { comm_.barrier(); }

  private:
    /// A rank of this host, as the last look found it.
    struct Peer {
        Beat* beat = nullptr;
        std::string where;
        std::uint64_t places = 0;
        std::uint64_t looks = 0;
        int silent = 0;  // our looks since its last one
    };

    void share_beats();
    void start();
    void stop();
    void run();
    /// Looks at all ranks of the host; true if they have been waited for too long.
    bool look();
    [[nodiscard]] std::string report() const;
    [[noreturn]] void end_job(std::unique_lock<std::mutex>& lock);

    const Communicator& comm_;
    Seconds patience_;
    Seconds interval_;  // between two looks
    int most_looks_;    // without progress
    std::string advice_;
    std::optional<HostMemory> memory_;
    Beat alone_;            // where there is no memory to share
    Beat* beat_ = nullptr;  // this rank's
    std::vector<Peer> peers_;
    int quiet_ = 0;  // looks since one of them came further
    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;
};

Watchdog::Watch::Watch(const Communicator& comm, Seconds patience, std::string advice)
    : comm_(comm),
      patience_(patience),
      interval_(std::min(Seconds(1.0), patience / 8)),
      most_looks_(static_cast<int>(std::ceil(patience / interval_))),
      advice_(std::move(advice)) {
    share_beats();
    try {
        agree(comm, [&] { start(); });
    } catch (...) {
        stop();  // another rank's fault: this one's thread is at work
        throw;
    }
    own = beat_;
}

void Watchdog::Watch::start() {
    const NoSignals inherited;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::exception& error) {
        throw Error(ExitCode::kInternal, fmt::format("no thread can be started to watch the ranks: {}; raise "
                                                     "the limits on memory and processes (ulimit -v, -u)",
                                                     error.what()));
    }
}

/// Every rank of the host sees what the others tell; collective.
void Watchdog::Watch::share_beats() {
    const Communicator host = comm_.split_by_memory();
    if (auto memory = HostMemory::allocate(host, sizeof(Beat))) memory_.emplace(std::move(*memory));
    beat_ = memory_ ? new (memory_->segment(host.rank()).data()) Beat : &alone_;
    beat_->process = static_cast<std::uint64_t>(getpid());
    const std::vector<std::size_t> ranks = host.allgather_value(comm_.rank());
    for (std::size_t local = 0; memory_ && local < ranks.size(); ++local) {
        auto* beat = std::launder(reinterpret_cast<Beat*>(memory_->segment(local).data()));
        peers_.push_back({beat, comm_.where(ranks[local])});
    }
    if (!memory_) peers_.push_back({beat_, comm_.where()});
}

Watchdog::Watch::~Watch() { stop(); }

void Watchdog::Watch::stop() {
    own = &unwatched;
    beat_->left = true;
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Watchdog::Watch::run() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, interval_, [this] { return over_; })) {
        if (look()) end_job(lock);
    }
}

bool Watchdog::Watch::look() {
    ++beat_->looks;
    bool further = false;
    bool missing = false;
    for (Peer& peer : peers_) {
        const std::uint64_t looks = peer.beat->looks;
        const std::uint64_t places = peer.beat->places;
        peer.silent = looks != peer.looks || peer.beat->left ? 0 : peer.silent + 1;
        further |= places != peer.places || (peer.silent <= 1 && may_take_long(peer.beat->at));
        missing |= peer.silent >= most_looks_;
        peer.looks = looks;
        peer.places = places;
    }
    quiet_ = further ? 0 : quiet_ + 1;
    return missing || quiet_ >= most_looks_;
}

std::string Watchdog::Watch::report() const {
    std::string text = fmt::format("lockstep: {}: no progress for {:g} s: this rank is {}", comm_.where(),
                                   patience_.count(), text_of(*beat_));
    bool missing = false;
    for (const Peer& peer : peers_) {
        if (peer.beat == beat_ || peer.silent < most_looks_ / 2) continue;
        missing = true;
        text += fmt::format("; {} does not answer: its process {} is stopped, and was {}", peer.where,
                            peer.beat->process.load(), text_of(*peer.beat));
    }
    if (!missing && peers_.size() < comm_.size())
        text += "; a rank that has no such line is the one that is missing";
    return fmt::format("{}; {}\n", text, advice_);
}

void Watchdog::Watch::end_job(std::unique_lock<std::mutex>& lock) {
    say(report());
    // The others have as long to say the same; meanwhile they see that this rank answers.
    for (int i = 0; i < 3; ++i) {
        changed_.wait_for(lock, std::max(interval_, Seconds(0.3)));
        ++beat_->looks;
    }
    // MPI belongs to the thread that hangs: should it not answer this one, an alarm ends the process.
    std::signal(SIGALRM, [](int) { _exit(static_cast<int>(ExitCode::kHang)); });
    alarm(5);
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::kHang));
    _exit(static_cast<int>(ExitCode::kHang));
}

Watchdog::Watchdog(const Communicator& comm, Seconds patience, const std::string& advice) {
    if (patience.count() > 0.0 && comm.size() > 1) watch_ = std::make_unique<Watch>(comm, patience, advice);
}

Watchdog::~Watchdog() = default;

void Watchdog::finish() {
    report_place(Place::kOutside);
    if (watch_) watch_->wait_for_all();
    watch_.reset();
}

}  // namespace lockstep
