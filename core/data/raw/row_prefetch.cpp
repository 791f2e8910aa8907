#include "core/data/raw/row_prefetch.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/base/no_signals.h"

namespace lockstep {

RowPrefetch::RowPrefetch(ReadRows read, std::size_t row_bytes, std::size_t batches)
    : read_(std::move(read)), row_bytes_(row_bytes), most_(batches) {}

RowPrefetch::~RowPrefetch() {
    {
        const std::scoped_lock lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void RowPrefetch::expect(std::span<const std::uint64_t> rows) {
    if (rows.empty() || most_ == 0) return;
    if (!thread_.joinable()) {
        try {
            const NoSignals none;
            thread_ = std::thread([this] { work(); });
        } catch (const std::system_error&) {
            most_ = 0;
            return;
        }
    }
    {
        const std::scoped_lock lock(mutex_);
        if (batches_.size() == most_) drop_first();
        auto batch = fresh_batch();
        batch->rows.assign(rows.begin(), rows.end());
        batches_.push_back(std::move(batch));
    }
    changed_.notify_all();
}

std::shared_ptr<RowPrefetch::Batch> RowPrefetch::fresh_batch() {
    const auto unused =
        std::ranges::find_if(former_, [](const auto& batch) { return batch.use_count() == 1; });
    if (unused == former_.end()) return std::make_shared<Batch>();
    std::shared_ptr<Batch> batch = std::move(*unused);
    former_.erase(unused);
    batch->taken = 0;
    batch->is_read = false;
    batch->fault = nullptr;
    return batch;
}

void RowPrefetch::drop_first() {
    // The thread may still be reading into it, the caller may still hold it.
    former_.push_back(std::move(batches_.front()));
    batches_.pop_front();
}

bool RowPrefetch::begins_with(const Batch& batch, std::span<const std::uint64_t> rows) {
    return batch.rows.size() - batch.taken >= rows.size() &&
           std::ranges::equal(std::span(batch.rows).subspan(batch.taken, rows.size()), rows);
}

RowPrefetch::Taken RowPrefetch::take(std::span<const std::uint64_t> rows) {
    std::unique_lock lock(mutex_);
    const auto found =
        std::ranges::find_if(batches_, [&](const auto& batch) { return begins_with(*batch, rows); });
    if (found == batches_.end() || rows.empty()) return {};
    const std::shared_ptr<Batch> batch = *found;
    while (batches_.front() != batch) drop_first();
    changed_.wait(lock, [&] { return batch->is_read; });
    if (batch->fault) std::rethrow_exception(batch->fault);
    const std::size_t first = batch->taken;
    batch->taken += rows.size();
    if (batch->taken == batch->rows.size()) drop_first();
    return {batch,
            std::span<const std::byte>(batch->bytes).subspan(first * row_bytes_, rows.size() * row_bytes_)};
}

void RowPrefetch::work() {
    std::unique_lock lock(mutex_);
    const auto next = [this] {
        return std::ranges::find_if(batches_, [](const auto& b) { return !b->is_read; });
    };
    while (true) {
        changed_.wait(lock, [&] { return stopped_ || next() != batches_.end(); });
        if (stopped_) return;
        const std::shared_ptr<Batch> batch = *next();
        lock.unlock();
        std::exception_ptr fault;
        try {
            batch->bytes.resize(batch->rows.size() * row_bytes_);
            read_(batch->rows, batch->bytes);
        } catch (...) {
            fault = std::current_exception();
        }
        lock.lock();
        batch->fault = fault;
        batch->is_read = true;
        changed_.notify_all();
    }
}

}  // namespace lockstep
