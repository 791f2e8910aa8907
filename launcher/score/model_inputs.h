// How a model's inputs were brought to scale in its training, and data seen in the same way.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/data/dataset.h"
#include "core/data/preprocessing.h"
#include "launcher/files/model_file.h"

namespace lockstep {

struct ModelInputs {
    std::filesystem::path model;                         ///< for messages
    std::optional<float> divisor;                        ///< of stored inputs; nothing: as the set says
    std::shared_ptr<const Preprocessing> preprocessing;  ///< none: inputs as they are

    /// Of what read_model has read.
    static ModelInputs of(const std::filesystem::path& path, const ModelRecord& record) {
        return {path, record.input_divisor, record.preprocessing};
    }

    /// The set as the network is to see it: its stored inputs divided by what they were divided by in
    /// training, then by the model's own preprocessing. Throws DataError where its samples have another
    /// number of inputs than those it was fitted to.
    [[nodiscard]] std::shared_ptr<const Dataset> seen(std::shared_ptr<const Dataset> set) const;

    /// "" unless seen() scales the set otherwise than the configuration would, or the model does not say how:
    /// what is done about it.
    [[nodiscard]] std::string scale_advice(const Dataset& set) const;
};

}  // namespace lockstep
