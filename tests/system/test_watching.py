"""What a user sees of a run: banner, progress bar, phases, summary, log file, CSV, trace and TensorBoard."""

import csv
import fcntl
import importlib
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn, xor
from program import (LIMIT_SECONDS, PROGRAM, REPOSITORY, USAGE, ProgramTest, main, mpirun, read_json_lines, run_command,
                     user_environment)
from protobuf import fields

ROADS = alvinn(400, ["dense units=16 activation=tanh"],
               training={"epochs": 3, "global_batch": 40, "leaf": 10, "seed": 1},
               optimizer={"name": "sgd", "learning_rate": 0.1}, run={"log_every": 5, "checkpoint_every": 15})
LONG = xor(training={"epochs": 4000, "global_batch": "all", "leaf": 1}, optimizer={"name": "sgd", "learning_rate": 0.5},
           run={"evaluate_every": 0, "log_every": 0, "ledger": "off"})
PHASES = ["data", "forward", "backward", "communication_exposed", "optimizer", "evaluation", "checkpoint"]
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def set_columns(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


class Watching(ProgramTest):
    files = {"roads.ini": ROADS, "long.ini": LONG}

    def on_terminal(self, columns, *arguments, resize_to=None, launcher=(), **variables):
        """What the program writes to a terminal so wide, which becomes another once something stands there."""
        terminal, other_end = pty.openpty()
        set_columns(terminal, columns)
        command = [str(word) for word in [*launcher, PROGRAM, *arguments]]
        environment = user_environment(TERM="xterm", **variables)
        if "NO_COLOR" not in variables:
            environment.pop("NO_COLOR", None)
        with subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=other_end,
                              stderr=subprocess.DEVNULL, start_new_session=True) as process:
            os.close(other_end)
            parts, resized = [b"", b""], False
            try:
                while piece := os.read(terminal, 4096):
                    parts[resized] += piece
                    if resize_to and not resized and parts[0].count(b"\r\x1b[K") > 1:
                        set_columns(terminal, resize_to)
                        resized = True
            except OSError:
                pass  # EIO: the last of those that could write has closed it.
            os.close(terminal)
            self.assertEqual(process.wait(timeout=LIMIT_SECONDS), 0)
        return [part.decode() for part in parts]

    def bars(self, written):
        """The bars that were drawn, without colours."""
        return [ESCAPES.sub("", bar) for bar in re.findall(r"\r\x1b\[K([^\r\n]+)(?=\r\x1b)", written)]


class OnATerminal(Watching):
    def test_the_bar_fits_into_every_width(self):
        for columns in (1, 2, 5, 20, 41, 80, 200):
            with self.subTest(columns=columns):
                drawn, _ = self.on_terminal(columns, "train", "long.ini", "--run.dir", f"run{columns}")
                # Of one column none is left: what is written into the last may begin a new line.
                self.assertEqual(columns > 5, bool(self.bars(drawn)), drawn)
                self.assertLessEqual(max(map(len, self.bars(drawn)), default=0), columns - 1)
                if columns >= 20:
                    self.assertRegex(self.bars(drawn)[-1], r"\d+/4000")
                if columns >= 80:
                    self.assertRegex(self.bars(drawn)[-1], r"epoch \d+/4000 .*\d+ %  loss \d\.\d+")
                if columns == 200:
                    self.assertRegex(self.bars(drawn)[-1], r"\[[#-]+\].* samples/s  \d+:\d\d left$")

    def test_the_bar_follows_a_terminal_that_is_resized(self):
        before, after = self.on_terminal(100, "train", "long.ini", "--training.epochs", "20000", "--run.dir", "run",
                                         resize_to=30)
        self.assertGreater(max(map(len, self.bars(before))), 60)
        # One may have been on its way.
        self.assertLessEqual(max(map(len, self.bars(after)[1:])), 29)

    def test_under_mpirun_the_width_is_that_of_its_terminal(self):
        drawn, _ = self.on_terminal(30, "train", "long.ini", "--training.epochs", "1000", "--run.dir", "run",
                                    launcher=mpirun(2))
        self.assertTrue(self.bars(drawn), drawn)
        self.assertLessEqual(max(map(len, self.bars(drawn))), 29)

    def test_colours_are_for_terminals_and_not_with_no_color(self):
        coloured, _ = self.on_terminal(80, "train", "long.ini", "--run.dir", "a")
        self.assertIn("\x1b[36m", coloured)
        self.assertIn("\x1b[33mwarning:", coloured)
        plain, _ = self.on_terminal(80, "train", "long.ini", "--run.dir", "b", NO_COLOR="1")
        self.assertNotRegex(plain, r"\x1b\[[0-9;]*m")
        self.assertTrue(self.bars(plain))
        dumb, _ = self.on_terminal(80, "train", "long.ini", "--run.dir", "c", **{"NO_COLOR": ""})
        self.assertIn("\x1b[36m", dumb, "an empty NO_COLOR is none")
        self.assertNotIn("\x1b", self.succeed("train", "long.ini", "--run.dir", "d").out)


class Lines(Watching):
    def test_a_run_says_what_it_is_and_ends_with_a_summary(self):
        outcome = self.succeed("train", "roads.ini", "--run.dir", "run", ranks=2)
        lines = outcome.out.splitlines()
        self.assertRegex(lines[0], r"^lockstep \d+\.\d+\.\d+ trains roads$")
        for what in (r"ranks +2 on \S+", r"threads +1 a rank, each bound to \d+ of \d+ CPUs", r"arithmetic +fp32 by \w+ on",
                     r"data +.*400 samples; .*50 samples", r"network +\d+ -> dense units=16 activation=tanh",
                     r"batch +40 samples in 4 leaves of 10; 10 steps an epoch, 30 steps in 3 epochs", r"run +run"):
            self.assertRegex(outcome.out, rf"(?m)^  {what}")
        self.assertEqual(lines[-1], "see it   lockstep report run")
        self.assertIn("digest   " + self.digest(self.folder / "run"), lines)
        self.assertIn("run      run", lines)
        summary = "\n".join(lines[-6:])
        self.assertRegex(summary, r"(?m)^trained  3 epochs, 30 steps in \d+\.\d+ s; \d+ samples/s in training$")
        self.assertRegex(summary, r"(?m)^reached  train loss \d+\.\d+, accuracy .*; test loss \d+\.\d+, accuracy \d+\.\d\d %$")
        # A run that is finished says so again, in the same words.
        self.assertEqual(self.succeed("resume", "run").out.splitlines()[-6:], lines[-6:])

    def test_a_resumed_run_ends_with_the_summary_of_the_whole(self):
        stopped = self.lockstep("train", "roads.ini", "--run.dir", "run", "--run.max_wall_time", "0.000001s")
        self.assertEqual(stopped.code, 75, stopped)
        self.assertIn("lockstep resume run", stopped.out.splitlines()[-1])
        lines = self.succeed("resume", "run", "--run.max_wall_time", "0").out.splitlines()
        self.assertRegex(lines[-6], r"^trained  3 epochs, 30 steps")
        self.assertEqual(lines[-1], "see it   lockstep report run")

    def test_with_json_all_of_it_goes_to_stderr(self):
        outcome = self.succeed("train", "roads.ini", "--run.dir", "run", "--json")
        self.assertEqual(outcome.json()["run_dir"], "run")
        self.assertIn("see it   lockstep report run", outcome.err)

    def test_ranks_that_share_too_few_cpus_are_told(self):
        cpu = min(os.sched_getaffinity(0))
        command = ["taskset", "-c", cpu, *mpirun(2), PROGRAM, "train", "roads.ini", "--run.dir"]
        outcome = run_command([*command, "run"], self.folder)
        self.assertRegex(outcome.out, r"warning: 2 threads of 2 ranks share 1 CPU of \S+, .*mpirun .*srun ")
        self.assertNotIn("warning: ", self.succeed("train", "roads.ini", "--run.dir", "alone").out)

    def test_the_log_file_has_what_is_printed_and_resume_appends(self):
        stopped = self.lockstep("train", "roads.ini", "--run.dir", "run", "--run.log_file", "logs/log.txt", "--run.max_wall_time",
                                "0.000001s", ranks=2)
        self.assertEqual(stopped.code, 75, stopped)
        log = self.folder / "logs" / "log.txt"
        self.assertEqual(log.read_text(), stopped.out)
        resumed = self.succeed("resume", "run", "--run.max_wall_time", "0")
        self.assertEqual(log.read_text(), stopped.out + resumed.out)
        again = self.succeed("train", "roads.ini", "--run.dir", "other", "--run.log_file", "logs/log.txt")
        self.assertEqual(log.read_text(), again.out)

    def test_a_log_file_that_cannot_be_is_refused_and_leaves_nothing(self):
        for path in ("run/metrics.jsonl", ".", "roads.ini/log.txt"):
            with self.subTest(path=path):
                outcome = self.lockstep("train", "roads.ini", "--run.dir", "run", "--run.log_file", path)
                self.assertEqual(outcome.code, USAGE, outcome)
                self.assertIn("run.log_file", outcome.messages()[0])
                self.assertFalse((self.folder / "run").exists())


class Telemetry(Watching):
    def test_phases_are_in_the_log_and_in_the_result(self):
        run = self.train("roads.ini", "run", ranks=2)
        lines = read_json_lines(run / "metrics.jsonl")
        for line in lines:
            if line["event"] == "epoch":
                self.assertEqual(list(line["phases"]), PHASES)
        end, result = lines[-1], json.loads((run / "result.json").read_text())
        for holder in (end, result):
            self.assertEqual(sorted(holder["phases"]), sorted([*PHASES, "other"]))
            for row in holder["phases"].values():
                self.assertLessEqual(row["min"], row["mean"] * (1 + 1e-9))
                self.assertLessEqual(row["mean"], row["max"] * (1 + 1e-9))
            self.assertAlmostEqual(sum(row["mean"] for row in holder["phases"].values()), holder["phases_seconds"], places=3)
            self.assertAlmostEqual(sum(row["share"] for row in holder["phases"].values()), 1, places=3)
            self.assertEqual(holder["phases_steps"], 30)
            self.assertIn("imbalance", holder)
            self.assertIn("communication_hidden_share", holder)
        for phase in ("data", "forward", "backward", "optimizer", "evaluation", "checkpoint"):
            self.assertGreater(end["phases"][phase]["mean"], 0, phase)

    def test_evaluation_is_no_part_of_the_samples_per_second(self):
        run = self.train("roads.ini", "run", "--data.test_samples", "20000", "--training.epochs", "2")
        end = read_json_lines(run / "metrics.jsonl")[-1]
        steps = sum(end["phases"][phase]["mean"] for phase in PHASES[:5])
        self.assertGreater(end["phases"]["evaluation"]["mean"], steps)
        self.assertLess(end["training_seconds"], end["phases"]["evaluation"]["mean"])
        self.assertAlmostEqual(end["samples_per_second"] * end["training_seconds"], 800, places=3)

    def test_the_rank_that_comes_last_is_named(self):
        outcome = self.succeed("train", "roads.ini", "--run.dir", "run", "--inject", "slow:rank=1,ms=40", ranks=3)
        end = read_json_lines(self.folder / "run" / "metrics.jsonl")[-1]
        self.assertEqual(end["straggler"]["rank"], 1)
        self.assertGreater(end["straggler"]["seconds_per_step"], 0.02)
        self.assertRegex(outcome.out, r"rank 1 on \S+ comes last: the others wait \d+\.\d+ ms longer")

    def test_the_csv_has_the_lines_of_the_log_also_after_resume(self):
        # Lines of steps that are lost with it are in both, since the last checkpoint is of step 15 at best.
        died = self.lockstep("train", "roads.ini", "--run.dir", "run", "--inject", "kill:rank=0,step=28", "--run.log_gradient",
                             "true")
        self.assertEqual(died.code, -signal.SIGKILL, died)
        run = self.folder / "run"
        self.assertEqual(self.rows(run)[-1]["step"], "25")
        self.succeed("resume", "run")
        lines, rows = read_json_lines(run / "metrics.jsonl"), self.rows(run)
        self.assertEqual(len(lines), len(rows))
        for line, row in zip(lines, rows):
            for key, value in line.items():
                if key == "phases":
                    for phase, seconds in value.items():
                        mean = seconds["mean"] if isinstance(seconds, dict) else seconds
                        self.assertEqual(float(row[f"phases.{phase}"]), mean)
                elif isinstance(value, str):
                    self.assertEqual(row[key], value)
                elif key != "straggler":
                    self.assertEqual(float(row[key]), value, key)
        steps = [row["step"] for row in rows if row["event"] == "step"]
        self.assertEqual(steps, [str(step) for step in range(5, 31, 5)])
        self.assertTrue(all(row["gradient_norm"] for row in rows if row["event"] == "step"))

    def rows(self, run):
        with (run / "metrics.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def test_every_key_of_the_metrics_is_documented(self):
        run = self.train("roads.ini", "run")
        columns = (run / "metrics.csv").read_text().splitlines()[0].split(",")
        table = re.findall(r"(?m)^\| `([^`]+)`", (REPOSITORY / "launcher" / "telemetry" / "README.md").read_text())
        self.assertEqual(table, columns)

    def test_what_is_recorded_changes_no_bit(self):
        plain = self.train("roads.ini", "plain")
        watched = self.train("roads.ini", "watched", "--run.trace", "true", "--run.tensorboard", "true", "--run.log_file", "log.txt",
                             ranks=2)
        self.assertEqual(self.digest(plain), self.digest(watched))
        self.assertFalse((plain / "trace.json").exists() or (plain / "tensorboard").exists())


class Trace(Watching):
    def trace(self, run):
        events = json.loads((run / "trace.json").read_text())["traceEvents"]
        return [event for event in events if event["ph"] == "X"], events

    def test_the_trace_has_all_ranks_phases_and_buckets_in_order(self):
        for reduction in ("tree", "mpi"):
            run = self.train("roads.ini", reduction, "--run.trace", "true", "--run.trace_steps", "4", "--comm.bucket_mib", "0.001",
                             "--comm.reduction", reduction, ranks=2)
            spans, events = self.trace(run)
            names = {(event["pid"], event["args"]["name"]) for event in events if event["name"] == "process_name"}
            self.assertEqual([pid for pid, name in sorted(names) if name.startswith(f"rank {pid} on ")], [0, 1])
            for rank in (0, 1):
                own = [span for span in spans if span["pid"] == rank]
                steps = [span["args"]["step"] for span in own if span["name"] == "step"]
                self.assertEqual(steps, [1, 2, 3, 4], "no more than run.trace_steps")
                for phase in ("data", "forward", "backward", "communication_exposed", "optimizer", "layer 0", "layer 1"):
                    self.assertGreaterEqual(sum(span["name"] == phase for span in own), 4, phase)
                for bucket in ("bucket 0", "bucket 1"):
                    self.assertEqual(sum(span["name"] == bucket for span in own), 4)
                # What overlapped: the last layer's bucket is under way while the backward pass goes on.
                backward = next(span for span in own if span["name"] == "backward" and span["args"]["step"] == 3)
                bucket = next(span for span in own if span["name"] == "bucket 0" and span["args"]["step"] == 3)
                self.assertLess(backward["ts"], bucket["ts"])
                self.assertLess(bucket["ts"], backward["ts"] + backward["dur"])
                self.assert_nested(own)

    def assert_nested(self, spans):
        """On each thread a span holds another whole or not at all; else a viewer shows nonsense."""
        for thread in {span["tid"] for span in spans}:
            ends = []
            for span in (span for span in spans if span["tid"] == thread):
                while ends and ends[-1] <= span["ts"] + 1e-3:
                    ends.pop()
                self.assertTrue(not ends or span["ts"] + span["dur"] <= ends[-1] + 1e-3, span)
                ends.append(span["ts"] + span["dur"])

    def test_a_new_run_in_the_place_of_an_older_one_has_not_its_trace(self):
        run = self.train("roads.ini", "run", "--run.trace", "true", "--run.tensorboard", "true")
        self.assertTrue((run / "trace.json").exists())
        self.train("roads.ini", "run", "--run.overwrite", "true")
        self.assertFalse((run / "trace.json").exists() or (run / "tensorboard").exists())


def crc32c(data):
    """Castagnoli's, bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class TensorBoard(Watching):
    def scalars(self, folder):
        """(tag, step): value of all event files in their order, whose framing and sums are checked."""
        values = {}
        for path in sorted(folder.iterdir()):
            data, place = path.read_bytes(), 0
            while place < len(data):
                length = struct.unpack_from("<Q", data, place)[0]
                event = data[place + 12:place + 12 + length]
                self.assertEqual(struct.unpack_from("<I", data, place + 8)[0], masked(data[place:place + 8]))
                self.assertEqual(struct.unpack_from("<I", data, place + 12 + length)[0], masked(event))
                if place == 0:
                    self.assertEqual(dict(fields(event))[3], b"brain.Event:2")
                place += 16 + length
                of_event = dict(fields(event))
                for number, value in fields(of_event.get(5, b"")):
                    self.assertEqual(number, 1)
                    of_value = dict(fields(value))
                    values[of_value[1].decode(), of_event.get(2, 0)] = struct.unpack("<f", of_value[2])[0]
        return values

    def test_event_files_hold_what_the_log_holds(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        run = self.train("roads.ini", "run", "--run.tensorboard", "true", "--run.log_gradient", "true")
        scalars = self.scalars(run / "tensorboard")
        for line in read_json_lines(run / "metrics.jsonl"):
            step = line["step"]
            if line["event"] == "step":
                self.assertAlmostEqual(scalars["loss/batch", step], line["train_loss"], places=5)
                self.assertAlmostEqual(scalars["gradient_norm/batch", step], line["gradient_norm"], places=5)
            if line["event"] == "epoch":
                self.assertAlmostEqual(scalars["loss/train", step], line["train_loss"], places=5)
                self.assertAlmostEqual(scalars["accuracy/test", step], line["test_accuracy"], places=5)
                self.assertAlmostEqual(scalars["phases/forward", step], line["phases"]["forward"], places=5)
                self.assertAlmostEqual(scalars["learning_rate", step], line["learning_rate"], places=5)

    def test_tensorboard_reads_them_also_of_a_run_that_went_on(self):
        died = self.lockstep("train", "roads.ini", "--run.dir", "run", "--run.tensorboard", "true", "--inject",
                             "kill:rank=0,step=28")
        self.assertEqual(died.code, -signal.SIGKILL, died)
        self.succeed("resume", "run")
        run = self.folder / "run"
        self.assertEqual(len(list((run / "tensorboard").iterdir())), 2)
        self.scalars(run / "tensorboard")
        try:
            accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
        except ImportError:
            self.skipTest("no tensorboard is installed")
        reader = accumulator.EventAccumulator(str(run / "tensorboard"))
        reader.Reload()
        lines = [line for line in read_json_lines(run / "metrics.jsonl") if line["event"] == "step"]
        self.assertEqual([event.step for event in reader.Scalars("loss/batch")], [line["step"] for line in lines])
        for event, line in zip(reader.Scalars("loss/batch"), lines):
            self.assertAlmostEqual(event.value, line["train_loss"], places=5)


if __name__ == "__main__":
    main()
