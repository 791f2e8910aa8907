#include "launcher/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fcntl.h>
#include <cstdlib>
#include <string>

#include "launcher/run/output_log.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kNextLine{60};
constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kPlain = "\x1b[0m";

/// A descriptor of what `out` is shown on: its own, or mpirun's of that number, which this opens. Nothing
/// where it cannot be opened.
class Screen {
  public:
    explicit Screen(std::FILE* out) : descriptor_(::fileno(out)) {
        if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return;
        const std::string launchers = fmt::format("/proc/{}/fd/{}", ::getppid(), descriptor_);
        opened_ = ::open(launchers.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
        descriptor_ = opened_;
    }
    ~Screen() {
        if (opened_ >= 0) ::close(opened_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    [[nodiscard]] bool is_terminal() const { return descriptor_ >= 0 && ::isatty(descriptor_) != 0; }
    [[nodiscard]] std::size_t columns() const {
        winsize size{};
        if (descriptor_ >= 0 && ::ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            return size.ws_col;
        return 80;
    }

  private:
    int descriptor_;
    int opened_ = -1;
};

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

/// Whether it knows how to erase a line, and colours.
bool is_dumb_terminal() {
    const char* kind = std::getenv("TERM");
    return kind != nullptr && std::string_view(kind) == "dumb";
}

}  // namespace

bool reaches_terminal(std::FILE* out) { return ::isatty(::fileno(out)) != 0 && Screen(out).is_terminal(); }

Progress Progress::for_rank(std::size_t rank, bool json) {
    std::FILE* out = json ? stderr : stdout;
    if (rank != 0) return {Style::kSilent, out};
    const bool bar = reaches_terminal(out) && !is_dumb_terminal();
    return {bar ? Style::kBar : Style::kLines, out, bar && !is_set("NO_COLOR")};
}

Progress::Progress(Style style, std::FILE* out, bool colour) : style_(style), out_(out), colour_(colour) {}

void Progress::line(std::string_view text) {
    if (style_ == Style::kSilent) return;
    clear();
    write_text(out_, printable(text) + "\n");
    flush(out_);
}

void Progress::warn(std::string_view text) {
    if (!colour_) return line(fmt::format("warning: {}", text));
    clear();
    const std::string shown = printable(text);
    log_output(fmt::format("warning: {}\n", shown));
    write_to_terminal(out_, fmt::format("{}warning:{} {}\n", kYellow, kPlain, shown));
    flush(out_);
}

bool Progress::due() const {
    if (style_ == Style::kSilent) return false;
    const auto since = std::chrono::steady_clock::now() - last_;
    return style_ == Style::kBar ? !drawn_ || since >= kRedraw : since >= kNextLine;
}

void Progress::update(const RunProgress& at) {
    if (style_ == Style::kSilent) return;
    last_ = std::chrono::steady_clock::now();
    if (style_ == Style::kLines) return line(progress_line(at));
    drawn_ = true;
    // The last column stays free: what is written there may begin a new line.
    const std::string bar = progress_bar(at, Screen(out_).columns() - 1, colour_);
    write_to_terminal(out_, fmt::format("{}{}", kClearLine, bar));
    flush(out_);
}

void Progress::clear() {
    if (!drawn_) return;
    drawn_ = false;
    write_to_terminal(out_, kClearLine);
    flush(out_);
}

}  // namespace lockstep
