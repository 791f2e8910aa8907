"""Ranks that were given different things: found before the first step, in one message, with nothing written."""

import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import CHECKPOINT, DATA, MPIEXEC, PROGRAM, USAGE, ProgramTest, main, run_command, user_environment

CONFIG = """[data]
source = table
table = t.table
[network]
layer = dense units=2 activation=tanh
layer = dense units=1
loss = square_error
[training]
max_steps = 2
global_batch = 2
leaf = 1
[optimizer]
learning_rate = 0.1
[resampling]
folds = 2
bags = 2
"""
ROWS = ["0 1 : 1", "1 0 : 0", "1 1 : 1", "0 0 : 0", "0 2 : 1", "2 0 : 0"]
WEIGHTS = "layer 0\n-1 2 2\n3 -2 -2\nlayer 1\n-2 1 1\n"
TRAIN = ["train", "x.ini", "--run.dir", "run"]
READERS = (TRAIN, ["crossval", "x.ini", "--run.dir", "run"], ["bag", "x.ini", "--run.dir", "run"], ["eval", "x.ini"],
           ["predict", "x.ini", "--out", "out"])
LIMIT_SECONDS = 30


def pair(arguments, host="b"):
    """Two ranks that are started alike, on host a and on another."""
    return ("a", arguments), (host, arguments)


class Ranks(ProgramTest):
    """Every rank has a folder of its own, as a host its disk: a, b, c, … with the same files at first."""

    def setUp(self):
        super().setUp()
        for name in "abc":
            self.host(name)

    def host(self, name, config=CONFIG, rows=ROWS):
        self.write(f"{name}/x.ini", config)
        self.write(f"{name}/t.table", "\n".join(rows) + "\n")
        return name

    def launch(self, *ranks):
        """mpirun with an application of one process for each (host, arguments, variables)."""
        command = [MPIEXEC, "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
        for number, (host, arguments, *variables) in enumerate(ranks):
            command += [":"] if number > 0 else []
            for name, value in (variables[0] if variables else {}).items():
                command += ["-x", f"{name}={value}"]
            command += ["-np", 1, "-wdir", self.folder / host, PROGRAM, *arguments]
        return run_command(command, self.folder, user_environment(), LIMIT_SECONDS)

    def refuse(self, cases, code):
        """Each case, ranks and words: one message with the words, the exit code, and nothing written on any host.
        Eight at a time: where mpirun ends a job that fails, it mostly waits."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            for (ranks, *words), outcome in zip(cases, pool.map(lambda case: self.launch(*case[0]), cases)):
                with self.subTest(ranks=ranks):
                    self.assertEqual(outcome.code, code, outcome)
                    self.assertEqual(len(outcome.messages()), 1, outcome)
                    for word in words:
                        self.assertIn(word, outcome.messages()[0], outcome)
        self.assertEqual([*self.folder.glob("*/run*"), *self.folder.glob("*/out*")], [])


class Commands(Ranks):
    def test_ranks_that_are_started_alike_train(self):
        outcome = self.launch(("a", TRAIN), ("b", TRAIN), ("c", TRAIN))
        self.assertEqual(outcome.code, 0, outcome)
        alone = run_command([PROGRAM, "train", "x.ini", "--run.dir", "alone"], self.folder / "a")
        digests = [re.search(r"(?m)^digest +([0-9a-f]{32})$", one.out) for one in (outcome, alone)]
        self.assertEqual(digests[0][1], digests[1][1], outcome)

    def test_another_subcommand_is_refused_on_either_side(self):
        cases = []
        for name, arguments in (("eval", ["eval", "x.ini", "--model", "m"]), ("digest", ["digest", "m"]),
                                ("plan", ["plan", "x.ini"]), ("info", ["info"]), ("--help", ["--help"]),
                                ("bench", ["bench", "comm"]), ("train --help", ["train", "--help"])):
            train, other = ("a", TRAIN), ("b", arguments)
            cases.append(((train, other), "rank 1/2 on ", f"the command is lockstep {name},", "but lockstep train on rank 0/2"))
            cases.append(((other, train), "rank 1/2 on ", "the command is lockstep train,", f"but lockstep {name} on rank 0/2"))
        self.refuse(cases, USAGE)

    def test_a_fault_of_one_ranks_command_line_is_told(self):
        cases = []
        for arguments, word in ((["train", "x.ini", "--training.seeed", "3"], "--training.seeed"), (["trian"], "trian"),
                                (["digest"], "MODEL|RUN_DIR"), ([], "no subcommand")):
            cases.append(((("a", TRAIN), ("b", arguments)), "rank 1/2 on ", word))
            cases.append(((("b", arguments), ("a", TRAIN)), "rank 0/2 on ", word))
        self.refuse(cases, USAGE)

    def test_other_flags_of_a_subcommand_are_named(self):
        self.refuse([((("a", first), ("b", second)), "rank 1/2 on ", *words) for first, second, words in (
            (["bench", "step", "--seconds", "1"], ["bench", "step"], ("--seconds is missing", "'1'")),
            (["bench", "comm"], ["bench", "step"], ("argument 1 is 'step'", "'comm'")),
            (["info", "--json"], ["info"], ("--json is missing", "given")),
            ([*TRAIN, "--inject", "slow:rank=0,ms=1"], TRAIN, ("--inject is missing", "'slow:rank=0,ms=1'")),
            (["resume", "run"], ["resume", "run", "--comm.shard", "optimizer"], ("--comm.shard is 'optimizer'", "but missing")),
            (["eval", "x.ini", "--set", "test"], ["eval", "x.ini", "--set", "train"], ("--set is 'train'", "'test'")))], USAGE)

    def test_commands_that_need_no_ranks_print_once_or_each_its_own(self):
        model = self.train("a/x.ini", "m", "--data.table", "a/t.table") / "model.lockstep"
        other = shutil.copy(model, self.folder / "other.lockstep")
        once = self.launch(("a", ["digest", model]), ("a", ["digest", model]))
        self.assertEqual((once.code, once.out.count("model.lockstep")), (0, 1), once)
        each = self.launch(("a", ["digest", model]), ("a", ["digest", other]))
        self.assertEqual((each.code, each.out.count("model.lockstep"), each.out.count("other.lockstep")), (0, 1, 1), each)
        variable = {"LOCKSTEP_TRAINING_SEED": "7"}
        plans = self.launch(("a", ["plan", "x.ini"]), ("a", ["plan", "x.ini"], variable))
        self.assertEqual((plans.code, plans.out.count("parameters  ")), (0, 2), plans)
        self.assertEqual(self.launch(("a", ["--version"]), ("a", ["--version"])).out.count("lockstep"), 1)


class Settings(Ranks):
    def test_the_key_that_a_rank_resolves_otherwise_is_named(self):
        rate = self.host("rate", CONFIG.replace("0.1", "0.7"))
        layer = self.host("layer", CONFIG.replace("layer = dense units=1\n", ""))
        wrong = self.host("wrong", CONFIG.replace("0.1", "o.1"))
        no_file = self.write("none/t.table", "0 1 : 1\n").parent.name
        self.refuse([
            (pair(TRAIN, rate), "rank 1/2 on ", "optimizer.learning_rate is '0.7' (x.ini:13)", "but '0.1' (x.ini:13) on rank 0/2"),
            (pair(TRAIN, layer), "rank 1/2 on ", "network.layer (2) is missing, but 'dense units=1'"),
            (pair(TRAIN, wrong), "rank 1/2 on ", "x.ini:13", "o.1"),
            (pair(TRAIN, no_file), "rank 1/2 on ", "x.ini"),
            ((("a", TRAIN), ("b", [*TRAIN, "--training.seed", "3"])), "rank 1/2 on ", "training.seed is '3' (flag"),
            ((("a", TRAIN), ("b", TRAIN, {"LOCKSTEP_TRAINING_SEED": "4"})), "rank 1/2 on ",
             "training.seed is '4' (variable LOCKSTEP_TRAINING_SEED)"),
            ((("a", TRAIN), ("b", TRAIN, {"LOCKSTEP_TRAINING_SEEED": "4"})), "rank 1/2 on ", "SEEED")], USAGE)

    def test_of_three_ranks_the_right_one_is_named(self):
        self.host("c", CONFIG.replace("max_steps = 2", "max_steps = 3"))
        self.refuse([([("a", TRAIN), ("b", TRAIN), ("c", TRAIN)], "rank 2/3 on ", "training.max_steps is '3'",
                      "but '2' (x.ini:9) on rank 0/3")], USAGE)

    def test_other_names_and_places_of_equal_settings_are_fine(self):
        self.write("b/y.ini", "# A comment.\n" + CONFIG)
        outcome = self.launch(("a", TRAIN), ("b", ["train", "y.ini", "--run.dir", "run"]))
        self.assertEqual(outcome.code, 0, outcome)


class Inputs(Ranks):
    def test_other_data_is_found_by_every_command_that_reads_it(self):
        value = self.host("value", rows=[*ROWS[:4], "0 2.5 : 1", *ROWS[5:]])
        words = ("rank 1/2 on ", "the training set is ", "digest ", "on rank 0/2")
        self.refuse([(pair(command, value), *words) for command in READERS], DATA)
        split = [*TRAIN, "--data.split", "60/20/20", "--preprocessing.inputs", "standardise"]
        cases = [(pair(split, value), *words), (pair(TRAIN, self.host("empty", rows=[])), "rank 1/2 on ")]
        for name, rows in (("fewer", ROWS[:3]), ("more", ROWS + ROWS), ("inputs", [row.replace(" :", " 0 :") for row in ROWS]),
                           ("targets", [row + " 0" for row in ROWS])):
            cases.append((pair(TRAIN, self.host(name, rows=rows)), *words, f"{len(rows)} samples"))
        self.refuse(cases, DATA)

    def test_other_weights_and_digraphs_are_found(self):
        for host, bias in (("a", "-1"), ("b", "-1.5"), ("c", "-1")):
            self.write(f"{host}/w.txt", WEIGHTS.replace("-1", bias))
            self.write(f"{host}/g.txt", f"input p\ninput q\nneuron y bias={bias}\nedge p y 1\nedge q y 1\noutput y\n")
            self.write(f"{host}/g.ini", "[data]\nsource = table\ntable = t.table\n[network]\ndigraph = g.txt\n")
        self.write("c/t.table", "\n".join(ROWS[:4]) + "\n")
        cases = [(pair([*command, "--network.weights", "w.txt"]), "rank 1/2 on ", "network.weights is w.txt: ", "digest ")
                 for command in READERS]
        cases.append((pair(["eval", "g.ini"]), "rank 1/2 on ", "network.digraph is g.txt: ", "digest "))
        cases.append((pair(["eval", "g.ini"], "c"), "rank 1/2 on ", "data.table is t.table: ", "digest "))
        self.refuse(cases, DATA)

    def test_another_model_is_found(self):
        for host, seed in (("a", "1"), ("b", "2")):
            flags = ["--data.table", f"{host}/t.table", "--training.seed", seed]
            self.succeed("bag", f"{host}/x.ini", *flags, "--run.dir", f"{host}/m")
            self.train(f"{host}/x.ini", f"{host}/n", *flags)
        for model in "mn":
            shutil.copytree(self.folder / "a" / model, self.folder / "c" / model)
        shutil.rmtree(self.folder / "c" / "m" / "bag-2")
        outcome = self.launch(*pair(["eval", "x.ini", "--model", "n"], "c"))
        self.assertEqual((outcome.code, outcome.out.count("loss")), (0, 1), outcome)
        (self.folder / "c" / "n" / "model.lockstep").unlink()
        cases = []
        for command in (["eval", "x.ini"], ["predict", "x.ini", "--out", "out"]):
            cases.append((pair([*command, "--model", "n"]), "rank 1/2 on ", "the model is n/model.lockstep: ", "checksum "))
            cases.append((pair([*command, "--model", "m"]), "rank 1/2 on ", "the model is m/bag-1/model.lockstep: "))
        cases.append((pair(["eval", "x.ini", "--model", "m"], "c"), "rank 1/2 on ", "model 2 is missing"))
        cases.append((pair(["eval", "x.ini", "--model", "n/model.lockstep"], "c"), "rank 1/2 on ", "unreadable"))
        self.refuse(cases, CHECKPOINT)

    def pipe(self, file, *arguments):
        command = [MPIEXEC, "--oversubscribe", "-np", "2", PROGRAM, "train", *arguments, "--run.dir", "a/run"]
        return run_command(["sh", "-c", f"exec {' '.join(map(str, command))} < {file}"], self.folder, limit_seconds=LIMIT_SECONDS)

    def test_what_rank_0_alone_has_on_its_stdin_is_a_configuration_and_no_data(self):
        self.write("a/w.txt", WEIGHTS)
        for outcome in (self.pipe("a/t.table", "a/x.ini", "--data.table", "/dev/stdin"),
                        self.pipe("a/w.txt", "a/x.ini", "--data.table", "a/t.table", "--network.weights", "/dev/stdin")):
            self.assertEqual((outcome.code, len(outcome.messages())), (DATA, 1), outcome)
            for word in ("/dev/stdin: is a stream", "rank 1"):
                self.assertIn(word, outcome.messages()[0], outcome)
        outcome = self.pipe("a/x.ini", "/dev/stdin", "--data.table", "a/t.table")
        self.assertEqual(outcome.code, 0, outcome)


if __name__ == "__main__":
    main()
