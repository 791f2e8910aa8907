// What the kinds of `lockstep bench` measure, and what they have in common.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/training/optimizer.h"

namespace lockstep {

/// A product c (m, n) whose elements are chains of k multiply-adds.
struct ProductShape {
    std::size_t m, n, k;
};

/// What the flags of `lockstep bench` say.
struct BenchInput {
    std::vector<std::size_t> layers{784, 800, 10};  ///< --layers: inputs, then the units of every layer
    std::size_t global_batch = 128;                 ///< --global_batch: samples over all ranks
    std::string arithmetic = "fp32";                ///< --arithmetic
    std::string optimizer = "sgd";                  ///< --optimizer
    double bucket_mib = 1.0;                        ///< --bucket_mib: gradients that are reduced in one go
    std::size_t threads = 1;                        ///< --threads: of each rank
    double seconds = 2.0;                           ///< --seconds: how long a network or a shape is measured
    std::optional<ProductShape> shape;              ///< --shape: gemm: this one alone
    bool peak = false;                              ///< --peak: gemm: the machine's peak as well
};

/// Median, least and most of several measurements.
struct Spread {
    double median = 0.0;
    double least = 0.0;
    double most = 0.0;
};
/// Requires at least one value.
Spread spread_of(std::vector<double> values);

/// Measures calls of the contenders in turn, so that what slows the machine down for a while slows all of
/// them down: in every round each makes one call that does not count and then about a millisecond of calls.
/// At least five rounds, then as many as `seconds` allow. The seconds of one call, for each contender.
std::vector<Spread> measure_in_turn(const std::vector<std::function<void()>>& contenders, double seconds);

/// Whole training steps on samples in memory: collective, under mpirun too. Rank 0 prints.
void bench_step(const Communicator& comm, const BenchInput& input, bool json);
/// The reading of a configuration's training samples, in their own order and in that of training, with and
/// without reading ahead, against what the system gives of the same bytes. Collective, under mpirun too. Rank
/// 0 prints.
void bench_io(const Communicator& comm, const std::filesystem::path& config, const BenchInput& input,
              bool json);
/// The three products of a dense layer on this process's threads. Prints GFLOP/s.
void bench_gemm(const BenchInput& input, bool json);

}  // namespace lockstep
