// Aligned, zero-filled memory that owns its values.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace lockstep {

/// Cache line, and width of the widest vector register: rows and parameter blocks start on it.
inline constexpr std::size_t kAlignment_bytes = 64;
inline constexpr std::size_t kCacheLine_floats = kAlignment_bytes / sizeof(float);
/// Size of a transparent huge page; large buffers start on one so that the kernel can map them whole.
inline constexpr std::size_t kHugePage_bytes = std::size_t{2} << 20;

/// Asks the kernel for huge pages under [data, data + bytes); without effect where it has none.
void advise_huge_pages(void* data, std::size_t bytes) noexcept;

/// `count` values of a trivial type, zero at first, aligned for vector loads (to a huge page where large).
/// Throws std::bad_alloc. Movable, not copyable.
template <class T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    Buffer() = default;
    explicit Buffer(std::size_t count) : count_(count) {
        if (count == 0) return;
        const std::size_t bytes = count * sizeof(T);
        const std::size_t alignment = bytes >= kHugePage_bytes ? kHugePage_bytes : kAlignment_bytes;
        const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
        if (rounded < bytes || count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_alloc();
        data_.reset(static_cast<T*>(std::aligned_alloc(alignment, rounded)));
        if (!data_) throw std::bad_alloc();
        if (alignment == kHugePage_bytes) advise_huge_pages(data_.get(), rounded);
        std::memset(data_.get(), 0, rounded);
    }

    [[nodiscard]] T* data() { return data_.get(); }
    [[nodiscard]] const T* data() const { return data_.get(); }
    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::span<T> span() { return {data_.get(), count_}; }
    [[nodiscard]] std::span<const T> span() const { return {data_.get(), count_}; }
    [[nodiscard]] T& operator[](std::size_t i) { return data_.get()[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const { return data_.get()[i]; }

  private:
    struct Free {
        void operator()(T* p) const noexcept { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
    std::size_t count_ = 0;
};

}  // namespace lockstep
