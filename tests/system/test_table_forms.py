"""Tables of a course or a colleague: headings, index columns, targets among the columns, real-valued ones, two classes."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import two_layers
from data_files import csv_lines, samples, write_csv_set
from program import DATA, USAGE, ProgramTest, main


def config(outputs, loss="square_error", data="", epochs=3):
    return two_layers(f"source = csv\ndir = data\n{data}", outputs, loss, epochs)


def houses(count):
    """Two inputs in [0, 1) and two targets that depend on them linearly."""
    inputs = [[(7 * i % 23) / 23, (11 * i % 29) / 29] for i in range(count)]
    return inputs, [[0.5 * a - 0.25 * b, 1 - a] for a, b in inputs]


class RealTargets(ProgramTest):
    def setUp(self):
        super().setUp()
        self.inputs, self.targets = houses(64)
        write_csv_set(self.write, "data", self.inputs, [0] * 64)
        for part in ("train", "test"):
            self.write(f"data/set_{part}_labels.csv", csv_lines(self.targets))
        self.write("two.ini", config(2, data="targets = values", epochs=60))

    def test_several_target_columns_are_learned_and_predicted_as_numbers(self):
        digests = {self.digest(self.train("two.ini", f"run{ranks}", ranks=ranks)) for ranks in (None, 2)}
        self.assertEqual(len(digests), 1)
        model = self.folder / "run2" / "model.lockstep"
        scored = self.succeed("eval", "two.ini", "--model", model, "--json").json()
        self.assertLess(scored["loss"], 0.01)
        self.assertNotIn("accuracy", scored)
        self.succeed("predict", "two.ini", "--model", model, "--out", "out")
        predicted = [list(map(float, line.split(","))) for line in (self.folder / "out").read_text().splitlines()]
        self.assertEqual([len(row) for row in predicted], [2] * 64)
        error = sum((a - b) ** 2 for row, wanted in zip(predicted, self.targets) for a, b in zip(row, wanted)) / 128
        self.assertAlmostEqual(error, scored["loss"], places=5)

    def test_targets_among_the_columns_by_name_or_number_give_the_same_network(self):
        digest = self.digest(self.train("two.ini", "apart"))
        rows = [[b2, f'"no. {i}, east"', a, b, b1]
                for i, ((a, b), (b1, b2)) in enumerate(zip(self.inputs, self.targets))]
        names = ["rest", '"id"', '"living ""area"""', "age", "price"]
        for part in ("train", "test"):
            self.write(f"data/all_{part}.csv", csv_lines([names, *rows]))
        files = "targets = values\ntrain_vectors = all_train.csv\ntest_vectors = all_test.csv\n"
        for number, keys in enumerate((
                "header = yes\nindex_column = id\ntarget_columns = price, rest",
                "header = auto\nindex_column = 2\ntarget_columns = 5,1")):
            self.write("inside.ini", config(2, data=files + keys, epochs=60))
            self.assertEqual(self.digest(self.train("inside.ini", f"inside{number}")), digest)
            # A table to be predicted has no targets.
            bare = [[name, a, b] for _, name, a, b, _ in [names, *rows]]
            self.write("data/bare.csv", csv_lines(bare))
            self.succeed("predict", "inside.ini", "--model", f"inside{number}/model.lockstep", "--out", f"out{number}",
                         "--data.test_vectors", "bare.csv")
            self.assertEqual(len((self.folder / f"out{number}").read_text().splitlines()), 64)
        self.assertEqual((self.folder / "out0").read_bytes(), (self.folder / "out1").read_bytes())

    def test_one_table_cut_into_three_parts_needs_no_test_file(self):
        for path in (self.folder / "data").glob("*_test_*"):
            path.unlink()
        self.write("one.ini", config(2, data="targets = values\nsplit = 60/20/20"))
        run = self.train("one.ini", "run")
        self.assertIn("test part", (run / "run.json").read_text())
        outcome = self.lockstep("train", "one.ini", "--data.split", "80/20")
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("test_vectors", outcome.messages()[0])

    def test_what_does_not_fit_is_refused_in_words(self):
        inside = ("header = yes\ntargets = values\ntrain_vectors = t.csv\ntest_vectors = t.csv\n"
                  "index_column = {}\ntarget_columns = {}")
        self.write("data/t.csv", "id,size,price\n1,0.5,2\n2,0.25,1\n")
        for index, target, words, code in (
                ("id", "prize", ("no column is called 'prize'", "did you mean 'price'"), DATA),
                ("id", "4", ("has 3 columns", "numbered from 1"), DATA),
                ("id", "id", ("column 1 is named twice",), DATA),
                ("id", "size, price", ("no input is left",), DATA),
                ("id", "price,,size", ("data.target_columns", "separated by commas"), USAGE)):
            self.write("t.ini", config(1, data=inside.format(index, target)))
            outcome = self.lockstep("plan", "t.ini", "--training.global_batch", "2")
            self.assertEqual(outcome.code, code, outcome)
            for word in words:
                self.assertIn(word, outcome.messages()[0])
        for change, words in (
                ("--data.header=no", ("set data.header = yes",)),
                ("--data.targets=classes", ("integer", "data.targets = values")),
                ("--data.train_labels=l.csv", ("data.train_labels", "remove one")),
                ("--data.classes=2", ("data.classes", "no effect"))):
            self.write("data/t.csv", "id,size,price\na,0.5,2.5\nb,0.25,1\n")
            self.write("t.ini", config(1, data=inside.format("id", "price")))
            outcome = self.lockstep("plan", "t.ini", change)
            self.assertNotEqual(outcome.code, 0, outcome)
            for word in words:
                self.assertIn(word, outcome.messages()[0])

    def test_files_whose_indices_stand_in_another_order_are_refused(self):
        vectors, labels = samples(12, inputs=4)
        write_csv_set(self.write, "data", [[f"s{i}", *v] for i, v in enumerate(vectors)], labels)
        order = [1, 0, *range(2, 12)]
        self.write("c.ini", config("3 activation=softmax", "cross_entropy", "index_column = 1"))
        self.succeed("plan", "c.ini")
        self.write("data/set_train_labels.csv", csv_lines([[f"s{i}", labels[i]] for i in order]))
        outcome = self.lockstep("plan", "c.ini")
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("sample 1: its index is another one", outcome.messages()[0])


class Headings(ProgramTest):
    def test_a_heading_and_an_index_change_nothing_of_the_network(self):
        vectors, labels = samples(24, inputs=4)
        write_csv_set(self.write, "data", vectors, labels)
        self.write("plain.ini", config("3 activation=softmax", "cross_entropy"))
        digest = self.digest(self.train("plain.ini", "plain"))
        named = [["", "a", "b", "c", "d"], *([f"r{i}", *v] for i, v in enumerate(vectors))]
        for part in ("train", "test"):
            self.write(f"data/set_{part}_vectors.csv", csv_lines(named))
            self.write(f"data/set_{part}_labels.csv", csv_lines([["class"], *([label] for label in labels)]))
        for header in ("yes", "auto"):
            self.write("named.ini", config("3 activation=softmax", "cross_entropy",
                                           f"header = {header}\nindex_column = 1"))
            self.assertEqual(self.digest(self.train("named.ini", header)), digest)

    def test_a_heading_of_numbers_alone_is_warned_of_and_one_of_another_width_refused(self):
        vectors, labels = samples(24, inputs=4)
        write_csv_set(self.write, "data", vectors, labels)
        self.write("c.ini", config("3 activation=softmax", "cross_entropy", "header = yes"))
        outcome = self.succeed("plan", "c.ini")
        self.assertIn("set_train_vectors.csv:1: is left out as a heading", outcome.out)
        self.write("data/set_train_vectors.csv", "a,b,c\n" + csv_lines(vectors))
        outcome = self.lockstep("plan", "c.ini")
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("the heading above has 3", outcome.messages()[0])


class TwoClasses(ProgramTest):
    def test_one_output_for_two_classes_is_trained_scored_by_its_threshold_and_predicted_as_a_class(self):
        vectors, labels = samples(40, inputs=4, classes=2)
        write_csv_set(self.write, "data", vectors, labels)
        for number, (outputs, loss, keys) in enumerate((
                ("1 activation=sigmoid", "cross_entropy", ()),
                ("1 activation=sigmoid", "square_error", ()),
                ("1", "mean_square_error", ()),
                ("1 activation=tanh", "square_error", ("--preprocessing.target_low", "-1")))):
            self.write("one.ini", config(outputs, loss, epochs=100))
            run = self.train("one.ini", f"run{number}", *keys)
            result = json.loads((run / "result.json").read_text())
            self.assertEqual(result["test_accuracy"], 1.0, outputs)
            model = run / "model.lockstep"
            for models in (("--model", model), ("--model", model, "--model", model, "--combine", "vote")):
                self.succeed("predict", "one.ini", *models, *keys, "--out", "out")
                self.assertEqual((self.folder / "out").read_text().split(), [str(label) for label in labels])
                scored = self.succeed("eval", "one.ini", *models, *keys, "--confusion", "--json").json()
                self.assertEqual(scored["accuracy"], 1.0)
                self.assertEqual(scored["confusion"]["matrix"], [[labels.count(0), 0], [0, labels.count(1)]])
            self.succeed("gradcheck", "one.ini", *keys)

    def test_one_output_has_the_gradient_of_the_same_targets_as_numbers(self):
        vectors, labels = samples(40, inputs=4, classes=2)
        write_csv_set(self.write, "data", vectors, labels)
        self.write("one.ini", config("1 activation=sigmoid", "cross_entropy"))
        self.assertEqual(self.digest(self.train("one.ini", "classes")),
                         self.digest(self.train("one.ini", "numbers", "--data.targets", "values")))

    def test_one_output_for_three_classes_is_refused(self):
        vectors, labels = samples(24, inputs=4)
        write_csv_set(self.write, "data", vectors, labels)
        self.write("one.ini", config("1 activation=sigmoid", "cross_entropy"))
        outcome = self.lockstep("plan", "one.ini")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("has 3 classes; set units=3", outcome.messages()[0])


class Tables(ProgramTest):
    def test_a_table_may_have_a_test_table_of_its_own(self):
        self.write("train.table", "0 0 : 0\n0 1 : 1\n1 0 : 1\n1 1 : 1\n")
        self.write("test.table", "0.5 2 : 1\n")
        self.write("t.ini", config("1", data="").replace("source = csv\ndir = data\n",
                                                         "source = table\ntable = train.table\n"
                                                         "test_table = test.table\n").replace("batch = 8", "batch = 4"))
        run = self.train("t.ini", "run")
        out = self.succeed("eval", "t.ini", "--model", run / "model.lockstep").out
        self.assertIn("0.5 2 -> ", out)
        self.assertIn("(1 samples)", out)
        self.assertIn("(4 samples)",
                      self.succeed("eval", "t.ini", "--model", run / "model.lockstep", "--set", "train").out)
        self.write("test.table", "0.5 : 1\n")
        outcome = self.lockstep("plan", "t.ini")
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("1 inputs and 1 targets a sample, expected 2 and 1", outcome.messages()[0])


if __name__ == "__main__":
    main()
