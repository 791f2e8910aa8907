#include "launcher/score/same_inputs.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "comm/agreement.h"
#include "comm/same_on_all_ranks.h"
#include "core/base/digest.h"
#include "launcher/exchange/open_model.h"

namespace lockstep {

namespace {

constexpr std::string_view kSameData = "give every host the same copy of the data";
constexpr std::string_view kSameFiles = "give every host the same copy of the file";

std::string targets_text(const Dataset& set) {
    if (!set.has_targets()) return "no targets";
    return set.classes() > 0 ? fmt::format("{} classes", set.classes())
                             : fmt::format("{} target values", set.target_size());
}

Fact fact_of(std::string name, const Dataset& set) {
    const std::string what =
        fmt::format("of {} inputs and {}, digest {}", set.input_size(), targets_text(set), set.digest());
    return {std::move(name), fmt::format("{} samples {}", set.size(), what),
            fmt::format("{} {}", set.description(), what)};
}

/// Throws E, the error of that kind of input, for a stream.
template <class E>
void refuse_stream(const std::filesystem::path& path) {
    std::error_code none;
    if (!std::filesystem::exists(path, none) || std::filesystem::is_regular_file(path, none) ||
        std::filesystem::is_directory(path, none))
        return;
    throw E(
        fmt::format("{}: is a stream, no file: of several ranks, rank 0 alone could read it, and rank 1 "
                    "would see nothing; "
                    "write it to a file that every rank can read",
                    path.string()));
}

/// A file as it is compared: one that cannot be read has its reason instead, and is left to its reader, which
/// says more, where no rank can read it.
std::string unreadable() { return fmt::format("unreadable ({})", std::strerror(errno)); }

std::string content_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return unreadable();
    DigestBuilder digest;
    std::size_t bytes = 0;
    for (std::array<char, 65536> block{}; file.read(block.data(), block.size()), file.gcount() > 0;) {
        const auto count = static_cast<std::size_t>(file.gcount());
        digest.update(std::string_view(block.data(), count));
        bytes += count;
    }
    return fmt::format("{} bytes with digest {}", bytes, digest.digest().hex());
}

/// model_file.h: the last 16 bytes are the digest of all bytes before them, big end first. Other forms have
/// none.
std::string checksum_text(const std::filesystem::path& path) {
    const ModelForm form = form_of(path);
    if (form == ModelForm::kSafetensors || form == ModelForm::kNpz) return content_text(path);
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return unreadable();
    const std::streamoff bytes = file.tellg();
    std::array<unsigned char, 16> checksum{};
    constexpr auto kLength = static_cast<std::streamoff>(checksum.size());
    if (bytes < kLength || !file.seekg(-kLength, std::ios::end) ||
        !file.read(reinterpret_cast<char*>(checksum.data()), kLength)) {
        return fmt::format("{} bytes", bytes);
    }
    return fmt::format("{} bytes with checksum {:02x}", bytes, fmt::join(checksum, ""));
}

Fact fact_of(std::string name, const std::filesystem::path& file, std::string content) {
    std::string shown = fmt::format("{}: {}", file.string(), content);
    return {std::move(name), std::move(content), std::move(shown)};
}

}  // namespace

void check_same_data(const Communicator& comm, const DataSets& data) {
    if (comm.size() == 1) return;
    std::vector<Fact> facts;
    agree(comm, [&] {
        facts.push_back(fact_of("the training set", *data.train));
        if (data.validation) facts.push_back(fact_of("the validation set", *data.validation));
        facts.push_back(fact_of("the test set", *data.test));
    });
    same_on_all_ranks(comm, facts, ExitCode::kData, kSameData);
}

void check_same_files(const Communicator& comm, const Config& config) {
    if (comm.size() == 1) return;
    std::vector<Fact> facts;
    agree(comm, [&] {
        const DataOptions& data = config.data;
        for (const auto& file : {data.table, data.test_table, data.file, data.test_file}) {
            if (!file.empty()) refuse_stream<DataError>(file);
        }
        for (const std::string& file :
             {data.train_vectors, data.train_labels, data.test_vectors, data.test_labels}) {
            if (!file.empty()) refuse_stream<DataError>(data.dir / file);
        }
        const auto add = [&](const char* key, const std::filesystem::path& file) {
            if (file.empty()) return;
            refuse_stream<DataError>(file);
            facts.push_back(fact_of(key, file, content_text(file)));
        };
        add("network.weights", config.weights);
        add("network.digraph", config.digraph);
        // A digraph's samples are no set: only its own reader keeps them in double.
        if (config.digraph.empty()) return;
        add("data.table", config.data.table);
        add("data.test_table", config.data.test_table);
    });
    same_on_all_ranks(comm, facts, ExitCode::kData, kSameFiles);
}

void check_same_models(const Communicator& comm, std::span<const std::filesystem::path> models) {
    if (comm.size() == 1) return;
    std::vector<Fact> facts;
    agree(comm, [&] {
        for (std::size_t i = 0; i < models.size(); ++i) {
            refuse_stream<CheckpointError>(models[i]);
            facts.push_back(fact_of(i == 0 ? "the model" : fmt::format("model {}", i + 1), models[i],
                                    checksum_text(models[i])));
        }
    });
    same_on_all_ranks(comm, facts, ExitCode::kCheckpoint, kSameFiles);
}

}  // namespace lockstep
