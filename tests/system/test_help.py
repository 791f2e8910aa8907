"""What the program says about itself: help in the terminal's width, the manual page, and completion in bash."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import LIMIT_SECONDS, PROGRAM, ProgramTest, main, run_command, user_environment

SUBCOMMANDS = ("train", "resume", "crossval", "bag", "eval", "predict", "plan", "gradcheck", "digest", "diff", "replay",
               "verify", "export", "bench", "info")


def longest_line(text):
    return max(len(line) for line in text.splitlines())


class Help(ProgramTest):
    def help(self, *words, **variables):
        outcome = self.succeed(*words, **variables)
        self.assertEqual(outcome.err, "")
        return outcome.out

    def on_terminal(self, columns):
        """train --help on a terminal of so many columns."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = user_environment()
        environment.pop("COLUMNS", None)
        with subprocess.Popen([PROGRAM, "train", "--help"], stdout=theirs, env=environment, cwd=self.folder) as process:
            os.close(theirs)
            text = b""
            try:
                while piece := os.read(ours, 4096):
                    text += piece
            except OSError:
                pass  # EIO: the program has ended.
            os.close(ours)
            self.assertEqual(process.wait(timeout=LIMIT_SECONDS), 0)
        return text.decode().replace("\r\n", "\n")

    def test_lines_are_as_wide_as_columns_says(self):
        for columns in 40, 60, 80, 133:
            for words in ("--help",), *((name, "--help-all") for name in SUBCOMMANDS):
                with self.subTest(columns=columns, words=words):
                    text = self.help(*words, COLUMNS=str(columns))
                    self.assertLessEqual(longest_line(text), columns)
                    self.assertEqual(re.findall(r"(?m) +$", text), [])
        self.assertGreater(longest_line(self.help("train", "--help", COLUMNS="133")), 120)

    def test_lines_are_as_wide_as_the_terminal_and_80_where_there_is_none(self):
        self.assertIn(longest_line(self.on_terminal(100)), range(90, 101))
        self.assertIn(longest_line(self.on_terminal(60)), range(50, 61))
        for columns in "", "none", "0", "-3":
            self.assertIn(longest_line(self.help("train", "--help", COLUMNS=columns)), range(75, 81))

    def test_nothing_is_lost_by_the_width(self):
        wide = self.help("train", "--help-all", COLUMNS="100000")
        for columns in "40", "80":
            narrow = self.help("train", "--help-all", COLUMNS=columns)
            self.assertEqual("".join(narrow.split()), "".join(wide.split()))

    def test_common_keys_come_alone_and_help_all_has_the_rest(self):
        common = self.help("train", "--help")
        everything = self.help("train", "--help-all")
        for key in ("data.source", "network.layer", "training.epochs", "optimizer.learning_rate", "run.dir"):
            self.assertIn(f"--{key} ", common)
        for key in ("optimizer.beta1", "augmentation.elastic_sigma", "comm.bucket_mib", "run.hang_timeout"):
            self.assertNotIn(f"--{key} ", common)
            self.assertIn(f"--{key} ", everything)
        self.assertIn("train --help-all", common)
        self.assertLess(3 * len(common), 2 * len(everything))

    def test_each_subcommand_shows_the_keys_that_matter_to_it(self):
        self.assertNotIn("--optimizer.name ", self.help("eval", "--help"))
        self.assertIn("--resampling.folds ", self.help("crossval", "--help"))
        self.assertNotIn("--resampling.", self.help("train", "--help"))
        self.assertNotIn("--network.layer ", self.help("resume", "--help"))

    def test_help_all_without_a_subcommand_is_everything(self):
        text = self.help("--help-all")
        for name in SUBCOMMANDS:
            self.assertRegex(text, rf"(?m)^  {name}\b")
        for flag in "--ledger_only", "--optimizer.beta1", "--run.hang_timeout":
            self.assertEqual(len(re.findall(rf"(?m)^  {flag}\b", text)), 1)


class ManPage(ProgramTest):
    def page(self, **variables):
        return self.succeed("--man", **variables).out

    def test_it_names_every_subcommand_flag_and_key(self):
        page = self.page().replace("\\-", "-")
        for line in self.succeed("--help-all", COLUMNS="100000").out.splitlines():
            if match := re.match(r"  (--[\w.]+)\b", line):
                self.assertIn(f"\\fB{match[1]}\\fR", page)
        for name in SUBCOMMANDS:
            self.assertRegex(page, rf'(?m)^\.SS "{name}\b')

    def test_its_date_is_that_of_the_sources_where_they_say_it(self):
        self.assertIn('.TH LOCKSTEP 1 2001-09-09 "lockstep ', self.page(SOURCE_DATE_EPOCH="1000000000"))
        self.assertEqual(self.page(SOURCE_DATE_EPOCH="1"), self.page(SOURCE_DATE_EPOCH="2"))

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_finds_no_fault_in_it_and_shows_what_was_written(self):
        self.write("lockstep.1", self.page())
        lint = run_command(["mandoc", "-T", "lint", "lockstep.1"], self.folder)
        self.assertEqual((lint.code, lint.out), (0, ""), lint)
        shown = run_command(["mandoc", "-T", "utf8", "-O", "width=90", "lockstep.1"], self.folder).out
        shown = re.sub(r".\x08", "", shown)
        for text in ("LOCKSTEP(1)", "mpirun -np N lockstep", "--optimizer.momentum X", "inputs and units of every layer",
                     "--layers IN-UNITS-…", "runs/<configuration>-<date>-<time>"):
            self.assertIn(text, shown)


# Plays bash: the words that are typed, the last of which is being completed, and what is offered, a line each.
COMPLETE = """
source ./lockstep.bash || exit 1
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
$(complete -p lockstep | sed -n 's/.*-F \\([^ ]*\\) .*/\\1/p')
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


class Completion(ProgramTest):
    files = {"nets/deep.ini": "", "a.ini": "", "a.txt": "", "with blank.ini": ""}

    def setUp(self):
        super().setUp()
        self.write("lockstep.bash", self.succeed("--bash-completion").out)

    def offered(self, *words):
        outcome = run_command(["bash", "--norc", "-uc", COMPLETE, "bash", "lockstep", *words], self.folder)
        self.assertEqual((outcome.code, outcome.err), (0, ""), outcome)
        return outcome.out.splitlines()

    def test_subcommands(self):
        self.assertEqual(sorted(self.offered("")), sorted({*self.offered(""), *SUBCOMMANDS, "--help", "--version"}))
        self.assertEqual(self.offered("gra"), ["gradcheck"])
        self.assertEqual(self.offered("nothing", "--"), [])

    def test_flags_of_a_subcommand_and_keys_by_their_sections(self):
        offered = self.offered("train", "--")
        for word in "--model", "--json", "--help-all", "--optimizer.", "--run.":
            self.assertIn(word, offered)
        self.assertIn("--optimizer.momentum", self.offered("train", "--opt"))
        self.assertEqual(self.offered("train", "--optimizer.mom"), ["--optimizer.momentum"])
        self.assertEqual(self.offered("train", "--re"), ["--regularisation.", "--resampling."])
        self.assertEqual(self.offered("digest", "--"), ["--layers", "--json", "--help"])

    def test_values_that_can_be_listed(self):
        rules = ["adagrad", "adadelta", "adam", "adamw"]
        self.assertEqual(self.offered("train", "--optimizer.name", "ad"), rules)
        # bash cuts --flag=value into three words.
        self.assertEqual(self.offered("train", "--optimizer.name", "=", "ad"), rules)
        self.assertIn("sgd", self.offered("train", "--optimizer.name", "="))
        self.assertEqual(self.offered("bench", "step", "--optimizer", "ad"), rules)
        self.assertEqual(self.offered("train", "--run.overwrite", ""), ["true", "false"])
        self.assertEqual(self.offered("export", "a.txt", "--format", "s"), ["safetensors"])
        self.assertEqual(self.offered("verify", "--shard", "none,p"), ["none,parameters"])
        self.assertEqual(self.offered("bench", "g"), ["gemm"])
        self.assertEqual(self.offered("resume", "run", "--allow", "prog"), ["program"])
        self.assertEqual(self.offered("resume", "run", "--allow", "training.se"), ["training.seed"])
        self.assertEqual(self.offered("train", "--training.epochs", ""), [])

    def test_files_and_folders_where_they_are_asked_for(self):
        self.assertEqual(sorted(self.offered("train", "")), ["a.ini", "nets", "with blank.ini"])
        self.assertEqual(self.offered("train", "--json", "nets/"), ["nets/deep.ini"])
        self.assertEqual(self.offered("train", "--training.threads", "2", "a"), ["a.ini"])
        self.assertEqual(self.offered("train", "--training.threads", "=", "2", "a"), ["a.ini"])
        self.assertEqual(self.offered("train", "a.ini", ""), [])
        self.assertEqual(self.offered("train", "--data.dir", ""), ["nets"])
        self.assertEqual(self.offered("resume", ""), ["nets"])
        self.assertEqual(sorted(self.offered("diff", "a.ini", "a")), ["a.ini", "a.txt"])
        self.assertEqual(self.offered("predict", "a.ini", "--out", "a.t"), ["a.txt"])


if __name__ == "__main__":
    main()
