"""Bad input, alone and under mpirun: one clear message, the right exit code, nothing half made, no hang."""

import gzip
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from data_files import IMAGES_MAGIC, csv_lines, idx_images, idx_labels, samples, write_csv_set, write_idx_set
from program import CHECKPOINT, DATA, USAGE, ProgramTest, main

GOOD_CONFIG = """[data]
source = mnist
[network]
layer = dense units=5 activation=relu
layer = dense units=10 activation=softmax
[training]
epochs = 1
global_batch = 8
leaf = 4
[optimizer]
name = sgd
learning_rate = 0.1
"""


class BadInputTest(ProgramTest):
    files = {"good.ini": GOOD_CONFIG}

    def setUp(self):
        super().setUp()
        write_idx_set(self.write, "data")

    def refuse(self, cases, arguments, code, variables=None):
        """Runs each case (name, more arguments, words of the message), alone and with two ranks, eight at a time: mpirun mostly waits."""
        runs = [(name, more, words, ranks) for name, more, words in cases for ranks in (None, 2)]
        for name in ("out", "runs"):
            self.assertFalse((self.folder / name).exists())
        with ThreadPoolExecutor(max_workers=8) as pool:
            outcomes = pool.map(lambda run: self.lockstep(*arguments, *run[1], ranks=run[3], **(variables or {})), runs)
            for (name, _, words, ranks), outcome in zip(runs, outcomes):
                with self.subTest(name, ranks=ranks):
                    self.assertEqual(outcome.code, code, outcome)
                    self.assertEqual(len(outcome.messages()), 1, outcome)
                    for word in words:
                        self.assertIn(word, outcome.messages()[0], outcome)
        self.assertFalse((self.folder / "out").exists(), "a run directory was made")
        self.assertFalse((self.folder / "runs").exists(), "a run directory was made")


class Configurations(BadInputTest):
    def config(self, old, new):
        """A configuration with one thing wrong, and the line it is on."""
        self.assertIn(old, GOOD_CONFIG)
        name = f"bad{len(list(self.folder.glob('bad*.ini')))}.ini"
        self.write(name, GOOD_CONFIG.replace(old, new))
        return name, f"{name}:{GOOD_CONFIG[:GOOD_CONFIG.index(old)].count(chr(10)) + 1}"

    def test_a_wrong_line_is_named_by_file_and_number(self):
        def case(title, old, new, *words):
            name, place = self.config(old, new)
            return title, (name,), (place, *words)

        self.refuse([
            case("misspelled key", "learning_rate", "learning_rte", "optimizer.learning_rte",
                 "optimizer.learning_rate"),
            case("misspelled section", "[training]\nepochs", "[trainning]\nepochs"),
            case("misspelled value", "name = sgd", "name = sdg", "optimizer.name", "sgd"),
            case("misspelled activation", "dense units=5 activation=relu", "dense units=5 activation=rleu", "relu"),
            case("misspelled attribute", "dense units=5", "dense unit=5", "units"),
            case("misspelled kind of layer", "dense units=5", "danse units=5", "dense"),
            case("not a number", "learning_rate = 0.1", "learning_rate = fast", "optimizer.learning_rate", "fast"),
            case("number with something behind it", "epochs = 1", "epochs = 1x", "training.epochs", "1x"),
            case("negative", "epochs = 1", "epochs = -1", "training.epochs"),
            case("batch of zero", "global_batch = 8", "global_batch = 0", "training.global_batch"),
            case("batch of more than the set", "global_batch = 8", "global_batch = 1000000000000",
                 "training.global_batch", "40"),
            case("leaf of zero", "leaf = 4", "leaf = 0", "training.leaf"),
            case("layer of no units", "units=5", "units=0", "units"),
            case("last layer does not fit the data", "dense units=10", "dense units=7", "10"),
            case("softmax within", "dense units=5 activation=relu", "dense units=5 activation=softmax"),
            case("a key twice", "leaf = 4", "leaf = 4\nleaf = 4", "training.leaf"),
            case("no key at all", "leaf = 4", "leaf 4"),
        ], ("train", "--run.dir", "out", "--data.dir", "data"), USAGE)

    def test_what_is_wrong_elsewhere_is_named(self):
        self.refuse([
            ("no such file", ("nowhere.ini",), ("nowhere.ini",)),
            ("a folder", ("data",), ("data",)),
            ("unknown flag", ("good.ini", "--optimizer.learnin_rate", "1"), ("--optimizer.learning_rate",)),
            ("flag without value", ("good.ini", "--optimizer.learning_rate"), ("optimizer.learning_rate",)),
            ("flag of a wrong value", ("good.ini", "--training.epochs", "many"), ("training.epochs", "many")),
            ("key of another optimizer", ("good.ini", "--optimizer.beta1", "0.8"), ("optimizer.beta1", "adam")),
            ("no configuration", (), ("CONFIG",)),
            ("one argument too many", ("good.ini", "more.ini"), ("more.ini",)),
        ], ("train", "--run.dir", "out", "--data.dir", "data"), USAGE)
        self.refuse([("no folder for the data", ("good.ini",), ("data.dir", "LOCKSTEP_DATA_DIR"))],
                    ("train", "--run.dir", "out"), USAGE)
        self.refuse([("unknown variable", ("good.ini",), ("LOCKSTEP_TRAINING_EPOCS", "LOCKSTEP_TRAINING_EPOCHS"))],
                    ("train", "--run.dir", "out", "--data.dir", "data"), USAGE, {"LOCKSTEP_TRAINING_EPOCS": "3"})
        self.refuse([("unknown instruction set", ("good.ini",), ("LOCKSTEP_ISA", "avx3", "avx2"))],
                    ("train", "--run.dir", "out", "--data.dir", "data"), USAGE, {"LOCKSTEP_ISA": "avx3"})

    def test_a_network_no_memory_can_hold_is_refused(self):
        name, _ = self.config("units=5", "units=2000000000")
        outcome = self.lockstep("train", name, "--run.dir", "out", "--data.dir", "data")
        self.assertEqual(len(outcome.messages()), 1, outcome)
        self.assertIn("memory", outcome.messages()[0])
        self.assertFalse((self.folder / "out").exists())

    def test_plan_refuses_what_train_would_refuse(self):
        for old, new in [("learning_rate", "learning_rte"), ("dense units=10", "dense units=7"),
                         ("global_batch = 8", "global_batch = 1000000000000")]:
            with self.subTest(new):
                name, place = self.config(old, new)
                planned = self.lockstep("plan", name, "--data.dir", "data")
                trained = self.lockstep("train", name, "--data.dir", "data", "--run.dir", "out")
                self.assertEqual(planned.code, USAGE, planned)
                self.assertEqual(planned.messages(), trained.messages())

    def test_a_run_is_not_overwritten(self):
        self.train("good.ini", "out", "--data.dir", "data")
        before = (self.folder / "out" / "metrics.jsonl").read_bytes()
        outcome = self.lockstep("train", "good.ini", "--data.dir", "data", "--run.dir", "out")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("run.overwrite", outcome.messages()[0])
        self.assertEqual((self.folder / "out" / "metrics.jsonl").read_bytes(), before)


class DataFiles(BadInputTest):
    def test_damaged_idx_files_are_named_with_the_place(self):
        vectors, labels = samples(40)
        whole = gzip.compress(idx_images(vectors))
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0x10
        images, labels_name = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
        damages = [
            ("gzip cut short", {"train_images": whole[:len(whole) // 2]}, (images, "truncated", "byte")),
            ("gzip cut in its trailer", {"train_images": whole[:-3]}, (images, "truncated")),
            ("gzip corrupted", {"train_images": bytes(flipped)}, (images, "corrupted", "byte")),
            ("header promises more", {"train_images": gzip.compress(idx_images(vectors, promised=41))},
             (images, "41", "byte 656")),
            ("header promises less", {"train_images": gzip.compress(idx_images(vectors, promised=39))},
             (images, "39", "byte 640")),
            ("header promises absurdly much", {"train_images": gzip.compress(idx_images(vectors, promised=2**32 - 1))},
             (images, "4294967295")),
            ("images' magic in the labels", {"train_labels": gzip.compress(idx_labels(labels, magic=IMAGES_MAGIC))},
             (labels_name, "magic", "0x00000803", "0x00000801")),
            ("no IDX at all", {"train_images": b"<html>404 not found</html>"}, (images, "magic")),
            ("cut in its header", {"train_images": gzip.compress(idx_images(vectors)[:9])}, (images, "header", "byte")),
            ("empty file", {"train_images": b""}, (images,)),
            ("no image", {"train_images": gzip.compress(idx_images([]))}, (images, "0")),
            ("label out of range", {"train_labels": gzip.compress(idx_labels([*labels[:17], 10, *labels[18:]]))},
             (labels_name, "17", "10", "9")),
            ("fewer labels than images", {"train_labels": gzip.compress(idx_labels(labels[:-1]))},
             (labels_name, "39", "40")),
            ("file missing", {"test_labels": None}, ("t10k-labels-idx1-ubyte",)),
        ]
        cases = []
        for number, (title, replaced, words) in enumerate(damages):
            write_idx_set(self.write, f"damaged{number}", **replaced)
            cases.append((title, ("--data.dir", f"damaged{number}"), words))
        cases.append(("folder missing", ("--data.dir", "nowhere"), ("nowhere",)))
        self.refuse(cases, ("train", "good.ini", "--run.dir", "out"), DATA)

    def test_damaged_csv_files_are_named_with_the_line(self):
        vectors, labels = samples(20)
        lines = csv_lines(vectors).splitlines()

        def with_line(number, text):
            return "\n".join([*lines[:number - 1], text, *lines[number:]]) + "\n"

        train_vectors, train_labels = "set_train_vectors.csv", "set_train_labels.csv"
        damages = [
            ("a number missing", train_vectors, with_line(7, lines[6].rsplit(",", 1)[0]), (":7", "15", "16")),
            ("a number too many", train_vectors, with_line(9, lines[8] + ",3"), (":9", "16")),
            ("a word", train_vectors, with_line(5, lines[4].replace(",", ",x", 1)), (":5", "x")),
            ("a value that is not finite", train_vectors, with_line(5, lines[4].replace(",", ",nan,", 1).rsplit(",", 1)[0]),
             (":5", "nan", "finite")),
            ("an empty value", train_vectors, with_line(3, lines[2].replace(",", ",,", 1)), (":3",)),
            ("an empty line within", train_vectors, with_line(4, ""), (":4",)),
            ("an empty file", train_vectors, "", ("empty",)),
            ("a vector without a label", train_labels, csv_lines([[label] for label in labels[:-1]]), ("19", "20")),
            ("a label that is no number", train_labels, "1\n2\nthree\n" + "1\n" * 17, (":3", "three")),
            ("a negative label", train_labels, "1\n2\n-1\n" + "1\n" * 17, (":3", "-1")),
            ("a label with a fraction", train_labels, "1\n2\n1.5\n" + "1\n" * 17, (":3", "1.5")),
            ("test label the training set has not", "set_test_labels.csv", "0\n7\n" + "1\n" * 18, (":2", "7")),
            ("test vectors of another length", "set_test_vectors.csv", csv_lines([vector[:-1] for vector in vectors]),
             ("15", "16")),
            ("file missing", train_vectors, None, ("_train_vectors.csv",)),
        ]
        self.write("csv.ini", GOOD_CONFIG.replace("source = mnist", "source = csv").replace("units=10", "units=3"))
        cases = []
        for number, (title, name, content, words) in enumerate(damages):
            folder = f"damaged{number}"
            write_csv_set(self.write, folder, vectors, labels)
            if content is None:
                (self.folder / folder / name).unlink()
            else:
                self.write(f"{folder}/{name}", content)
            cases.append((title, ("--data.dir", folder), (name if content is not None else folder, *words)))
        self.refuse(cases, ("train", "csv.ini", "--run.dir", "out"), DATA)


class ModelFiles(BadInputTest):
    def test_damaged_models_are_refused(self):
        trained = self.train("good.ini", "trained", "--data.dir", "data") / "model.lockstep"
        content = trained.read_bytes()

        def flipped(place):
            damaged = bytearray(content)
            damaged[place] ^= 1
            return bytes(damaged)

        damages = {
            "flipped_in_magic": flipped(0),
            "flipped_in_version": flipped(8),
            "flipped_in_record": flipped(40),
            "flipped_in_weights": flipped(len(content) - 100),
            "flipped_in_checksum": flipped(len(content) - 1),
            "truncated": content[:len(content) // 2],
            "truncated_by_a_byte": content[:-1],
            "something_behind": content + b"\0",
            "empty": b"",
            "text": GOOD_CONFIG.encode(),
        }
        for name, damaged in damages.items():
            self.write(name, damaged)
        cases = [(name, ("--model", name), (name,)) for name in [*damages, "missing"]]
        self.refuse(cases, ("eval", "good.ini", "--data.dir", "data"), CHECKPOINT)
        self.refuse(cases, ("predict", "good.ini", "--data.dir", "data", "--out", "out"), CHECKPOINT)
        for name in [*damages, "missing"]:
            for arguments in (("digest", name), ("export", name, "--format", "npz", "--out", "out"),
                              ("diff", trained, name)):
                with self.subTest(arguments=arguments):
                    outcome = self.lockstep(*arguments)
                    self.assertEqual(outcome.code, CHECKPOINT, outcome)
                    self.assertEqual(len(outcome.messages()), 1, outcome)
                    self.assertIn(name, outcome.messages()[0])
        self.assertFalse((self.folder / "out").exists())


class WhereToWrite(BadInputTest):
    def test_a_run_directory_that_cannot_be_is_refused(self):
        self.write("file", "in the way")
        cases = [("a file is there", ("--run.dir", "file"), ("file",)),
                 ("below a file", ("--run.dir", "file/run"), ("file",)),
                 ("below what no one may write to", ("--run.dir", "/proc/lockstep"), ("/proc/lockstep",))]
        self.refuse(cases, ("train", "good.ini", "--data.dir", "data"), USAGE)


if __name__ == "__main__":
    main()
