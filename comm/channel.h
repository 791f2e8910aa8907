// Messages of values between ranks, in the form in which they travel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/requests.h"
#include "core/base/buffer.h"

namespace lockstep {

/// How values travel. All lossless for the values they are meant for.
///   kPlain   as they are
///   kBf16    16 bits a value: for floats that are bf16
///   kSparse  the values other than +0 with their places, 64 bits each; as they are where that is shorter
enum class Encoding { kPlain, kBf16, kSparse };

/// Bytes that were sent, and that the same values have as they are.
struct Traffic {
    std::uint64_t sent = 0;
    std::uint64_t plain = 0;
};

/// Transfers over one communicator that are completed together. It keeps its memory: no allocation once the
/// same sequence of transfers has been made. T is float, or double, which travels kPlain alone.
template <class T>
class Channel {
  public:
    /// `comm` must outlive the channel.
    Channel(const Communicator& comm, int tag) : comm_(&comm), tag_(tag), requests_(comm.handle()) {}

    /// Both must be given the same number of values and encoding on either side. `values` must live and stay
    /// untouched until all is complete.
    void send(std::span<const T> values, std::size_t to, Encoding encoding);
    void receive(std::span<T> values, std::size_t from, Encoding encoding);
    /// True once all transfers are complete and what was received is in its place.
    bool test_all();
    /// Returns when they are.
    void wait_all();
    [[nodiscard]] Traffic traffic() const { return traffic_; }

  private:
    struct Arrival {
        std::span<T> values;
        std::size_t buffer;
        Encoding encoding;
    };
    std::span<std::byte> next_buffer(std::size_t bytes);
    void unpack();

    const Communicator* comm_;
    int tag_;
    Requests requests_;
    std::vector<Buffer<std::byte>> buffers_;  // of encoded messages
    std::size_t buffers_used_ = 0;
    std::vector<Arrival> arrivals_;
    Traffic traffic_;
};

extern template class Channel<float>;
extern template class Channel<double>;

}  // namespace lockstep
