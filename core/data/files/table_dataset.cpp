#include "core/data/files/table_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/data/files/line_reader.h"
#include "core/data/files/number_line.h"
#include "core/data/open_data.h"

namespace lockstep {

TableDataset::TableDataset(const std::filesystem::path& path) : path_(path) {
    LineReader lines(path);
    for (std::string_view line; lines.next(line);) {
        const std::string_view text = without_comment(line);
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) {
            if (read_numbers(text, lines.where()).empty()) continue;
            throw DataError(
                fmt::format("{}: a sample needs a colon between its inputs and its targets, as in "
                            "'0 1 : 1'",
                            lines.where()));
        }
        const std::vector<float> inputs = read_numbers(text.substr(0, colon), lines.where());
        const std::vector<float> targets = read_numbers(text.substr(colon + 1), lines.where());
        if (inputs_.empty()) {
            input_size_ = inputs.size();
            target_size_ = targets.size();
        }
        if (inputs.empty() || targets.empty() || inputs.size() != input_size_ ||
            targets.size() != target_size_) {
            throw DataError(fmt::format("{}: has {} inputs and {} targets, expected {} and {}", lines.where(),
                                        inputs.size(), targets.size(),
                                        input_size_ == 0 ? "some" : fmt::format("{}", input_size_),
                                        target_size_ == 0 ? "some" : fmt::format("{}", target_size_)));
        }
        inputs_.insert(inputs_.end(), inputs.begin(), inputs.end());
        targets_.insert(targets_.end(), targets.begin(), targets.end());
    }
    if (inputs_.empty()) {
        throw DataError(fmt::format("{}: holds no sample; write one a line, as in '0 1 : 1'", path.string()));
    }
}

std::string TableDataset::description() const {
    return fmt::format("table ({}), {} samples", path_.string(), size());
}

std::string TableDataset::digest() const {
    DigestBuilder digest;
    digest.update("lockstep table 1");
    digest.update(std::span<const float>(inputs_));
    digest.update(std::span<const float>(targets_));
    return digest.digest().hex();
}

void TableDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const auto copy = [&](const std::vector<float>& from, std::size_t width, std::span<float> to) {
            std::ranges::copy(std::span(from).subspan(indices[i] * width, width), to.begin());
        };
        copy(inputs_, input_size_, x.row(i));
        if (!target.empty()) copy(targets_, target_size_, target.values.row(i));
    }
}

namespace {

constexpr std::array<std::string_view, 2> kKeys{"table", "test_table"};

DataSets open_table(const DataOptions& options) {
    const auto set = std::make_shared<TableDataset>(options.table);
    if (options.test_table.empty()) return {set, nullptr, set, {}};
    const auto test = std::make_shared<TableDataset>(options.test_table);
    if (test->input_size() != set->input_size() || test->target_size() != set->target_size()) {
        throw DataError(fmt::format(
            "{}: {} inputs and {} targets a sample, expected {} and {} as in {}; check data.test_table",
            options.test_table.string(), test->input_size(), test->target_size(), set->input_size(),
            set->target_size(), options.table.string()));
    }
    return {set, nullptr, test, {}};
}

}  // namespace

extern const DataSource kTableSource{
    .name = "table",
    .what = "a small table as text",
    .keys = kKeys,
    .needs = "table",
    .needed_for = "its file",
    .open = open_table,
};

}  // namespace lockstep
