// The ledger of a run, ledger.jsonl: its lines, written and read, and where those of two runs part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "comm/replica_check.h"

namespace lockstep {

/// One line of either kind, a JSON object each (README.md has the form):
/// digests by layer of a step, or the digest of all parameters, which a comparison of the replicas leaves.
struct LedgerLine {
    std::uint64_t epoch = 0;
    std::uint64_t step = 0;
    std::optional<Digest128> model;  ///< the digest that `lockstep digest` prints; then there are no layers
    /// Of the layers that have parameters, "layer0", …: of the sum of the batch's gradients, as it goes to
    /// the optimizer.
    std::vector<LayerDigest> gradient;
    std::vector<LayerDigest> parameters;  ///< after the step; the same layers
};

/// Without a newline.
std::string to_json_line(const LedgerLine& line);

/// Reads a ledger line by line, in memory for one line, which is refused beyond 4 MiB. A last line without
/// its end is what a killed run was writing, and counts as not there.
class LedgerReader {
  public:
    /// Throws CheckpointError where the file cannot be read.
    explicit LedgerReader(std::filesystem::path path);

    /// The next line; nothing at the end. Throws CheckpointError that names file and line where it is no line
    /// of a ledger, or the steps of lines by layer do not ascend.
    std::optional<LedgerLine> next();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    [[noreturn]] void refuse(const std::string& what) const;
    std::optional<std::string> next_text();

    std::filesystem::path path_;
    std::ifstream file_;
    std::size_t number_ = 0;  // of the line at hand, from 1
    std::uint64_t last_step_ = 0;
};

/// The ledger of a run directory. Throws CheckpointError where it holds none.
std::filesystem::path ledger_of(const std::filesystem::path& run_dir);

/// What two ledgers say of each other.
struct LedgerComparison {
    enum Kind { kEqual, kGradient, kParameters, kModel, kLayers };
    /// What differs first: in the step's order, the gradient before the parameters. kModel: the digest of all
    /// parameters, where no line by layer does; kLayers: the runs have other layers.
    Kind kind = kEqual;
    std::uint64_t epoch = 0;  ///< of the step where they part
    std::uint64_t step = 0;
    std::vector<std::string> layers;  ///< that differ there, in order
    std::uint64_t last_equal_step =
        0;                          ///< the last one compared before, of any kind; 0: none was equal before
    std::size_t compared = 0;       ///< lines that both have, the differing one included
    std::uint64_t last_step_a = 0;  ///< of any line, as far as read; the whole ledger where they are equal
    std::uint64_t last_step_b = 0;
};

/// Compares the lines that two ledgers share, by step, until one differs. Throws CheckpointError as
/// LedgerReader.
LedgerComparison compare_ledgers(LedgerReader& a, LedgerReader& b);

}  // namespace lockstep
