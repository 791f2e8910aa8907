// Several trained networks that answer together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/base/buffer.h"
#include "core/base/matrix.h"
#include "core/data/batch_plan.h"
#include "launcher/score/trained_network.h"

namespace lockstep {

enum class Combination {
    kAverage,  ///< the mean of the networks' outputs
    kVote,     ///< each network gives its class one vote; the outputs are the shares of votes
};

/// What the networks say together of a rank's share of a set.
struct Answers {
    Shard shard;            ///< as a batch of the whole set is shared
    Buffer<float> outputs;  ///< (shard.samples, units)
    std::size_t units = 0;
    [[nodiscard]] Matrix matrix() { return {outputs.span().data(), shard.samples, units}; }
};

/// Of the whole set. Classes: the share of right ones, where the largest output is the label's (of equal ones
/// the first).
struct EnsembleScore {
    std::optional<double>
        loss;  ///< of the combined outputs, where it is a function of outputs, not of potentials
    std::optional<double> accuracy;
};

class Ensemble {
  public:
    /// Reads the models one after the other. Requires at least one, and classes for votes. Throws as
    /// TrainedNetwork. Not collective.
    Ensemble(const std::vector<std::filesystem::path>& models, const Prepared& prepared, const Config& config,
             Combination combination);

    /// The networks' outputs in the models' order, added in fp32 and divided by their number. Collective only
    /// in that every rank has another share.
    [[nodiscard]] Answers answer(const Communicator& comm, const std::shared_ptr<const Dataset>& set,
                                 std::size_t leaf) const;

    /// Requires set.has_targets(). The same bits on any number of ranks. Collective.
    [[nodiscard]] EnsembleScore score(const Communicator& comm, const std::shared_ptr<const Dataset>& set,
                                      std::size_t leaf) const;

    /// TrainedNetwork::scale_advice of the networks, each said once.
    [[nodiscard]] std::vector<std::string> scale_advice(const Dataset& set) const;

    /// Says which class the answers stand for.
    [[nodiscard]] const Objective& objective() const { return networks_.front()->network().objective(); }

  private:
    std::vector<std::unique_ptr<TrainedNetwork>> networks_;
    Combination combination_;
};

inline constexpr std::string_view kModelFlag = "--model ";

/// The model files that are named: files as they are; for a run's directory its model.lockstep, else those of
/// bag-1, bag-2, … or fold-1, fold-2, … in it. Throws ConfigError where a directory has none. `flag`: what
/// messages have before the name.
std::vector<std::filesystem::path> model_files(std::span<const std::filesystem::path> named,
                                               std::string_view flag = kModelFlag);
/// The same of what has to be one model: throws ConfigError where there are several.
std::filesystem::path one_model_file(const std::filesystem::path& named, std::string_view flag = kModelFlag);

/// The same on every rank. Throws CollectiveError, too, where ranks find other models (exit code 4).
/// Collective.
std::vector<std::filesystem::path> same_model_files(const Communicator& comm,
                                                    const std::vector<std::filesystem::path>& named);

}  // namespace lockstep
