"""What is written arrives whole where it was asked for, or the program says so: streams, --out, odd names of files."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import csv
from data_files import samples, write_csv_set
from program import CHECKPOINT, DATA, PROGRAM, REPOSITORY, USAGE, ProgramTest, main, run_command, user_environment

XOR = REPOSITORY / "configs" / "xor.ini"
CONFIG = csv("units=5 activation=tanh", training={"epochs": 2, "global_batch": 8, "leaf": 4},
             optimizer={"name": "sgd", "learning_rate": 0.1})
SET = "set_test_vectors.csv"


class OutputTest(ProgramTest):
    files = {"c.ini": CONFIG}

    def setUp(self):
        super().setUp()
        write_csv_set(self.write, "data", *samples(40), *samples(8))
        self.train("c.ini", "run")
        self.before = self.listing()

    def listing(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def shell(self, line):
        """Runs `line` in bash, where $L is the program."""
        return run_command(["bash", "-c", line], self.folder, user_environment(L=str(PROGRAM)))

    def refuse(self, code, words, *arguments, **options):
        """lockstep(...), which must fail with one message and leave no file behind; returns the message."""
        outcome = self.lockstep(*arguments, **options)
        self.assertEqual(outcome.code, code, outcome)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0])
        self.assertNotIn("internal error", outcome.err)
        self.assertEqual(self.listing(), self.before)
        return outcome.messages()[0]


class Streams(OutputTest):
    def test_a_result_that_is_lost_is_an_error(self):
        for command in ("info", "info --json", "digest run/model.lockstep", "plan c.ini", "eval c.ini --model run", "--help",
                        "eval c.ini --model run --json", "predict c.ini --model run --out p", "diff run/model.lockstep run/model.lockstep",
                        "gradcheck c.ini", "--version"):
            for where, reason in ((">/dev/full", "No space left"), (">&-", "Bad file descriptor")):
                with self.subTest(command, where=where):
                    outcome = self.shell(f"$L {command} {where}")
                    self.assertEqual(outcome.code, USAGE, outcome)
                    self.assertEqual(len(outcome.messages()), 1, outcome)
                    self.assertIn(f"cannot write to standard output: {reason}", outcome.messages()[0])

    def test_a_run_whose_progress_nobody_reads_ends_and_says_so(self):
        expected = self.digest(self.folder / "run")
        for run, line in (("full", "$L train c.ini --run.dir full >/dev/full"),
                          ("json", "$L train c.ini --run.dir json --json 2>/dev/null >/dev/full"),
                          ("head", "set -o pipefail; $L train c.ini --run.dir head --training.epochs 2 | head -c 1 >/dev/null; true"),
                          ("gone", "$L train c.ini --run.dir gone > >(exec true)"),
                          ("shut", "$L train c.ini --run.dir shut >&- 2>&-")):
            with self.subTest(line):
                outcome = self.shell(line)
                if run in ("full", "json", "shut"):
                    self.assertEqual(outcome.code, USAGE, outcome)
                if run == "full":
                    self.assertIn("cannot write to standard output", outcome.err)
                self.assertEqual(self.digest(self.folder / run), expected)
                self.assertEqual(json.loads((self.folder / run / "metrics.jsonl").read_text().splitlines()[0])["event"], "start")

    def test_a_broken_pipe_ends_no_run(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.run([PROGRAM, "train", "c.ini", "--run.dir", "piped"], cwd=self.folder, env=user_environment(),
                                 stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
        os.close(writer)
        self.assertEqual(process.returncode, USAGE, process.stderr)
        self.assertIn("Broken pipe", process.stderr)
        self.assertEqual(self.digest(self.folder / "piped"), self.digest(self.folder / "run"))

    def test_an_error_keeps_its_code_where_nobody_can_be_told(self):
        for streams in ("2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"):
            for command, code in (("digest nowhere", CHECKPOINT), ("plan nowhere.ini", USAGE),
                                  ("train c.ini --data.dir nowhere", DATA), ("digst", USAGE)):
                self.assertEqual(self.shell(f"$L {command} {streams}").code, code, command + streams)


class Targets(OutputTest):
    def predict(self, out, *more, **options):
        return self.lockstep("predict", "c.ini", "--model", "run", "--out", out, *more, **options)

    def test_a_link_is_followed_and_the_mode_kept(self):
        self.write("store/real", "old").chmod(0o640)
        (self.folder / "link").symlink_to("store/real")
        (self.folder / "new").symlink_to("store/later")
        for link, target in (("link", "real"), ("new", "later")):
            self.assertEqual(self.predict(link).code, 0)
            self.assertTrue((self.folder / link).is_symlink())
            self.assertEqual(len((self.folder / "store" / target).read_text().splitlines()), 8)
        self.assertEqual(stat.S_IMODE((self.folder / "store/real").stat().st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(self.folder / "store")), ["later", "real"])

    def test_a_file_beside_it_is_left_alone(self):
        precious = self.write("precious", "precious")
        (self.folder / "p.part").symlink_to(precious)
        self.assertEqual(self.predict("p").code, 0)
        self.assertEqual(precious.read_text(), "precious")
        self.assertTrue((self.folder / "p.part").is_symlink())
        self.assertFalse((self.folder / "p").is_symlink())

    def test_pipes_and_descriptors_are_written_into(self):
        os.mkfifo(self.folder / "pipe")
        for line in ("cat pipe & $L predict c.ini --model run --out pipe >&2; wait",
                     "$L predict c.ini --model run --out /dev/stdout", "$L predict c.ini --model run --out /dev/fd/1 | cat",
                     "$L predict c.ini --model run --out >(cat) >/dev/null", "$L predict c.ini --model run --out /dev/stdout >f; cat f",
                     "$L predict c.ini --model run --out /proc/self/fd/3 3>g >&2; cat g"):
            with self.subTest(line):
                outcome = self.shell(line)
                self.assertEqual(outcome.code, 0, outcome)
                self.assertRegex(outcome.out, r"^(\d\n){8}$")
        self.assertTrue(stat.S_ISFIFO((self.folder / "pipe").stat().st_mode))
        outcome = self.predict("/dev/full")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("/dev/full: No space left", outcome.messages()[0])

    def test_what_cannot_be_written_is_refused_before_the_work(self):
        (self.folder / "loop").symlink_to("loop")
        (self.folder / "same.csv").symlink_to(f"data/{SET}")
        (self.folder / "hard.csv").hardlink_to(self.folder / "data" / SET)
        self.before = self.listing()
        content = (self.folder / "data" / SET).read_bytes()
        model = (self.folder / "run/model.lockstep").read_bytes()
        for out, words in (("nowhere/p", ["nowhere/p", "No such file"]), ("data", ["data", "folder"]), ("p/", ["p/"]),
                           ("c.ini/p", ["Not a directory"]), ("loop", ["Too many levels"]), ("x" * 300, ["too long"]),
                           (f"data/{SET}", ["reads it"]), ("same.csv", ["reads it"]), ("hard.csv", ["reads it"]),
                           ("c.ini", ["reads it", "c.ini"]), ("run/model.lockstep", ["reads it"])):
            for ranks in (None, 2) if out in ("nowhere/p", "same.csv") else (None,):
                with self.subTest(out, ranks=ranks):
                    self.refuse(USAGE, words, "predict", "c.ini", "--model", "run", "--out", out, ranks=ranks)
        for out in ("nowhere/e", "data", "run/model.lockstep"):
            with self.subTest(export=out):
                self.refuse(USAGE, [out], "export", "run/model.lockstep", "--format", "npz", "--out", out)
        self.refuse(USAGE, ["--json"], "predict", "c.ini", "--model", "run", "--out", "/dev/stdout", "--json")
        self.assertEqual((self.folder / "data" / SET).read_bytes(), content)
        self.assertEqual((self.folder / "run/model.lockstep").read_bytes(), model)


    def test_a_disk_that_takes_no_more_leaves_nothing_half_made(self):
        private = ["unshare", "-rm", "bash", "-c"]
        if run_command([*private, "mount -t tmpfs tmpfs /mnt"], self.folder).code != 0:
            self.skipTest("no file system of its own can be had here")
        (self.folder / "small").mkdir()

        def on_small_disk(size, line):
            script = f"mount -t tmpfs -o size={size} tmpfs small; cp -r run small; echo old >small/old; {line}; code=$?; find small -type f | sort; exit $code"
            return run_command([*private, script], self.folder, user_environment(L=str(PROGRAM)))

        fill = "cat /dev/zero >small/full 2>/dev/null"
        left = sorted(["small/full", "small/old", *(f"small/run/{path.name}" for path in (self.folder / "run").iterdir())])
        for command in ("predict c.ini --model run --out small/p", "predict c.ini --model run --out small/old",
                        "export run/model.lockstep --format npz --out small/p", "train c.ini --run.dir small/a/new",
                        "train c.ini --run.dir small/run --run.overwrite true", "bag c.ini --resampling.bags 2 --run.dir small/bags"):
            with self.subTest(command):
                outcome = on_small_disk("64k", f"{fill}; $L {command}; code=$?; cat small/old; (exit $code)")
                self.assertEqual(outcome.code, USAGE, outcome)
                self.assertEqual(len(outcome.messages()), 1, outcome)
                self.assertIn("No space left", outcome.messages()[0])
                self.assertIn("old\n", outcome.out)
                self.assertEqual([line for line in outcome.out.splitlines() if "/" in line], left)
        # A log that is full later on: the run ends, and says why.
        outcome = on_small_disk("64k", "$L train c.ini --run.dir small/logs --run.log_every 1 --training.epochs 900 "
                                "--comm.check_every 0 >/dev/null")
        self.assertEqual(outcome.code, CHECKPOINT, outcome)
        self.assertIn("metrics.jsonl: No space left", outcome.messages()[0])


class Names(OutputTest):
    def test_names_that_are_no_utf8_work_and_can_be_told_from_the_json(self):
        odd = os.fsdecode(b"donn\xe9es")
        os.rename(self.folder / "data", self.folder / odd)
        for config in ("c.ini", os.fsdecode(b"r\xe9seau.ini")):
            self.write(config, CONFIG)
            outcome = self.succeed("train", config, "--data.dir", odd, "--json", "--run.dir", os.fsdecode(b"r\xff") + config)
            run = json.loads(outcome.out)["run_dir"]
            self.assertEqual(run.encode(), b"r\\xff" + os.fsencode(config).replace(b"\xe9", b"\\xe9"))
            record = json.loads((self.folder / (os.fsdecode(b"r\xff") + config) / "run.json").read_text(encoding="utf-8"))
            self.assertEqual(record["options"]["data.dir"]["value"], r"donn\xe9es")
        self.succeed("crossval", "c.ini", "--data.dir", odd, "--run.dir", os.fsdecode(b"v\xe9"), "--resampling.folds", "2", "--json", ranks=2)
        self.assertTrue((self.folder / os.fsdecode(b"v\xe9") / "crossval.json").exists())
        os.rename(self.folder / odd, self.folder / r"a\xe9")
        plan = self.succeed("plan", "c.ini", "--data.dir", r"a\xe9", "--json").json()
        self.assertEqual(plan["options"]["data.dir"]["value"], r"a\\xe9")

    def test_names_that_cannot_be_looked_at_are_named_as_what_they_are(self):
        (self.folder / "loop").symlink_to("loop")
        self.before = self.listing()
        for name, words in (("loop", ["Too many levels"]), ("x" * 300, ["too long"]), ("c.ini/x", ["Not a directory"])):
            for code, arguments in ((USAGE, ("train", "c.ini", "--run.dir", name)), (USAGE, ("plan", "c.ini", "--run.dir", name)),
                                    (DATA, ("train", "c.ini", "--data.dir", name)), (CHECKPOINT, ("digest", name)),
                                    (DATA, ("plan", "c.ini", "--data.source", "mnist", "--data.dir", name)),
                                    (DATA, ("plan", XOR, "--data.source", "table", "--data.table", name)),
                                    (CHECKPOINT, ("eval", "c.ini", "--model", name)), (USAGE, ("plan", name))):
                with self.subTest(arguments=arguments):
                    message = self.refuse(code, words, *arguments)
                    self.assertNotIn("no such file", message.lower())
        self.refuse(CHECKPOINT, ["regular file"], "digest", "/dev/null")

    def test_what_may_not_be_looked_at_is_not_called_missing(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        self.folder.chmod(0o755)
        (self.folder / "locked").mkdir(mode=0o700)
        self.before = self.listing()
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", PROGRAM]
        for code, arguments in ((USAGE, ("train", "c.ini", "--run.dir", "locked/r")), (USAGE, ("train", "c.ini", "--run.dir", "mine")),
                                (DATA, ("plan", "c.ini", "--data.source", "mnist", "--data.dir", "locked/d")),
                                (DATA, ("plan", XOR, "--data.source", "table", "--data.table", "locked/t")),
                                (USAGE, ("predict", "c.ini", "--model", "run", "--out", "p")),
                                (CHECKPOINT, ("digest", "locked/m"))):
            with self.subTest(arguments=arguments):
                outcome = run_command([*nobody, *arguments], self.folder)
                self.assertEqual(outcome.code, code, outcome)
                self.assertIn("Permission denied", outcome.messages()[0])
                self.assertEqual(self.listing(), self.before)

    def test_control_characters_reach_no_terminal(self):
        evil = "\x1b]0;title\x07\n\x7f\u009b31m"
        controls = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        self.write("evil.table", f"0 1 : {evil}\n")
        self.write(f"{evil}.table", "0 1 : 1\n0 0 : 0\n")
        self.write("bad.ini", CONFIG.replace("sgd", evil.replace("\n", "")))
        for arguments in (("digest", evil), ("train", evil), ("plan", "bad.ini"), ("plan", "c.ini", "--data.dir", evil), (evil,),
                          ("plan", XOR, "--data.source", "table", "--data.table", "evil.table"),
                          ("plan", XOR, "--data.source", "table", "--data.table", f"{evil}.table"),
                          ("plan", XOR, "--data.source", "table", "--data.table", f"{evil}.table", "--json"),
                          ("train", XOR, "--training.epochs", "1", "--run.dir", evil)):
            with self.subTest(arguments=arguments):
                outcome = self.lockstep(*arguments)
                self.assertIsNone(controls.search(outcome.out + outcome.err), outcome)
                self.assertLessEqual(len(outcome.messages()), 1)
        self.assertIn("ěšč", self.lockstep("digest", "ěšč").err)


if __name__ == "__main__":
    main()
