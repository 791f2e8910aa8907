// The parameters as a pass reads them where comm.shard = parameters: layers out of gathered buckets.
#pragma once

#include <algorithm>

#include "comm/sharded_values.h"
#include "core/base/error.h"
#include "core/network/parameter_source.h"

namespace lockstep {

/// `layout` and `values` must outlive it; `buckets` are those of `values`, each a run of whole layers.
/// Collective, as `values` are.
class ShardedParameters : public ParameterSource {
  public:
    ShardedParameters(const ParameterLayout& layout, const std::vector<Slice>& buckets, ShardedValues& values)
        : layout_(layout), buckets_(buckets), values_(values) {}

    std::span<const float> layer(std::size_t layer, std::optional<std::size_t> next) override {
        const ArenaRange range = layout_.layer_range(layer);
        const std::size_t bucket = bucket_of(range);
        const auto next_bucket = next ? std::optional(bucket_of(layout_.layer_range(*next))) : std::nullopt;
        return values_.bucket(bucket, next_bucket).subspan(range.first - buckets_[bucket].begin, range.count);
    }

  private:
    /// Of a layer that has parameters.
    [[nodiscard]] std::size_t bucket_of(ArenaRange layer) const {
        const std::size_t bucket = lockstep::bucket_of(buckets_, layer.first);
        if (bucket == buckets_.size()) throw Error(ExitCode::kInternal, "a layer lies in no bucket");
        return bucket;
    }

    const ParameterLayout& layout_;
    const std::vector<Slice>& buckets_;
    ShardedValues& values_;
};

}  // namespace lockstep
