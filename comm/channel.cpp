// Encoded messages are cut here, so that each is one message of MPI's: its length is known to the sender
// alone.
#include "comm/channel.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/arithmetic/bf16_rounding.h"
#include "core/base/error.h"

namespace lockstep {

namespace {

// A sparse message: how many values follow, their places, the values; or kDense and all of them.
constexpr std::size_t kHead_bytes = sizeof(std::uint32_t);
constexpr std::uint32_t kDense = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMost_values = std::size_t{1} << 20;

std::size_t most_bytes(Encoding encoding, std::size_t values) {
    return encoding == Encoding::kBf16 ? values * sizeof(std::uint16_t)
                                       : kHead_bytes + values * sizeof(float);
}

/// Each writes the bytes of `values` and returns how many they are.
std::size_t encode_bf16(std::span<const float> values, std::byte* bytes) {
    auto* out = reinterpret_cast<std::uint16_t*>(bytes);
    for (std::size_t i = 0; i < values.size(); ++i) {
        out[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16);
    }
    return values.size() * sizeof(std::uint16_t);
}

std::size_t encode_sparse(std::span<const float> values, std::byte* bytes) {
    const auto is_sent = [](float value) { return std::bit_cast<std::uint32_t>(value) != 0; };
    auto* head = reinterpret_cast<std::uint32_t*>(bytes);
    const auto count = static_cast<std::size_t>(std::ranges::count_if(values, is_sent));
    if (2 * count >= values.size()) {
        *head = kDense;
        std::memcpy(bytes + kHead_bytes, values.data(), values.size_bytes());
        return kHead_bytes + values.size_bytes();
    }
    *head = static_cast<std::uint32_t>(count);
    std::uint32_t* place = head + 1;
    auto* value = reinterpret_cast<float*>(place + count);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!is_sent(values[i])) continue;
        *place++ = static_cast<std::uint32_t>(i);
        *value++ = values[i];
    }
    return kHead_bytes + count * (sizeof(std::uint32_t) + sizeof(float));
}

void decode_bf16(const std::byte* bytes, std::span<float> values) {
    const auto* in = reinterpret_cast<const std::uint16_t*>(bytes);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = scalar::from_bf16(in[i]);
}

void decode_sparse(const std::byte* bytes, std::span<float> values) {
    const auto* head = reinterpret_cast<const std::uint32_t*>(bytes);
    if (*head == kDense) {
        std::memcpy(values.data(), bytes + kHead_bytes, values.size_bytes());
        return;
    }
    std::ranges::fill(values, 0.0F);
    const std::uint32_t* place = head + 1;
    const auto* value = reinterpret_cast<const float*>(place + *head);
    for (std::size_t i = 0; i < *head; ++i) {
        if (place[i] >= values.size())
            throw Error(ExitCode::kInternal, "Channel: a value beyond its message");
        values[place[i]] = value[i];
    }
}

/// work(run) for the runs of `values` that are one message each.
template <class T, class Work>
void for_each_message(std::span<T> values, std::size_t chunk_bytes, Work work) {
    const std::size_t most =
        std::clamp((chunk_bytes - kHead_bytes) / sizeof(float), std::size_t{1}, kMost_values);
    for (std::size_t first = 0; first < values.size(); first += most) {
        work(values.subspan(first, std::min(most, values.size() - first)));
    }
}

}  // namespace

template <class T>
void Channel<T>::send(std::span<const T> values, std::size_t to, Encoding encoding) {
    traffic_.plain += values.size_bytes();
    if constexpr (std::is_same_v<T, float>) {
        if (encoding != Encoding::kPlain) {
            return for_each_message(values, comm_->chunk_bytes(), [&](std::span<const float> run) {
                const std::span<std::byte> buffer = next_buffer(most_bytes(encoding, run.size()));
                const std::size_t bytes = encoding == Encoding::kBf16 ? encode_bf16(run, buffer.data())
                                                                      : encode_sparse(run, buffer.data());
                comm_->start_send(std::span<const std::byte>(buffer.first(bytes)), to, tag_, requests_);
                traffic_.sent += bytes;
            });
        }
    }
    comm_->start_send(values, to, tag_, requests_);
    traffic_.sent += values.size_bytes();
}

template <class T>
void Channel<T>::receive(std::span<T> values, std::size_t from, Encoding encoding) {
    if constexpr (std::is_same_v<T, float>) {
        if (encoding != Encoding::kPlain) {
            return for_each_message(values, comm_->chunk_bytes(), [&](std::span<float> run) {
                const std::span<std::byte> buffer = next_buffer(most_bytes(encoding, run.size()));
                arrivals_.push_back({run, buffers_used_ - 1, encoding});
                comm_->start_receive(buffer, from, tag_, requests_);
            });
        }
    }
    comm_->start_receive(values, from, tag_, requests_);
}

template <class T>
bool Channel<T>::test_all() {
    if (!requests_.test_all()) return false;
    unpack();
    return true;
}

template <class T>
void Channel<T>::wait_all() {
    requests_.wait_all();
    unpack();
}

template <class T>
std::span<std::byte> Channel<T>::next_buffer(std::size_t bytes) {
    if (buffers_used_ == buffers_.size()) buffers_.emplace_back();
    Buffer<std::byte>& buffer = buffers_[buffers_used_++];
    if (buffer.size() < bytes) buffer = Buffer<std::byte>(bytes);
    return buffer.span().first(bytes);
}

template <class T>
void Channel<T>::unpack() {
    if constexpr (std::is_same_v<T, float>) {
        for (const auto& [values, buffer, encoding] : arrivals_) {
            const std::byte* bytes = buffers_[buffer].data();
            encoding == Encoding::kBf16 ? decode_bf16(bytes, values) : decode_sparse(bytes, values);
        }
    }
    arrivals_.clear();
    buffers_used_ = 0;
}

template class Channel<float>;
template class Channel<double>;

}  // namespace lockstep
