// A training that starts from the parameters of a finished model, or of some of its layers: fine-tuning, and
// what pre-training is for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/network/network_spec.h"
#include "launcher/files/model_file.h"
#include "launcher/options/options.h"
#include "launcher/run/progress.h"
#include "launcher/score/model_inputs.h"

namespace lockstep {

struct Prepared;

/// What is said of the model in run.json.
struct ModelOrigin {
    std::filesystem::path model;
    std::string digest;               ///< as `lockstep digest` prints it
    std::vector<std::string> layers;  ///< those taken: "layer0", …
};

class WarmStart {
  public:
    /// Reads the model and takes the layers that `chosen` names (--model_layers): the first N, or
    /// "layer0,layer2", or all for "". Layers of the same name must be of one kind, activation and shape;
    /// what concerns their training alone, dropout and first values, may differ, and the error function, too.
    /// Where the lowest layer is taken, so are the inputs as the model saw them, by a preprocessing of the
    /// same name. Throws CheckpointError naming the first layer that differs, and ConfigError where `chosen`
    /// makes no sense. Not collective.
    WarmStart(const std::filesystem::path& path, std::string_view chosen, const NetworkSpec& spec,
              const PreprocessingOptions& preprocessing);

    /// The arena of `spec`'s network, which has these layers: the model's values, and in all other layers
    /// what a fresh network of this seed draws.
    [[nodiscard]] std::vector<float> parameters(const NetworkSpec& spec, std::uint64_t seed) const;

    /// How the network is to see its inputs; nothing where its lowest layer is drawn.
    [[nodiscard]] const std::optional<ModelInputs>& inputs() const { return inputs_; }
    [[nodiscard]] const ModelOrigin& origin() const { return origin_; }
    /// "starts from m.lockstep, digest …: layer0, layer1; the others are drawn"
    [[nodiscard]] std::string text() const;

  private:
    Model model_;
    std::vector<std::size_t> layers_;  // taken, ascending
    bool all_ = true;
    ModelOrigin origin_;
    std::optional<ModelInputs> inputs_;
};

/// What --model and --model_layers say.
struct StartChoice {
    const std::vector<std::filesystem::path>& models;  ///< one, or none
    const std::string& layers;
};

/// Sets prepared.start where a model is given, and says so. Throws on every rank alike: ConfigError where
/// network.weights gives parameters as well, where one directory holds several models, or where layers are
/// chosen of no model; CollectiveError (exit code 4) where ranks have other models; and as WarmStart.
/// Collective.
void start_from_model(const Communicator& comm, const StartChoice& choice, const ResolvedOptions& options,
                      Prepared& prepared, const PreprocessingOptions& preprocessing, Progress& progress);

}  // namespace lockstep
