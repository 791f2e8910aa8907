"""The forms in which data come: what is read, what is refused in words, what is warned of, and how inputs are scaled."""

import gzip
import json
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from data_files import csv_lines, idx_images, idx_labels, samples, write_csv_set, write_idx_set
from program import DATA, USAGE, ProgramTest, main

CONFIG = """[data]
source = {source}
dir = data
[network]
layer = dense units=6 activation=tanh
layer = dense units={classes} activation=softmax
[training]
epochs = 3
global_batch = 8
leaf = 2
[optimizer]
learning_rate = 0.1
"""
FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
# Labels that begin as MNIST's own do.
DIGITS = idx_labels([5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5] + 28 * [0])
VECTORS, LABELS = "data/set_train_vectors.csv", "data/set_train_labels.csv"


class DataForms(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("csv.ini", CONFIG.format(source="csv", classes=3))
        self.write("idx.ini", CONFIG.format(source="mnist", classes=10))
        self.vectors, self.labels = samples(24, inputs=4)
        write_csv_set(self.write, "data", self.vectors, self.labels)

    def change(self, name, change):
        path = self.folder / name
        path.write_text(change(path.read_text()))

    def refused(self, config, *words, code=DATA):
        """By plan, which refuses what train does."""
        outcome = self.lockstep("plan", config)
        self.assertEqual(outcome.code, code, outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0], outcome)

    def warned(self, config, *words):
        """Plan and train warn of it, each once."""
        outcome = self.succeed("train", config, "--run.dir", "warned", "--run.overwrite", "true")
        warnings = [line for line in outcome.out.splitlines() if line.startswith("warning: ")]
        self.assertEqual(sum(all(word in line for word in words) for line in warnings), 1, outcome)
        self.assertTrue(any(all(word in text for word in words)
                            for text in self.succeed("plan", config, "--json").json()["warnings"]))


class Scaling(DataForms):
    def predictions(self, model, data):
        self.succeed("predict", "csv.ini", "--model", model, "--data.dir", data, "--out", "out")
        return (self.folder / "out").read_text().splitlines()

    def test_the_same_rows_get_the_same_predictions_whatever_the_new_files_look_like(self):
        model = self.train("csv.ini", "r", "--training.epochs", "60") / "model.lockstep"
        expected = self.predictions(model, "data")
        self.assertGreater(len(set(expected)), 1)
        others = [[vector[0] + 0.5, *vector[1:]] for vector in self.vectors[:1]] + self.vectors[1:]
        write_csv_set(self.write, "new_test", self.vectors, self.labels, others)
        write_csv_set(self.write, "new_both", others, self.labels, others)
        for folder, words in (("new_test", ""), ("new_both", "divided by 255")):
            self.assertEqual(self.predictions(model, folder)[1:], expected[1:])
            outcome = self.succeed("eval", "csv.ini", "--model", model, "--data.dir", folder)
            self.assertEqual(bool(words), "warning: " in outcome.err, outcome)
            self.assertIn(words, outcome.err)
        # By itself, and as one of several models.
        for models in (("--model", model), ("--model", model, "--model", model)):
            outcome = self.succeed("eval", "csv.ini", *models, "--data.scale", "none", "--json")
            self.assertEqual(outcome.json()["accuracy"],
                             self.succeed("eval", "csv.ini", *models, "--json").json()["accuracy"])
            self.assertIn("divided by 255", outcome.err)

    def test_whole_numbers_are_bytes_however_they_are_written(self):
        digest = self.digest(self.train("csv.ini", "bytes"))
        for form in ("{}.0", "+{}.", "{}.000000000000000000e+00"):
            write_csv_set(self.write, "data", [[form.format(v) for v in vector] for vector in self.vectors],
                          [form.format(label) for label in self.labels])
            self.assertEqual(self.digest(self.train("csv.ini", "r", "--run.overwrite", "true")), digest, form)

    def test_plan_train_and_the_run_say_how_inputs_are_scaled_and_data_scale_overrides_it(self):
        for value, text, divisor in (("auto", "divided by 255", 255), ("none", "as they are", 1),
                                     ("16", "divided by 16", 16)):
            said = f"4 a sample, {text} (data.scale = {value})"
            plan = self.succeed("plan", "csv.ini", "--data.scale", value)
            self.assertIn(said, plan.out)
            self.assertIn("classes     3", plan.out)
            outcome = self.succeed("train", "csv.ini", "--data.scale", value, "--run.dir", value)
            self.assertIn(said, outcome.out)
            run = json.loads((self.folder / value / "run.json").read_text())
            self.assertEqual(run["inputs"], {"count": 4, "divided_by": divisor})
        self.assertEqual(len({self.digest(self.folder / value) for value in ("auto", "none", "16")}), 3)
        outcome = self.lockstep("plan", "csv.ini", "--data.scale", "byte")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("data.scale", outcome.messages()[0])

    def test_a_value_that_keeps_the_others_from_being_scaled_is_warned_of(self):
        vectors, labels = samples(60, inputs=4)
        vectors[7][2] = 7.5
        write_csv_set(self.write, "data", vectors, labels)
        self.warned("csv.ini", "all but 1 are bytes", "data.scale = 255")


class Tables(DataForms):
    def test_lines_that_are_no_values_separated_by_commas_are_refused_in_words(self):
        def first(old, new):
            return lambda text: text.replace(old, new, 1)

        for change, words in [
            (lambda text: text.replace(",", ";"), ("semicolons",)),
            (lambda text: text.replace(",", ",5;"), ("semicolons", "decimal commas")),
            (lambda text: text.replace(",", "\t"), ("tabs",)),
            (lambda text: text.replace(",", " "), ("blanks", "delimiter")),
            (lambda text: text.replace("\n", ",\n"), (":1", "comma")),
            (lambda text: "a,b,c,d\n" + text, (":1", "heading")),
            (first(",", ',"20",'), (":1", "quotes")),
            (lambda text: text.replace("\n", "\n?,", 1), (":2", "values")),
            (lambda text: "NA" + text[text.index(","):], (":1", "missing value")),
            (first("20", "1e39"), ("too large",)),
        ]:
            write_csv_set(self.write, "data", self.vectors, self.labels)
            self.change(VECTORS, change)
            self.refused("csv.ini", VECTORS, *words)

    def test_labels_that_are_no_classes_are_refused_in_words(self):
        for labels, words in [
            (["label", *self.labels[1:]], (":1", "heading")),
            (["0,1,0"] * 24, (":1", "one-hot")),
            (["3;1"] * 24, (":1", "several values")),
            ([0.5] * 24, (":1", "integer")),
            ([-1, 1] * 12, ("labels run from -1 to 1",)),
        ]:
            write_csv_set(self.write, "data", self.vectors, labels)
            self.refused("csv.ini", LABELS, *words)

    def test_a_label_beyond_any_class_is_named_as_it_is_written(self):
        for label in ("1e39", "-1e39"):
            write_csv_set(self.write, "data", self.vectors, [label, *self.labels[1:]])
            outcome = self.lockstep("plan", "csv.ini")
            self.assertEqual(outcome.code, DATA, outcome)
            self.assertIn(f"label {label}, expected 0 to 65535; number the classes", outcome.messages()[0], outcome)

    def test_a_test_set_stored_at_another_scale_than_the_training_set_is_warned_of(self):
        shares = [[value / 255 for value in row] for row in self.vectors]
        write_csv_set(self.write, "data", self.vectors, self.labels, test_vectors=shares)
        self.warned("csv.ini", "set_test_vectors.csv", "at most 1", "store both alike")
        write_csv_set(self.write, "data", shares, self.labels, test_vectors=self.vectors)
        self.warned("csv.ini", "set_test_vectors.csv", "above 100", "store both alike")

    def test_labels_from_one_are_named_where_classes_and_outputs_do_not_fit(self):
        write_csv_set(self.write, "data", self.vectors, [label + 1 for label in self.labels])
        self.refused("csv.ini", "labels run from 1 to 3", code=USAGE)

    def test_a_byte_order_mark_is_skipped_and_utf_16_is_named(self):
        digest = self.digest(self.train("csv.ini", "plain"))
        for name in (VECTORS, LABELS):
            self.change(name, lambda text: "\ufeff" + text)
        self.assertEqual(self.digest(self.train("csv.ini", "marked")), digest)
        self.write(LABELS, csv_lines([[label] for label in self.labels]).encode("utf-16"))
        self.refused("csv.ini", LABELS, "UTF-16", "save it as UTF-8")

    def test_numbers_too_small_are_zero_in_tables_and_weights(self):
        self.write("t.ini", """[data]
source = table
table = t
[network]
layer = dense units=1
loss = square_error
weights = w
[training]
max_steps = 0
global_batch = all
[optimizer]
learning_rate = 1
""")
        self.write("w", "layer 0\n1e-60 +1 .5\n")
        self.write("t", "1e-60 +2. : 1\n-1e-400 1E0 : 0\n")
        self.assertIn("0 2 -> 1 ", self.succeed("eval", "t.ini").out)
        self.write("t", "1e39 2 : 1\n")
        outcome = self.lockstep("eval", "t.ini")
        self.assertEqual(outcome.code, DATA)
        self.assertIn("too large", outcome.messages()[0])

    def test_what_gives_the_answer_away_or_cannot_be_learned_is_warned_of(self):
        write_csv_set(self.write, "data", [[i, *vector] for i, vector in enumerate(self.vectors)], self.labels)
        self.warned("csv.ini", "first input counts the samples")
        write_csv_set(self.write, "data", [[*v, label] for v, label in zip(self.vectors, self.labels)], self.labels)
        self.warned("csv.ini", "input 5 of every sample is its class")
        write_csv_set(self.write, "data", self.vectors, [2] * 24)
        self.warned("csv.ini", "all samples are of class 2")
        write_csv_set(self.write, "data", self.vectors, [2 * (label % 2) for label in self.labels],
                      self.vectors, self.labels)
        self.warned("csv.ini", "class 1 without a sample")
        self.warned("csv.ini", "test_vectors.csv", "has samples of class 1, but the training set has none")


class Files(DataForms):
    def test_gzip_is_read_to_its_end_or_refused(self):
        digest = self.digest(self.train("csv.ini", "plain"))
        parts = {}
        for name in (VECTORS, LABELS):
            lines = (self.folder / name).read_text().splitlines(True)
            parts[name] = [gzip.compress("".join(half).encode()) for half in (lines[:12], lines[12:])]
            (self.folder / name).unlink()

        def write(between, after=b""):
            for name, (first, second) in parts.items():
                self.write(name + ".gz", first + between + second + after)

        write(b"", b"\0" * 512)
        self.assertEqual(self.digest(self.train("csv.ini", "members")), digest)
        for between, after in ((b"junk", b""), (b"", b"junk")):
            write(between, after)
            self.refused("csv.ini", "set_train_labels.csv.gz", "byte", "member")
        write(b"")
        self.write(LABELS + ".gz", gzip.compress(gzip.compress(b"1\n2\n")))
        self.refused("csv.ini", "compressed twice")

    def test_relatives_of_mnist_are_found_and_read(self):
        write_idx_set(self.write, "gz")
        digest = self.digest(self.train("idx.ini", "gz_run", "--data.dir", "gz"))
        files = sorted((self.folder / "gz").iterdir())

        def copies(folder, rename, content=lambda path: path.read_bytes()):
            for path in files:
                self.write(f"{folder}/{rename(path.name)}", content(path))
            return folder

        unpacked = {"content": lambda path: gzip.decompress(path.read_bytes())}
        folders = [
            copies("dotted", lambda name: name.removesuffix(".gz").replace("-idx", ".idx"), **unpacked),
            copies("dotted_gz", lambda name: name.replace("-idx", ".idx")),
            copies("torchvision/MNIST/raw", lambda name: name).split("/")[0],
            copies("qmnist", lambda name: "qmnist-" + name.replace("t10k", "test")),
            copies("nested", lambda name: name.removesuffix(".gz") + "/" + name.removesuffix(".gz"), **unpacked),
        ]
        copies("shadowed", lambda name: name)
        (self.folder / "shadowed" / "train-images-idx3-ubyte").mkdir()
        for folder in [*folders, "shadowed"]:
            run = self.train("idx.ini", f"run_{folder}", "--data.dir", folder)
            self.assertEqual(self.digest(run), digest, folder)

    def test_fashion_mnist_is_read_from_a_folder_that_is_given(self):
        write_idx_set(self.write, "clothes")
        write_idx_set(self.write, "digits", train_labels=gzip.compress(DIGITS))
        self.write("fashion.ini", CONFIG.format(source="fashion_mnist", classes=10))
        for arguments, variables in ((["--data.dir", "clothes"], {}), ([], {"LOCKSTEP_DATA_DIR": "clothes"})):
            plan = self.succeed("plan", "fashion.ini", *arguments, "--json", **variables).json()
            self.assertIn("Fashion-MNIST train (clothes/", plan["train_data"])
            self.assertNotIn("digits", " ".join(plan["warnings"]))
        plan = self.succeed("plan", "fashion.ini", "--data.dir", "digits", "--json").json()
        self.assertIn("Fashion-MNIST train (digits/", plan["train_data"])
        self.assertIn("handwritten digits", " ".join(plan["warnings"]))

    @unittest.skipUnless(FASHION.exists(), f"{FASHION} is not there: install dataset-fashion-mnist")
    def test_fashion_mnist_is_found_by_itself(self):
        self.write("fashion.ini", CONFIG.format(source="fashion_mnist", classes=10).replace("dir = data\n", ""))
        write_idx_set(self.write, "digits", train_labels=gzip.compress(DIGITS))
        # A variable that names the folder of another set, or none of a set, is not taken for its own.
        for variables, warned in (({}, False), ({"LOCKSTEP_DATA_DIR": "digits"}, True), ({"LOCKSTEP_DATA_DIR": "data"}, True)):
            plan = self.succeed("plan", "fashion.ini", "--json", **variables).json()
            self.assertIn(f"({FASHION}), 60000 samples", plan["train_data"])
            self.assertEqual("holds no Fashion-MNIST" in " ".join(plan["warnings"]), warned)
        # An empty flag takes back the folder that the file gives.
        changed = self.succeed("plan", "idx.ini", "--data.source", "fashion_mnist", "--data.dir", "", "--json")
        self.assertIn(f"({FASHION})", changed.json()["train_data"])

    def test_labels_of_qmnist_and_images_of_floats_give_the_same_run(self):
        write_idx_set(self.write, "plain", count=40)
        digest = self.digest(self.train("idx.ini", "plain_run", "--data.dir", "plain"))
        vectors, labels = samples(40)
        wide = struct.pack(">BBBBII", 0, 0, 0x0C, 2, 40, 8) + b"".join(
            struct.pack(">8i", label, *range(7)) for label in labels)
        real = struct.pack(">BBBBIII", 0, 0, 0x0D, 3, 40, 4, 4) + b"".join(
            struct.pack(">16f", *vector) for vector in vectors)
        for part in ("train", "test"):
            self.write(f"q/qmnist-{part}-labels-idx2-int.gz", gzip.compress(wide))
            self.write(f"q/qmnist-{part}-images-idx3-float", real)
        self.assertEqual(self.digest(self.train("idx.ini", "q_run", "--data.dir", "q")), digest)

    def test_letters_that_count_from_one_are_explained(self):
        vectors, _ = samples(52)
        for part in ("train", "test"):
            self.write(f"data/emnist-letters-{part}-images-idx3-ubyte", idx_images(vectors))
            self.write(f"data/emnist-letters-{part}-labels-idx1-ubyte", idx_labels([i % 26 + 1 for i in range(52)]))
        self.refused("idx.ini", "labels run from 1 to 26", "data.classes = 27", "subtract 1")
        self.write("letters.ini", CONFIG.format(source="mnist", classes=27).replace("dir =", "classes = 27\ndir ="))
        self.warned("letters.ini", "labels run from 1 to 26, so that class 0 has no sample")

    def test_of_several_sets_in_a_folder_one_must_be_chosen(self):
        for kind in ("digits", "mnist"):
            for part in ("train", "test"):
                vectors, labels = samples(16)
                self.write(f"data/emnist-{kind}-{part}-images-idx3-ubyte", idx_images(vectors))
                self.write(f"data/emnist-{kind}-{part}-labels-idx1-ubyte", idx_labels(labels))
        self.refused("idx.ini", "emnist-digits-, emnist-mnist-", "data.prefix")
        self.assertIn("emnist-mnist-train", self.succeed("plan", "idx.ini", "--data.prefix", "emnist-mnist-").out)


if __name__ == "__main__":
    main()
