#include "launcher/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fcntl.h>
#include <algorithm>
#include <cstdlib>
#include <string>

#include "launcher/run/printing.h"

namespace lockstep {

namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::size_t kBarWidth = 24;
constexpr std::string_view kClearLine = "\r\x1b[K";

std::size_t terminal_columns(std::FILE* out) {
    winsize size{};
    if (::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

}  // namespace

bool reaches_terminal(std::FILE* out) {
    const int descriptor = ::fileno(out);
    if (::isatty(descriptor) == 0) return false;
    if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return true;
    const std::string launchers = fmt::format("/proc/{}/fd/{}", ::getppid(), descriptor);
    const int theirs = ::open(launchers.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (theirs < 0) return false;
    const bool terminal = ::isatty(theirs) != 0;
    ::close(theirs);
    return terminal;
}

Progress Progress::for_rank(std::size_t rank, bool json) {
    std::FILE* out = json ? stderr : stdout;
    if (rank != 0) return {Style::kSilent, out};
    return {reaches_terminal(out) ? Style::kBar : Style::kLines, out};
}

Progress::Progress(Style style, std::FILE* out) : style_(style), out_(out) {}

void Progress::line(std::string_view text) {
    if (style_ == Style::kSilent) return;
    clear();
    write_text(out_, printable(text) + "\n");
    flush(out_);
}

bool Progress::due() const {
    return style_ == Style::kBar && (!drawn_ || std::chrono::steady_clock::now() - last_draw_ >= kRedraw);
}

void Progress::update(std::string_view label, std::size_t done, std::size_t total, std::string_view note) {
    if (style_ != Style::kBar || total == 0) return;
    last_draw_ = std::chrono::steady_clock::now();
    drawn_ = true;
    const std::size_t filled = std::min(done, total) * kBarWidth / total;
    const std::string text = fmt::format("{} [{:#<{}}{:.<{}}] {}/{}  {}", label, "", filled, "",
                                         kBarWidth - filled, done, total, note);
    write_text(out_, fmt::format("{}{}", kClearLine, text.substr(0, terminal_columns(out_) - 1)));
    flush(out_);
}

void Progress::clear() {
    if (!drawn_) return;
    drawn_ = false;
    write_text(out_, kClearLine);
    flush(out_);
}

}  // namespace lockstep
