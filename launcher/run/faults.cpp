#include "launcher/run/faults.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"

namespace lockstep {

namespace {

constexpr std::size_t kFloatBits = 32;
constexpr std::size_t kMostDelay_ms = 3'600'000;

/// What a kind of fault is written with.
struct Form {
    FaultKind kind;
    std::span<const std::string_view> needs;
    std::span<const std::string_view> takes;  ///< beside these
    std::string_view example;
    bool spans_steps = false;  ///< step= may be several: 7..9, or 7.. for that one and all behind it
};

constexpr std::array<std::string_view, 2> kRankAndStep{"rank", "step"};
constexpr std::array<std::string_view, 4> kPlaceOfBit{"rank", "layer", "bit", "step"};
constexpr std::array<std::string_view, 1> kWhat{"what"};
constexpr std::array<std::string_view, 2> kRankAndTime{"rank", "ms"};
constexpr std::array<std::string_view, 1> kStep{"step"};
constexpr std::array<std::string_view, 1> kCheckpoint{"checkpoint"};
constexpr std::array<std::string_view, 1> kRank{"rank"};

constexpr std::array<Form, 7> kForms{{
    {FaultKind::kKill, kRankAndStep, {}, "kill:rank=2,step=40"},
    {FaultKind::kHang, kRankAndStep, {}, "hang:rank=1,step=5"},
    {FaultKind::kThrow, kRankAndStep, {}, "throw:rank=1,step=3"},
    {FaultKind::kFlip, kPlaceOfBit, kWhat, "flip:rank=1,layer=0,bit=3,step=7,what=gradient", true},
    {FaultKind::kSlow, kRankAndTime, kStep, "slow:rank=1,ms=50", true},
    {FaultKind::kNoSpace, kCheckpoint, kRank, "enospc:checkpoint=2"},
    {FaultKind::kTorn, kCheckpoint, kRank, "torn:checkpoint=3"},
}};

const Form& form_of(FaultKind kind) { return *std::ranges::find(kForms, kind, &Form::kind); }

bool holds(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

/// Reads the text of --inject, field after field.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    std::vector<Fault> read() {
        for (std::string_view rest = text_; !rest.empty();) {
            const std::size_t end = std::min(rest.find_first_of(",;"), rest.size());
            take(trimmed(rest.substr(0, end)));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        finish();
        if (faults_.empty()) refuse("names no fault; " + kinds());
        return std::move(faults_);
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw ConfigError(fmt::format("--inject {}: {}", text_, what));
    }
    static std::string kinds() {
        return fmt::format("the kinds are {}", fmt::join(names_of<FaultKind>, ", "));
    }
    [[nodiscard]] std::string_view kind() const { return name_of(form_->kind); }
    [[nodiscard]] std::string as_in() const { return fmt::format("as in {}", form_->example); }

    /// "kind:key=value", which begins a fault, or "key=value" of the one at hand.
    void take(std::string_view field) {
        if (field.empty()) return;
        if (field.find_first_of(":=") == std::string_view::npos) return begin(field);
        if (const std::size_t colon = field.find(':'); colon < field.find('=')) {
            begin(trimmed(field.substr(0, colon)));
            field = trimmed(field.substr(colon + 1));
        } else if (form_ == nullptr) {
            refuse(fmt::format("'{}' is of no fault; begin with its kind, as in {}; {}", field,
                               kForms.front().example, kinds()));
        }
        const std::size_t equals = field.find('=');
        if (equals == std::string_view::npos) {
            refuse(fmt::format("'{}' is no key=value of {}; write {}", field, kind(), as_in()));
        }
        set(trimmed(field.substr(0, equals)), trimmed(field.substr(equals + 1)));
    }

    void begin(std::string_view name) {
        finish();
        const auto found = std::ranges::find(names_of<FaultKind>, name);
        if (found == names_of<FaultKind>.end()) {
            refuse(fmt::format("'{}' is no kind of fault{}; {}", name,
                               did_you_mean(name, names_of<FaultKind>), kinds()));
        }
        fault_ = {};
        fault_.kind = value_named<FaultKind>(name);
        form_ = &form_of(fault_.kind);
        given_.clear();
    }

    void finish() {
        if (form_ == nullptr) return;
        for (const std::string_view key : form_->needs) {
            if (!holds(given_, key)) refuse(fmt::format("{} needs {}=, {}", kind(), key, as_in()));
        }
        faults_.push_back(fault_);
    }

    void set(std::string_view key, std::string_view value) {
        if (!holds(form_->needs, key) && !holds(form_->takes, key)) {
            std::vector<std::string_view> keys(form_->needs.begin(), form_->needs.end());
            keys.insert(keys.end(), form_->takes.begin(), form_->takes.end());
            refuse(fmt::format("{} takes {}, and no '{}'{}", kind(), fmt::join(keys, ", "), key,
                               did_you_mean(key, keys)));
        }
        if (holds(given_, key)) refuse(fmt::format("{}= is given twice for {}", key, kind()));
        given_.push_back(key);
        if (key == "rank") fault_.rank = number(key, value, 0);
        if (key == "step") set_steps(value);
        if (key == "layer") fault_.layer = number(key, value, 0);
        if (key == "bit") fault_.bit = static_cast<unsigned>(number(key, value, 0, kFloatBits - 1));
        if (key == "ms") fault_.delay = std::chrono::milliseconds(number(key, value, 1, kMostDelay_ms));
        if (key == "checkpoint") fault_.checkpoint = number(key, value, 1);
        if (key == "what") {
            if (std::ranges::find(names_of<FlipTarget>, value) == names_of<FlipTarget>.end()) {
                refuse(fmt::format("what={}: must be one of {}{}", value,
                                   fmt::join(names_of<FlipTarget>, ", "),
                                   did_you_mean(value, names_of<FlipTarget>)));
            }
            fault_.what = value_named<FlipTarget>(value);
        }
    }

    void set_steps(std::string_view value) {
        const std::size_t dots = form_->spans_steps ? value.find("..") : std::string_view::npos;
        fault_.first_step = number("step", value.substr(0, dots), 1);
        fault_.last_step = fault_.first_step;
        if (dots == std::string_view::npos) return;
        const std::string_view last = value.substr(dots + 2);
        fault_.last_step = last.empty() ? Fault::kForEver : number("step", last, fault_.first_step);
    }

    [[nodiscard]] std::size_t number(std::string_view key, std::string_view value, std::size_t least,
                                     std::size_t most = Fault::kForEver) const {
        const auto number = parse_number<std::size_t>(value);
        if (number && *number >= least && *number <= most) return *number;
        refuse(fmt::format("{}={}: must be a whole number from {}{}{}", key, value, least,
                           most == Fault::kForEver ? " on" : fmt::format(" to {}", most),
                           digits_hint(value)));
    }

    std::string_view text_;
    std::vector<Fault> faults_;
    Fault fault_;  // being read, where there is a form_
    const Form* form_ = nullptr;
    std::vector<std::string_view> given_;  // its keys until now
};

/// Not even a signal that is handled ends this.
[[noreturn]] void stand_still() {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

std::vector<Fault> parse_faults(std::string_view text) { return Reader(text).read(); }

std::string to_string(const Fault& fault) {
    std::vector<std::string> fields;
    const auto add = [&](std::string_view key) {
        if (key == "rank" && fault.rank) fields.push_back(fmt::format("rank={}", *fault.rank));
        if (key == "step") {
            const bool ends = fault.last_step != Fault::kForEver;
            if (fault.first_step == fault.last_step) {
                fields.push_back(fmt::format("step={}", fault.first_step));
            } else if (fault.first_step > 1 || ends) {
                fields.push_back(fmt::format("step={}..{}", fault.first_step,
                                             ends ? std::to_string(fault.last_step) : ""));
            }
        }
        if (key == "layer") fields.push_back(fmt::format("layer={}", fault.layer));
        if (key == "bit") fields.push_back(fmt::format("bit={}", fault.bit));
        if (key == "ms") fields.push_back(fmt::format("ms={}", fault.delay.count()));
        if (key == "checkpoint") fields.push_back(fmt::format("checkpoint={}", fault.checkpoint));
        if (key == "what") fields.push_back(fmt::format("what={}", name_of(fault.what)));
    };
    const Form& form = form_of(fault.kind);
    std::ranges::for_each(form.needs, add);
    std::ranges::for_each(form.takes, add);
    return fmt::format("{}:{}", name_of(fault.kind), fmt::join(fields, ","));
}

Faults::Faults(std::span<const Fault> all, std::size_t rank) : armed_(!all.empty()) {
    std::ranges::copy_if(all, std::back_inserter(faults_),
                         [&](const Fault& fault) { return !fault.rank || *fault.rank == rank; });
}

void Faults::check(const ParameterLayout& layout) const {
    for (const Fault& fault : faults_) {
        if (fault.kind != FaultKind::kFlip) continue;
        const std::size_t layers = layout.layer_count();
        if (fault.layer < layers && layout.layer_range(fault.layer).count > 0) continue;
        throw ConfigError(fmt::format("--inject {}: layer {} {}", to_string(fault), fault.layer,
                                      fault.layer < layers
                                          ? "has no parameters; choose another"
                                          : fmt::format("is not there; the layers are 0 to {}", layers - 1)));
    }
}

void Faults::before_step(std::size_t step) const {
    for (const Fault& fault : faults_) {
        if (step < fault.first_step || step > fault.last_step) continue;
        if (fault.kind == FaultKind::kKill) ::kill(::getpid(), SIGKILL);
        if (fault.kind == FaultKind::kHang) stand_still();
        if (fault.kind == FaultKind::kSlow) std::this_thread::sleep_for(fault.delay);
        if (fault.kind == FaultKind::kThrow) {
            throw std::runtime_error(fmt::format("an exception before step {}, by --inject", step));
        }
    }
}

bool Faults::flips(FlipTarget what, std::size_t step) const {
    return std::ranges::any_of(faults_, [&](const Fault& fault) {
        return fault.kind == FaultKind::kFlip && fault.what == what && step >= fault.first_step &&
               step <= fault.last_step;
    });
}

void Faults::flip(FlipTarget what, std::size_t step, std::size_t layer, std::span<float> values) const {
    for (const Fault& fault : faults_) {
        if (fault.kind != FaultKind::kFlip || fault.what != what || fault.layer != layer) continue;
        if (step < fault.first_step || step > fault.last_step || values.empty()) continue;
        const auto bits = std::bit_cast<std::uint32_t>(values.front());
        values.front() = std::bit_cast<float>(bits ^ std::uint32_t{1} << fault.bit);
    }
}

std::vector<std::string> Faults::missed(std::size_t first_step, std::size_t last_step,
                                        std::size_t checkpoints) const {
    std::vector<std::string> texts;
    for (const Fault& fault : faults_) {
        const bool struck = fault.checkpoint > 0
                                ? fault.checkpoint <= checkpoints
                                : fault.first_step <= last_step && fault.last_step >= first_step;
        if (!struck) texts.push_back(to_string(fault));
    }
    return texts;
}

CheckpointFault Faults::checkpoint(std::size_t number) const {
    for (const Fault& fault : faults_) {
        if (fault.checkpoint != number) continue;
        if (fault.kind == FaultKind::kNoSpace) return CheckpointFault::kNoSpace;
        if (fault.kind == FaultKind::kTorn) return CheckpointFault::kTorn;
    }
    return CheckpointFault::kNone;
}

Faults arm_faults(const Communicator& comm, std::span<const Fault> all, Progress& progress) {
    if (all.empty()) return {};
    std::vector<std::string> texts;
    for (const Fault& fault : all) texts.push_back(to_string(fault));
    agree(comm, [&] {
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (!all[i].rank || *all[i].rank < comm.size()) continue;
            throw ConfigError(fmt::format("--inject {}: the job has {} rank{}, and so none of number {}",
                                          texts[i], comm.size(), comm.size() == 1 ? "" : "s", *all[i].rank));
        }
    });
    progress.warn(fmt::format("faults are injected: {}", fmt::join(texts, "; ")));
    return {all, comm.rank()};
}

}  // namespace lockstep
