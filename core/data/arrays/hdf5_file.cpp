// HDF5 through the HDF Group's library, whose error stacks are kept quiet: what goes wrong is a DataError of
// ours.
#include "core/data/arrays/hdf5_file.h"

#include "core/base/error.h"

#ifdef LOCKSTEP_HDF5

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <utility>

#include "core/data/files/input_file.h"

namespace lockstep {

namespace {

constexpr std::size_t kBlock_values = std::size_t{1} << 18;

/// An identifier of the library with what closes it.
class Handle {
  public:
    Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
    ~Handle() {
        if (id_ >= 0) close_(id_);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    [[nodiscard]] hid_t id() const { return id_; }
    [[nodiscard]] bool is_open() const { return id_ >= 0; }

  private:
    hid_t id_;
    herr_t (*close_)(hid_t);
};

class Hdf5File final : public ArrayStore {
  public:
    explicit Hdf5File(std::filesystem::path path)
        : path_((H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr), std::move(path))),
          file_(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose) {
        std::error_code error;
        if (file_.is_open()) {
            remember_read(path_);
            return;
        }
        throw DataError(fmt::format(
            "{}: {}", path_.string(),
            std::filesystem::exists(path_, error)
                ? "is no HDF5 file, or is damaged or locked by a program that writes it; check data.file"
                : "no such file; check data.file"));
    }

    bool has(const std::string& name) override {
        const Handle set(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose);
        return set.is_open();
    }

    std::vector<std::string> names() override {
        std::vector<std::string> all;
        const auto add = [](hid_t /*file*/, const char* name, const H5O_info_t* info, void* into) -> herr_t {
            if (info->type == H5O_TYPE_DATASET)
                static_cast<std::vector<std::string>*>(into)->emplace_back(name);
            return 0;
        };
        H5Ovisit(file_.id(), H5_INDEX_NAME, H5_ITER_INC, add, &all);
        return all;
    }

    Array read(const std::string& name) override {
        const std::string where = fmt::format("{}: {}", path_.string(), name);
        const Handle set(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose);
        const Handle type(H5Dget_type(set.id()), H5Tclose);
        const Handle space(H5Dget_space(set.id()), H5Sclose);
        if (!set.is_open() || !type.is_open() || !space.is_open()) fail(where);
        const H5T_class_t kind = H5Tget_class(type.id());
        if (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_ENUM) {
            throw DataError(
                fmt::format("{}: its values are neither integers nor real numbers; convert it", where));
        }
        Array array;
        array.integers = kind != H5T_FLOAT;
        array.shape = shape_of(space, where);
        const bool bytes =
            kind == H5T_INTEGER && H5Tget_size(type.id()) == 1 && H5Tget_sign(type.id()) == H5T_SGN_NONE;
        ArrayValues values(where, bytes);
        // By blocks of whole rows, so that memory grows with what is there.
        const std::size_t row = array.row_size();
        const std::size_t most = std::max<std::size_t>(1, kBlock_values / row);
        std::vector<std::uint8_t> byte_block(bytes ? std::min(most, array.shape[0]) * row : 0);
        std::vector<double> block(bytes ? 0 : std::min(most, array.shape[0]) * row);
        for (std::size_t first = 0; first < array.shape[0]; first += most) {
            const std::size_t count = std::min(most, array.shape[0] - first) * row;
            if (bytes) {
                read_rows(set, space, array, first, H5T_NATIVE_UINT8, byte_block.data(), most, where);
                values.add(std::span(byte_block).first(count));
            } else {
                // A double holds what a float32 does, and integers up to 2^53, which no class exceeds.
                read_rows(set, space, array, first, H5T_NATIVE_DOUBLE, block.data(), most, where);
                values.add_numbers(std::span<const double>(block).first(count));
            }
        }
        array.values = values.take();
        return array;
    }

  private:
    [[noreturn]] static void fail(const std::string& where) {
        throw DataError(
            fmt::format("{}: cannot be read: the file is damaged, or compressed by a filter that is not "
                        "here; write it again",
                        where));
    }

    static std::vector<std::size_t> shape_of(const Handle& space, const std::string& where) {
        const int rank = H5Sget_simple_extent_ndims(space.id());
        if (rank < 1 || rank > H5S_MAX_RANK)
            throw DataError(fmt::format("{}: is no array of at least one dimension", where));
        std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
        H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr);
        std::size_t product = 1;
        for (const hsize_t size : sizes) {
            if (size == 0 || __builtin_mul_overflow(product, size, &product) ||
                product > (std::size_t{1} << 50))
                throw DataError(fmt::format("{}: has no values, or more than any memory holds", where));
        }
        return {sizes.begin(), sizes.end()};
    }

    static void read_rows(const Handle& set, const Handle& space, const Array& array, std::size_t first,
                          hid_t as, void* into, std::size_t most, const std::string& where) {
        std::vector<hsize_t> start(array.shape.size());
        std::vector<hsize_t> count(array.shape.begin(), array.shape.end());
        start[0] = first;
        count[0] = std::min(most, array.shape[0] - first);
        const Handle memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                            H5Sclose);
        if (H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr) <
                0 ||
            !memory.is_open() || H5Dread(set.id(), as, memory.id(), space.id(), H5P_DEFAULT, into) < 0)
            fail(where);
    }

    std::filesystem::path path_;
    Handle file_;
};

}  // namespace

std::unique_ptr<ArrayStore> open_hdf5(const std::filesystem::path& path) {
    return std::make_unique<Hdf5File>(path);
}

}  // namespace lockstep

#else

namespace lockstep {

std::unique_ptr<ArrayStore> open_hdf5(const std::filesystem::path& /*path*/) {
    throw ConfigError(
        "data.source = hdf5: this program was built without libhdf5; install it (Debian: libhdf5-dev) and "
        "build "
        "again, or convert the data to .npz");
}

}  // namespace lockstep

#endif
