"""Arrays of other programs as data: numpy's .npz and .npy, HDF5; their types, names and shapes, and what damages them."""

import sys
import unittest
import zipfile
from pathlib import Path

import numpy

try:
    import h5py
except ImportError:
    h5py = None

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import two_layers
from data_files import csv_lines, samples, write_csv_set
from program import DATA, USAGE, ProgramTest, main


def config(source, data, outputs="3 activation=softmax", loss="cross_entropy"):
    return two_layers(f"source = {source}\n{data}", outputs, loss)


class Arrays(ProgramTest):
    def setUp(self):
        super().setUp()
        vectors, labels = samples(40, inputs=12)
        write_csv_set(self.write, "csv", vectors, labels, vectors[:10], labels[:10])
        self.x, self.y = numpy.array(vectors, "u1"), numpy.array(labels, "i8")
        self.write("csv.ini", config("csv", "dir = csv"))
        self.write("npz.ini", config("npz", "file = set.npz"))

    def save(self, compressed=False, **changes):
        """As Keras's mnist.npz has it."""
        arrays = {"x_train": self.x, "y_train": self.y, "x_test": self.x[:10], "y_test": self.y[:10]} | changes
        kept = {name: array for name, array in arrays.items() if array is not None}
        (numpy.savez_compressed if compressed else numpy.savez)(self.folder / "set.npz", **kept)

    def digest_of(self, name, *keys):
        return self.digest(self.train(name, "run", "--run.overwrite", "true", *keys))

    def fails(self, *words, config="npz.ini", code=DATA):
        outcome = self.lockstep("plan", config)
        self.assertEqual(outcome.code, code, outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0], outcome)


class Npz(Arrays):
    def test_every_type_of_numbers_gives_the_bits_of_the_same_csv_files(self):
        digest = self.digest_of("csv.ini")
        for inputs, targets in (("u1", "i8"), ("f4", "u1"), ("f8", "i4"), ("i8", "u8"), ("i2", "i2"), ("u4", "i1")):
            for compressed in (False, True):
                self.save(compressed, x_train=self.x.astype(inputs), y_train=self.y.astype(targets).reshape(-1, 1))
                self.assertEqual(self.digest_of("npz.ini"), digest, (inputs, targets))
        for ranks in (1, 2):
            self.train("npz.ini", f"ranks{ranks}", ranks=ranks)
            self.assertEqual(self.digest(self.folder / f"ranks{ranks}"), digest)

    def test_images_have_their_shape_and_names_are_chosen(self):
        for shape in ((40, 3, 4), (40, 3, 4, 1)):
            self.save(x_train=self.x.reshape(shape), x_test=self.x[:10].reshape((10, *shape[1:])))
            self.succeed("plan", "npz.ini", "--augmentation.shift", "1")
        self.save(x_train=None, pixels=self.x)
        self.fails("holds no array x_train, inputs, train_inputs, but", "pixels", "data.train_inputs")
        self.write("named.ini", config("npz", "file = set.npz\ntrain_inputs = pixels"))
        self.assertEqual(self.digest_of("named.ini"), self.digest_of("csv.ini"))

    def test_a_folder_of_arrays_and_two_files_do_as_well(self):
        digest = self.digest_of("csv.ini")
        self.save()
        (self.folder / "set").mkdir()
        with numpy.load(self.folder / "set.npz") as arrays:
            for name, array in arrays.items():
                numpy.save(self.folder / "set" / f"{name}.npy", array)
        self.write("folder.ini", config("npz", "file = set"))
        self.assertEqual(self.digest_of("folder.ini"), digest)
        numpy.savez(self.folder / "train.npz", inputs=self.x, targets=self.y)
        numpy.savez(self.folder / "test.npz", inputs=self.x[:10], targets=self.y[:10])
        self.write("two.ini", config("npz", "file = train.npz\ntest_file = test.npz"))
        self.assertEqual(self.digest_of("two.ini"), digest)

    def test_real_targets_are_learned_and_a_test_set_without_targets_is_predicted(self):
        targets = numpy.stack([self.x[:, 0] / 7, -self.x[:, 1] / 3], 1).astype("f4")
        for part, rows in (("train", 40), ("test", 10)):
            self.write(f"csv/set_{part}_labels.csv", csv_lines([[repr(float(v)) for v in row] for row in targets[:rows]]))
        self.write("csv.ini", config("csv", "dir = csv\ntargets = values", "2", "square_error"))
        self.write("npz.ini", config("npz", "file = set.npz", "2", "square_error"))
        self.save(y_train=targets, y_test=None)
        self.assertEqual(self.digest_of("npz.ini"), self.digest_of("csv.ini"))
        self.succeed("predict", "npz.ini", "--model", "run/model.lockstep", "--out", "out")
        self.assertEqual(len((self.folder / "out").read_text().splitlines()), 10)
        self.save(y_train=targets, x_test=None, y_test=None)
        self.fails("holds no array x_test")
        self.succeed("plan", "npz.ini", "--data.split", "60/20/20")

    def test_what_is_no_data_is_refused_in_words(self):
        for changes, words in (
                ({"x_train": numpy.asfortranarray(self.x)}, ("set.npz: x_train", "Fortran", "ascontiguousarray")),
                ({"x_train": self.x.astype(">f4")}, (">f4", "astype")),
                ({"x_train": self.x.astype("c8")}, ("<c8", "little-endian")),
                ({"x_train": numpy.where(self.x > 100, numpy.nan, 1.0)}, ("value", "nan", "finite")),
                ({"x_train": self.x[:0]}, ("shape",)),
                ({"y_train": self.y[:-1]}, ("39 targets, expected 40",)),
                ({"y_train": numpy.eye(3, dtype="i4")[self.y]}, ("3 numbers for each sample", "argmax")),
                ({"y_train": self.y - 1}, ("item", "label -1", "labels run from -1 to 1")),
                ({"x_test": self.x[:10, :-1]}, ("differ in the sizes",))):
            self.save(**changes)
            self.fails(*words)
        self.save(y_train=self.y + 0.5)
        self.fails("target values", code=USAGE)

    def test_an_archive_that_is_damaged_is_refused(self):
        self.save(True)
        path = self.folder / "set.npz"
        whole = path.read_bytes()
        place = whole.index(b"x_train.npy") + 60
        for content, words in ((whole[:-40], ("set.npz",)), (b"", ("is no archive",)), (b"\x93NUMPY" + whole, ("set.npz",)),
                               (whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1:], ("x_train",))):
            path.write_bytes(content)
            self.fails(*words)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("x_train.npy", "1")
        self.fails("another method than deflate")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x_train.npy", "1")
            archive.writestr("y_train.npy", "1")
        self.fails("x_train", "numpy")
        path.unlink()
        self.fails("set.npz: cannot be opened: No such file")


@unittest.skipUnless(h5py, "no h5py here")
class Hdf5(Arrays):
    def setUp(self):
        super().setUp()
        self.write("h.ini", config("hdf5", "file = set.h5"))
        if "built without libhdf5" in self.lockstep("plan", "h.ini").err:
            self.skipTest("the program was built without libhdf5")

    def save(self, options={}, **changes):
        arrays = {"x_train": self.x, "y_train": self.y, "x_test": self.x[:10], "y_test": self.y[:10]} | changes
        with h5py.File(self.folder / "set.h5", "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, **options)

    def test_datasets_of_every_type_give_the_bits_of_the_same_csv_files(self):
        digest = self.digest_of("csv.ini")
        for inputs, targets, options in (("u1", "i8", {}), ("f4", "u1", {"compression": "gzip"}), (">f8", ">i4", {}),
                                         ("i2", "i2", {"chunks": True, "shuffle": True})):
            self.save(options, x_train=self.x.astype(inputs), y_train=self.y.astype(targets))
            self.assertEqual(self.digest_of("h.ini"), digest, (inputs, targets))
        with h5py.File(self.folder / "set.h5", "w") as file:
            for name, array in (("train/x", self.x), ("train/y", self.y), ("test/x", self.x[:10]), ("test/y", self.y[:10])):
                file[name] = array
        self.fails("holds no array x_train", "test/x, test/y, train/x, train/y", config="h.ini")
        self.write("named.ini", config("hdf5", "file = set.h5\ntrain_inputs = train/x\ntrain_targets = /train/y\n"
                                               "test_inputs = test/x\ntest_targets = test/y"))
        self.assertEqual(self.digest_of("named.ini"), digest)

    def test_a_file_that_is_damaged_or_none_is_refused_quietly(self):
        self.save({"compression": "gzip"})
        path = self.folder / "set.h5"
        whole = path.read_bytes()
        middle = len(whole) * 2 // 3
        for content in (b"", b"\x89HDF\r\n\x1a\n", whole[:middle], whole[:200] + bytes(len(whole) - 200)):
            path.write_bytes(content)
            outcome = self.lockstep("plan", "h.ini")
            self.assertEqual(outcome.code, DATA, outcome)
            self.assertEqual(len(outcome.err.splitlines()), 1, outcome)
        self.save(x_train=numpy.array([b"a"] * 40))
        self.fails("neither integers nor real numbers", config="h.ini")
        path.unlink()
        self.fails("set.h5: no such file", config="h.ini")


if __name__ == "__main__":
    main()
