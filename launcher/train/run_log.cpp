#include "launcher/train/run_log.h"

#include <fmt/format.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "launcher/files/atomic_file.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr const char* kCsvFile = "metrics.csv";
constexpr const char* kLedgerFile = "ledger.jsonl";

/// The step of a line of a log; nothing where it is none: half a line of a killed run, or nobody's.
std::optional<std::size_t> step_of(const Json& line) {
    if (!line.is_object() || !line.contains("step") || !line["step"].is_number_unsigned())
        return std::nullopt;
    return line["step"].get<std::size_t>();
}

/// The lines of a log up to the first that is of a later step than `step`: what stands behind that was
/// written later, though it may be of an earlier one. The line of the end is left out, and so is the digest
/// of the best parameters that a run has at its end: it goes back.
std::string lines_until(const std::filesystem::path& path, std::size_t step) {
    std::ifstream input(path, std::ios::binary);
    std::string kept;
    std::size_t last = 0;
    for (std::string text; std::getline(input, text);) {
        const Json line = Json::parse(text, nullptr, false);
        const std::optional<std::size_t> of = step_of(line);
        if (!of) continue;
        if (*of > step) break;
        if (line.contains("digest") && *of < last) continue;
        last = *of;
        if (!line.contains("event") || line["event"] != "end") kept += text + "\n";
    }
    return kept;
}

/// A flushed line, or an error: a log that silently loses lines is none. What there was room for of a line
/// that could not be written is cut off, so that whole lines stay.
void write_line(std::FILE* file, const std::filesystem::path& path, const std::string& text) {
    const off_t whole = ftello(file);
    if (std::fputs((text + "\n").c_str(), file) >= 0 && std::fflush(file) == 0) return;
    const int error = errno;
    __fpurge(file);
    [[maybe_unused]] const bool is_cut = whole >= 0 && ftruncate(fileno(file), whole) == 0;
    throw CheckpointError(
        fmt::format("cannot write {}: {}; check the free space", path.string(), std::strerror(error)));
}

}  // namespace

RunLog::RunLog(RunDirectory dir, const Json& record) : dir_(std::move(dir)) {
    dir_.clear();
    open("we");
    write_record(record);
    write_line(csv_.get(), files() / kCsvFile, csv_heading());
    dir_.keep();
}

RunLog::RunLog(RunDirectory dir, const Json& record, std::size_t step) : dir_(std::move(dir)) {
    for (const char* file : {kMetricsFile, kLedgerFile}) {
        write_file(files() / file, lines_until(files() / file, step), ExitCode::kUsage);
    }
    // Of the lines as they are now, so that neither has what the other has not.
    AtomicFile csv(files() / kCsvFile, ExitCode::kUsage);
    csv.write(csv_heading() + "\n");
    std::ifstream kept(files() / kMetricsFile, std::ios::binary);
    for (std::string text; std::getline(kept, text);) csv.write(csv_row(Json::parse(text)) + "\n");
    csv.commit();
    open("ae");
    write_record(record);
}

void RunLog::open(const char* mode) {
    const auto open_file = [&](const char* file) {
        std::FILE* stream = std::fopen((files() / file).c_str(), mode);
        if (stream == nullptr) {
            throw ConfigError(fmt::format("cannot write {}: {}; choose another run.dir",
                                          (files() / file).string(), std::strerror(errno)));
        }
        return File(stream);
    };
    metrics_ = open_file(kMetricsFile);
    csv_ = open_file(kCsvFile);
    ledger_ = open_file(kLedgerFile);
}

void RunLog::write_record(const Json& record) const {
    write_file(files() / kRunFile, json_text(record, 2) + "\n", ExitCode::kUsage);
}

void RunLog::write_result(const nlohmann::json& result) const {
    write_file(files() / kResultFile, json_text(result, 2) + "\n");
}

void RunLog::write(const Metrics& metrics) {
    const Json line = to_json(metrics);
    write_line(metrics_.get(), files() / kMetricsFile, line.dump());
    write_line(csv_.get(), files() / kCsvFile, csv_row(line));
    if (events_) events_->write(line);
}

void RunLog::write(const LedgerLine& line) {
    write_line(ledger_.get(), files() / kLedgerFile, to_json_line(line));
}

}  // namespace lockstep
