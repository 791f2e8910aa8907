// A file of rows that stay on the disk. Where the input is as long as its header says, its checksums and its
// digest are set right, so that what is behind them is reached as well.
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "core/data/open_data.h"
#include "core/data/raw/raw_format.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace lockstep;

void set_right(std::string& file) {
    RawHeader header;
    if (file.size() < kRawHeader_bytes) return;
    std::memcpy(&header, file.data(), sizeof(header));
    const RawLayout layout = layout_of(header, "input");
    if (layout.file_bytes != file.size()) return;
    const auto bytes = std::as_writable_bytes(std::span(file.data(), file.size()));
    for (std::uint64_t row = 0; row < layout.rows; ++row) {
        const std::uint64_t checksum =
            row_checksum(bytes.subspan(kRawHeader_bytes + row * header.row_bytes, header.row_bytes));
        std::memcpy(bytes.data() + layout.checksums_offset + row * sizeof(checksum), &checksum,
                    sizeof(checksum));
    }
    DigestBuilder digest;
    digest.update(std::span<const std::byte>(bytes.first(kRawHeader_bytes)));
    digest.update(std::span<const std::byte>(
        bytes.subspan(layout.labels_offset, layout.digest_offset - layout.labels_offset)));
    const auto trailer = digest.digest().canonical();
    std::memcpy(bytes.data() + layout.digest_offset, trailer.data(), trailer.size());
}

void read_all(const Dataset& set) {
    std::vector<std::uint64_t> indices(set.size());
    std::iota(indices.begin(), indices.end(), std::uint64_t{0});
    std::vector<float> x(set.size() * set.input_size());
    std::vector<float> values(set.size() * set.target_size());
    std::vector<std::int32_t> labels(set.classes() > 0 && set.has_targets() ? set.size() : 0);
    const Matrix targets(values.data(), set.has_targets() && set.target_size() > 0 ? set.size() : 0,
                         set.target_size());
    set.expect(indices);
    set.read(indices, {x.data(), set.size(), set.input_size()}, {labels, targets});
    static_cast<void>(set.summary());
}

}  // namespace

void lockstep::fuzz::read_input(Input input) {
    std::string content(as_text(input));
    try_to([&] { set_right(content); });
    const MemoryFile file(content);
    DataOptions options;
    options.source = "raw";
    options.file = file.path();
    try_to([&] {
        const DataSets sets = open_data(options);
        read_all(*sets.train);
        read_all(*sets.test);
    });
}
