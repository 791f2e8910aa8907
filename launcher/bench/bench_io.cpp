// `lockstep bench io`: how fast a configuration's training samples are read.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "comm/agreement.h"
#include "core/data/batch_plan.h"
#include "launcher/bench/bench.h"
#include "launcher/options/config.h"
#include "launcher/run/printing.h"
#include "launcher/run/stopwatch.h"
#include "launcher/score/memory_check.h"
#include "launcher/score/sample_reader.h"

namespace lockstep {

namespace {

/// A way of reading, and what all ranks together have read by it a second.
struct Reading {
    const char* name;
    double rows = 0.0;
    double bytes = 0.0;
};

/// Reads this rank's shares of one batch after the other, epochs of them, until the time is over.
double rows_a_second(const Communicator& comm, const Dataset& set, const BatchPlan& plan,
                     std::size_t prefetch, double seconds) {
    const auto share = [&](std::size_t step) {
        return plan.shard(plan.batch(0, step), comm.rank(), comm.size());
    };
    SampleReader reader(set, share(0).samples);
    std::size_t rows = 0;
    const Stopwatch watch;
    for (std::size_t epoch = 0; watch.seconds() < seconds; ++epoch) {
        const std::vector<std::uint64_t> order = plan.order(epoch);
        const auto samples = [&](std::size_t step) {
            const Shard own = share(step);
            return std::span(order).subspan(own.first, own.samples);
        };
        std::size_t announced = 0;
        for (std::size_t step = 0; step < plan.steps_per_epoch() && watch.seconds() < seconds; ++step) {
            const std::size_t last = std::min(step + prefetch, plan.steps_per_epoch() - 1);
            for (; prefetch > 0 && announced <= last; ++announced) set.expect(samples(announced));
            const auto own = samples(step);
            reader.read(own);
            rows += own.size();
        }
    }
    return static_cast<double>(rows) / watch.seconds();
}

/// What read(2) gives of the file from its beginning to its end, in large blocks, bytes a second.
double bytes_a_second(const std::filesystem::path& path, double seconds) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<char> block(std::size_t{1} << 20);
    double bytes = 0.0;
    const Stopwatch watch;
    while (descriptor >= 0 && watch.seconds() < seconds) {
        const ssize_t got = ::read(descriptor, block.data(), block.size());
        if (got < 0 || (got == 0 && ::lseek(descriptor, 0, SEEK_SET) != 0)) break;
        bytes += static_cast<double>(got);
    }
    const double spent = watch.seconds();
    if (descriptor >= 0) ::close(descriptor);
    return bytes / spent;
}

double over_ranks(const Communicator& comm, double own) {
    const std::vector<double> all = comm.allgather_value(own);
    return std::accumulate(all.begin(), all.end(), 0.0);
}

void print(const Dataset& set, std::size_t sample_bytes, const Communicator& comm,
           const std::vector<Reading>& readings) {
    print_out("{}; {} bytes a sample, {} rank(s)\n", set.description(), sample_bytes, comm.size());
    for (const Reading& reading : readings) {
        print_out("  {:<28} ", reading.name);
        if (reading.rows > 0.0) print_out("{:12.0f} samples/s ", reading.rows);
        if (reading.rows == 0.0) print_out("{:23}", "");
        print_out("{:9.1f} MB/s\n", reading.bytes * 1e-6);
    }
}

}  // namespace

void bench_io(const Communicator& comm, const std::filesystem::path& config_file, const BenchInput& input,
              bool json) {
    const Config config = agree(comm, [&] {
        const ResolvedOptions options = resolve_options({config_file, {}, process_environment()});
        Config made = make_config(options);
        check_drawn_samples(made.data, options, comm.size());
        return made;
    });
    DataOptions options = config.data;
    const auto opened = [&](std::size_t prefetch) {
        options.prefetch = prefetch;
        return agree(comm, [&] { return open_data(options).train; });
    };
    const auto plain = opened(0);
    const std::size_t stored = plain->expected_sample_bytes();
    const std::size_t sample_bytes =
        stored > 0 ? stored : (plain->input_size() + plain->target_size()) * sizeof(float);
    const std::size_t batch = std::min(config.training.global_batch, plain->size());
    const auto plan = [&](SampleOrder order) {
        return BatchPlan(plain->size(), batch, config.training.leaf, config.training.seed, order);
    };
    std::vector<Reading> readings;
    const auto measure = [&](const char* name, const Dataset& set, SampleOrder order, std::size_t prefetch) {
        const double own =
            agree(comm, [&] { return rows_a_second(comm, set, plan(order), prefetch, input.seconds); });
        const double rows = over_ranks(comm, own);
        readings.push_back({name, rows, rows * static_cast<double>(sample_bytes)});
    };
    measure("one after the other", *plain, SampleOrder::kCyclic, 0);
    measure("in training order", *plain, config.training.order, 0);
    if (stored > 0) {
        const std::size_t prefetch = config.data.prefetch > 0 ? config.data.prefetch : 2;
        const auto ahead = opened(prefetch);
        measure("one after the other, ahead", *ahead, SampleOrder::kCyclic, prefetch);
        measure("in training order, ahead", *ahead, config.training.order, prefetch);
        readings.push_back({"read() of the file alone", 0.0,
                            over_ranks(comm, bytes_a_second(config.data.file, input.seconds))});
    }
    if (comm.rank() != 0) return;
    if (!json) return print(*plain, sample_bytes, comm, readings);
    nlohmann::ordered_json result{{"samples", plain->size()},
                                  {"sample_bytes", sample_bytes},
                                  {"global_batch", batch},
                                  {"ranks", comm.size()}};
    for (const Reading& reading : readings) {
        nlohmann::ordered_json line{{"way", reading.name}, {"bytes_per_second", reading.bytes}};
        if (reading.rows > 0.0) line["samples_per_second"] = reading.rows;
        result["readings"].push_back(std::move(line));
    }
    print_json(std::move(result));
}

}  // namespace lockstep
