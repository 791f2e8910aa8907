// The operations of dropout.h: checks, shares rows among threads, and calls the kernels.
#include "core/arithmetic/dropout.h"

#include <stdexcept>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/philox.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

/// Values per thread below which waking a thread costs more than it brings.
constexpr std::size_t kGrain = std::size_t{1} << 14;

void require_equal_shapes(const ConstMatrix& a, const ConstMatrix& b) {
    if (a.rows != b.rows || a.cols != b.cols) throw std::invalid_argument("dropout: shapes differ");
}

std::uint32_t low_word(std::uint64_t seed) { return static_cast<std::uint32_t>(seed); }
std::uint32_t high_word(std::uint64_t seed) { return static_cast<std::uint32_t>(seed >> 32); }

}  // namespace

void drop_out(const DropoutDraw& draw, float rate, ConstMatrix y, Matrix dropped) {
    require_equal_shapes(y, dropped);
    const Kernels& k = kernels();
    const std::uint32_t purpose = static_cast<std::uint32_t>(RandomPurpose::kDropout) + 256 * draw.place;
    share_range(y.rows, kGrain / (y.cols + 1) + 1, 1, [&](std::size_t begin, std::size_t end) {
        // Where one choice holds for the whole batch, every row is drawn as the first.
        const std::size_t run = draw.whole_batch ? 1 : end - begin;
        for (std::size_t row = begin; row < end; row += run) {
            k.drop_out({.samples = run,
                        .units = y.cols,
                        .key = {low_word(draw.seed), high_word(draw.seed)},
                        .first = draw.whole_batch ? 0 : draw.first + static_cast<std::uint32_t>(row),
                        .step = draw.step,
                        .purpose = purpose,
                        .rate = rate,
                        .y = {y.data + row * y.stride, y.stride},
                        .dropped = {dropped.data + row * dropped.stride, dropped.stride}});
        }
    });
}

void mask_dropped(float rate, ConstMatrix dropped, Matrix delta) {
    require_equal_shapes(dropped, delta);
    const Kernels& k = kernels();
    share_range(delta.rows, kGrain / (delta.cols + 1) + 1, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t r = begin; r < end; ++r) {
            k.mask_dropped(rate, dropped.data + r * dropped.stride, delta.data + r * delta.stride,
                           delta.cols);
        }
    });
}

}  // namespace lockstep
