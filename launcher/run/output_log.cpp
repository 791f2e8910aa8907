#include "launcher/run/output_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/input_file.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

struct OutputLog {
    bool remembers = false;
    std::string text;  // what is remembered
    std::filesystem::path path;
    std::unique_ptr<std::FILE, Close> file;
    int loss = 0;  // an errno: why something was lost
};

/// Of the process, as the streams are.
OutputLog& output_log() {
    static OutputLog log;
    return log;
}

}  // namespace

void remember_output() { output_log().remembers = true; }

void open_output_log(const Config& config, const ResolvedOptions& options, const std::filesystem::path& dir,
                     bool goes_on) {
    namespace fs = std::filesystem;
    OutputLog& log = output_log();
    const fs::path& path = config.run.log_file;
    if (path.empty() || log.file) return;
    const auto refuse = [&](const std::string& why) {
        throw ConfigError(fmt::format("{}: {}; name another file", options.place("run.log_file"), why));
    };
    std::error_code ignored;
    if (was_read(path)) refuse("this run reads that file");
    if (fs::weakly_canonical(path.parent_path(), ignored) == fs::weakly_canonical(dir, ignored) &&
        std::ranges::find(kRunFiles, path.filename().string()) != kRunFiles.end())
        refuse("the run keeps a file of that name itself");
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
    log.file.reset(std::fopen(path.c_str(), goes_on ? "ae" : "we"));
    if (!log.file) refuse(fmt::format("cannot be written: {}", std::strerror(errno)));
    log.path = path;
    log_output(std::exchange(log.text, {}));
    log.remembers = false;
}

void log_output(std::string_view text) noexcept {
    OutputLog& log = output_log();
    if (log.remembers && !log.file) {
        try {
            log.text += text;
        } catch (const std::bad_alloc&) {
            log.loss = ENOMEM;
        }
    }
    if (!log.file || log.loss != 0) return;
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), log.file.get()) < text.size() ||
        std::fflush(log.file.get()) != 0)
        log.loss = errno != 0 ? errno : EIO;
}

std::string lost_output_log() {
    const OutputLog& log = output_log();
    if (!log.file || log.loss == 0) return {};
    return fmt::format(
        "cannot write {}: {}; what was printed there is lost, what was written to other files stands",
        log.path.string(), std::strerror(log.loss));
}

}  // namespace lockstep
