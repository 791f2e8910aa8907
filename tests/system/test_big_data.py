"""Data that stay on the disk: lockstep convert, data.source = raw, what is read of it and when, and what damages it."""

import json
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import two_layers
from data_files import csv_lines, samples, write_csv_set, write_idx_set
from program import DATA, PROGRAM, USAGE, ProgramTest, main, mpirun, run_command

CLASSES = {"outputs": "3 activation=softmax", "loss": "cross_entropy"}
HEADER_BYTES = 4096


def config(data, outputs=CLASSES["outputs"], loss=CLASSES["loss"]):
    return two_layers(data, outputs, loss, global_batch=16)


class Raw(ProgramTest):
    def setUp(self):
        super().setUp()
        vectors, labels = samples(50, inputs=6)
        write_csv_set(self.write, "data", vectors, labels, vectors[:20], labels[:20])
        self.write("csv.ini", config("source = csv\ndir = data"))
        self.write("raw.ini", config("source = raw\nfile = set.raw"))

    def convert(self, source="csv.ini", *arguments):
        return self.succeed("convert", source, "--out", "set.raw", *arguments)

    def damage(self, place, content):
        path = self.folder / "set.raw"
        bytes_ = bytearray(path.read_bytes())
        bytes_[place:place + len(content)] = content
        path.write_bytes(bytes_)

    def fails(self, *words, command=("plan", "raw.ini"), code=DATA, **options):
        outcome = self.lockstep(*command, **options)
        self.assertEqual(outcome.code, code, outcome)
        for word in words:
            self.assertIn(word, outcome.err, outcome)
        return outcome


class SameBits(Raw):
    def test_the_bits_are_those_of_the_source_on_any_ranks_with_and_without_prefetch(self):
        self.convert()
        extras = ("--data.split", "60/20/20", "--training.micro_batch", "4", "--regularisation.l2", "0.01")
        for more in ((), extras):
            digest = self.digest(self.train("csv.ini", "csv", *more, "--run.overwrite", "true"))
            for ranks, prefetch in ((None, 0), (None, 2), (2, 1), (3, 5)):
                run = self.train("raw.ini", "raw", *more, "--run.overwrite", "true", "--data.prefetch", str(prefetch),
                                 ranks=ranks)
                self.assertEqual(self.digest(run), digest, (ranks, prefetch, more))
        results = [json.loads((self.folder / run / "result.json").read_text()) for run in ("csv", "raw")]
        self.assertEqual(results[0]["test_accuracy"], results[1]["test_accuracy"])

    def test_images_real_targets_and_drawn_sets_are_converted_too(self):
        write_idx_set(self.write, "idx")
        self.write("data/set_train_labels.csv", csv_lines([[i / 7, -i] for i in range(50)]))
        self.write("data/set_test_labels.csv", csv_lines([[i / 3, i] for i in range(20)]))
        cases = [
            ("source = mnist\ndir = idx", "10 activation=softmax", "cross_entropy", ("--augmentation.shift", "1")),
            ("source = csv\ndir = data\ntargets = values", "2", "square_error", ("--preprocessing.inputs=standardise",)),
            ("source = sine\ntrain_samples = 40\ntest_samples = 10", "1", "square_error", ()),
            ("source = xor", "1 activation=sigmoid", "square_error", ("--training.global_batch=all",)),
        ]
        for number, (data, outputs, loss, more) in enumerate(cases):
            self.write("source.ini", config(data, outputs, loss))
            self.write("raw.ini", config("source = raw\nfile = set.raw", outputs, loss))
            self.convert("source.ini")
            runs = [self.train(name, f"{name[:3]}{number}", *more) for name in ("source.ini", "raw.ini")]
            self.assertEqual(self.digest(runs[0]), self.digest(runs[1]), data)

    def test_a_test_set_without_targets_is_predicted(self):
        (self.folder / "data" / "set_test_labels.csv").unlink()
        self.convert()
        run = self.train("raw.ini", "run")
        for name in ("csv", "raw"):
            self.succeed("predict", f"{name}.ini", "--model", run / "model.lockstep", "--out", name)
        self.assertEqual((self.folder / "csv").read_bytes(), (self.folder / "raw").read_bytes())
        self.fails("without targets", command=("eval", "raw.ini", "--model", run / "model.lockstep"))

    def test_bytes_stay_bytes_and_the_scale_can_be_another(self):
        said = self.convert("csv.ini", "--json").json()
        self.assertEqual((said["type"], said["row_bytes"], said["train_samples"], said["test_samples"]),
                         ("bytes", 8, 50, 20))
        self.assertEqual((self.folder / "set.raw").stat().st_size, said["bytes"])
        self.assertIn("divided by 255 (data.scale = auto)", self.succeed("plan", "raw.ini").out)
        runs = [self.train(f"{name}.ini", name, "--data.scale", "16") for name in ("csv", "raw")]
        self.assertEqual(self.digest(runs[0]), self.digest(runs[1]))


class Touched(Raw):
    def test_only_the_rows_that_are_needed_are_read(self):
        vectors, labels = samples(200, inputs=6)
        write_csv_set(self.write, "data", vectors, labels, vectors[:20], labels[:20])
        self.convert()
        self.damage(HEADER_BYTES + 8 * 150, b"\0\1\2\3")
        steps = ("train", "raw.ini", "--training.order", "cyclic", "--training.max_steps")
        # Samples 144 to 159 are the tenth batch's, and rank 0 has the first half of it.
        for ranks in (None, 2):
            for prefetch in (0, 2):
                more = ("--data.prefetch", str(prefetch), "--run.overwrite", "true", "--run.dir", "run")
                self.succeed(*steps, "9", *more, ranks=ranks)
                self.fails("set.raw: sample 150 of the training set", "checksum",
                           command=(*steps, "10", *more), ranks=ranks)

    def test_a_file_larger_than_the_memory_that_a_process_may_have_is_trained_on(self):
        self.write("drawn.ini", config("source = alvinn\ntrain_samples = 80000\ntest_samples = 100", "30", "square_error"))
        self.write("raw.ini", config("source = raw\nfile = set.raw", "30", "square_error"))
        limit = 200 << 20
        command = f"ulimit -v {limit >> 10}; exec '{PROGRAM}' \"$@\""

        def limited(*arguments):
            outcome = run_command(["bash", "-c", command, "lockstep", *arguments], self.folder)
            self.assertEqual(outcome.code, 0, outcome)
            return outcome.out

        limited("convert", "drawn.ini", "--out", "set.raw")
        self.assertGreater((self.folder / "set.raw").stat().st_size, 1.4 * limit)
        keys = ("--training.epochs", "1", "--training.global_batch", "512", "--training.threads", "1")
        limited("train", "raw.ini", "--run.dir", "run", *keys)
        self.assertIn("80000 samples", (self.folder / "run" / "run.json").read_text())


class Damage(Raw):
    def test_a_file_that_is_not_whole_or_not_raw_is_refused(self):
        self.convert()
        whole = (self.folder / "set.raw").read_bytes()
        for content, words in (
                (whole[:-1], ("bytes, expected", "cut off")), (whole + b"\0", ("bytes, expected",)),
                (whole[:100], ("has at least 4096",)), (b"\0" * len(whole), ("does not begin as a raw file",)),
                (whole[:8] + struct.pack("<I", 2) + whole[12:], ("version 2",)),
                (whole[:12] + struct.pack("<I", 9) + whole[16:], ("unknown type",)),
                (whole[:56 + 8] + struct.pack("<Q", 1 << 62) + whole[72:], ("rows of another size",)),
                (whole[:72] + struct.pack("<Q", 1 << 61) + whole[80:], ("more rows than a file holds",)),
                (whole[:-20] + b"abcd" + whole[-16:], ("are damaged",)),
                (whole[:56] + struct.pack("<Q", 2) + whole[64:], ("are damaged",))):
            self.write("set.raw", content)
            self.fails("set.raw", *words)
        (self.folder / "set.raw").unlink()
        self.fails("set.raw: cannot be opened: No such file")
        (self.folder / "set.raw").mkdir()
        self.fails("no regular file")

    def test_a_file_that_becomes_shorter_while_it_is_read_ends_the_run_in_words(self):
        self.write("sine.ini", config("source = sine\ntrain_samples = 4000\ntest_samples = 10", "1", "square_error"))
        self.write("raw.ini", config("source = raw\nfile = set.raw", "1", "square_error"))
        self.convert("sine.ini")
        job = self.begin(PROGRAM, "train", "raw.ini", "--run.dir", "run", "--training.epochs", "100000",
                         "--run.log_every", "1")
        self.wait_for_a_step(job, "run")
        with open(self.folder / "set.raw", "r+b") as file:
            file.truncate(HEADER_BYTES + 64)
        outcome = self.outcome(job)
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("has become shorter since it was opened", outcome.messages()[0])

    def test_ranks_with_other_rows_are_told_apart_before_the_first_step(self):
        self.write("here/raw.ini", config("source = raw\nfile = set.raw"))
        for folder in ("here", "there"):
            vectors, labels = samples(50, inputs=6)
            vectors[3][2] += 1 if folder == "there" else 0
            write_csv_set(self.write, "data", vectors, labels, vectors[:20], labels[:20])
            (self.folder / folder).mkdir(exist_ok=True)
            self.succeed("convert", "csv.ini", "--out", f"{folder}/set.raw")
        script = (f"cd $([ $OMPI_COMM_WORLD_RANK = 1 ] && echo there || echo here); "
                  f"exec '{PROGRAM}' train {self.folder}/here/raw.ini --run.dir run")
        outcome = run_command([*mpirun(2), "bash", "-c", script], self.folder)
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("give every host the same copy of the data", outcome.err)

    def test_convert_refuses_to_write_what_it_reads(self):
        self.fails("set_train_vectors.csv", command=("convert", "csv.ini", "--out", "data/set_train_vectors.csv"),
                   code=USAGE)
        self.convert()
        self.fails("set.raw", command=("convert", "raw.ini", "--out", "set.raw"), code=USAGE)
        self.succeed("convert", "raw.ini", "--out", "again.raw")
        self.assertEqual((self.folder / "set.raw").read_bytes(), (self.folder / "again.raw").read_bytes())


class Bench(Raw):
    def test_bench_io_says_how_fast_samples_are_read(self):
        self.convert()
        for name, ways in (("csv", 2), ("raw", 5)):
            result = self.succeed("bench", "io", f"{name}.ini", "--seconds", "0.05", "--json").json()
            self.assertEqual(len(result["readings"]), ways)
            self.assertEqual(result["samples"], 50)
            self.assertTrue(all(way["bytes_per_second"] > 0 for way in result["readings"]))
        self.assertIn("read() of the file alone", self.succeed("bench", "io", "raw.ini", "--seconds", "0.05", ranks=2).out)
        self.fails("needs CONFIG", command=("bench", "io"), code=USAGE)
        self.fails("takes no further argument", command=("bench", "gemm", "raw.ini"), code=USAGE)


if __name__ == "__main__":
    main()
