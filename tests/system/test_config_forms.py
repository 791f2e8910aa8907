"""The forms in which people write a configuration: taken as they are meant, or refused in words that say what is wrong."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import xor
from data_files import samples, write_csv_set
from program import USAGE, ProgramTest, main

XOR = xor(training={"epochs": 3, "global_batch": "all"}, optimizer={"name": "sgd", "learning_rate": 0.5})
CSV = """[data]
source = csv
dir = data
[network]
layer = dense units=3 activation=softmax
[training]
epochs = 1
global_batch = 10
[optimizer]
learning_rate = 0.5
"""


class Forms(ProgramTest):
    def option(self, key, text, *arguments, **variables):
        """What plan takes the key for, of a configuration of this text or these bytes."""
        plan = self.succeed("plan", self.write("c.ini", text), "--json", *arguments, **variables).json()
        return plan["options"][key]["value"]

    def assert_refused(self, text, *words, arguments=(), **variables):
        outcome = self.lockstep("plan", self.write("c.ini", text), *arguments, **variables)
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0])

    def with_data(self, name):
        vectors, labels = samples(40)
        write_csv_set(self.write, name, vectors[:30], labels[:30], vectors[30:], labels[30:])

    def train_data(self, text, *arguments, **variables):
        return self.succeed("plan", self.write("c.ini", text), "--json", *arguments, **variables).json()["train_data"]


class Comments(Forms):
    def test_a_comment_begins_at_the_start_of_a_line_or_after_a_blank(self):
        for line in ("epochs = 7 # seven", "epochs = 7\t# seven", "epochs = 7 ; seven", "; seven\nepochs = 7",
                     "  # seven\nepochs = 7", "epochs=7 #", 'epochs = "7" # seven', "epochs = '7'; seven"):
            with self.subTest(line):
                self.assertEqual(self.option("training.epochs", XOR.replace("epochs = 3", line)), 7)
        self.assertEqual(self.option("training.epochs", XOR.replace("[training]", "[training] # how long")), 3)
        self.assertEqual(self.option("training.epochs", XOR.replace("[training]", "[training]; how long")), 3)
        layers = XOR.replace("units=2 activation=tanh", "units=2 activation=tanh  # hidden")
        self.assertEqual(self.option("training.epochs", layers), 3)

    def test_a_hash_within_a_word_is_a_part_of_it(self):
        for name in ("data#2", "a;b", "#2"):
            self.with_data(name)
            quoted = CSV.replace("dir = data", f"dir = '{name}'")
            self.assertIn(f"({name}/", self.train_data(quoted))
        self.assertIn("(data#2/", self.train_data(CSV.replace("dir = data", "dir = data#2")))
        self.assertIn("(a;b/", self.train_data(CSV.replace("dir = data", "dir = a;b")))
        self.assert_refused(XOR.replace("epochs = 3", "epochs = 3# three"), "3# three", "put a blank before a comment")
        self.assert_refused(XOR.replace("learning_rate", "learning#rate"), "unknown key optimizer.learning#rate")

    def test_a_path_is_never_cut(self):
        for name in ("data", "data #2", "data ;2", "data # 2"):
            self.with_data(name)
        for name in ("data #2", "data ;2", "data # 2", "data\t#2"):
            with self.subTest(name):
                self.assert_refused(CSV.replace("dir = data", f"dir = {name}"), "c.ini:3: data.dir = data",
                                    "can be a comment or a part of the path", "quotes around the path")
        for name in ("data #2", "data ;2", "data # 2"):
            self.assertIn(f"({name}/", self.train_data(CSV.replace("dir = data", f'dir = "{name}"')))
            self.assertIn(f"({name}/", self.train_data(CSV, "--data.dir", name))
            self.assertIn(f"({name}/", self.train_data(CSV, LOCKSTEP_DATA_DIR=name))
        self.assertIn("(data/", self.train_data(CSV.replace("dir = data", 'dir = "data"  # the folder')))

    def test_a_semicolon_between_values_is_no_comment(self):
        self.assert_refused(XOR.replace("0.5", "0.5 ; 0.1"), "a ; begins a comment here", "by a comma and a blank")
        self.assert_refused(XOR.replace("units=2 activation=tanh", "units=2 ; dense units=3"), "a line of its own")


class QuotesAndBlanks(Forms):
    def test_quotes_around_a_value_are_taken_off_and_keep_blanks(self):
        self.with_data(" my data ")
        for quote in "\"'":
            self.assertEqual(self.option("optimizer.name", XOR.replace("sgd", f"{quote}sgd{quote}")), "sgd")
            self.assertIn("( my data /", self.train_data(CSV.replace("dir = data", f"dir = {quote} my data {quote}")))
            self.assertIn("( my data /", self.train_data(CSV, "--data.dir", f"{quote} my data {quote}"))
            self.assertIn("( my data /", self.train_data(CSV, LOCKSTEP_DATA_DIR=f"{quote} my data {quote}"))

    def test_blanks_around_a_value_are_dropped_in_every_source(self):
        self.with_data("data")
        self.assertIn("(data/", self.train_data(CSV.replace("dir = data", "dir =  data\t ")))
        self.assertIn("(data/", self.train_data(CSV, "--data.dir", " data "))
        self.assertIn("(data/", self.train_data(CSV, LOCKSTEP_DATA_DIR="data "))
        self.assertEqual(self.option("training.epochs", XOR, "--training.epochs= 7"), 7)
        self.assertEqual(self.option("training.epochs", XOR, LOCKSTEP_TRAINING_EPOCHS=" 7 "), 7)
        self.assertEqual(self.option("training.epochs", XOR, LOCKSTEP_TRAINING_EPOCHS="  "), 3)

    def test_quotes_may_stand_around_a_list_of_layers(self):
        layers = '"dense units=5 activation=tanh; dense units=1 activation=sigmoid"'
        plan = self.succeed("plan", self.write("c.ini", XOR), "--json", LOCKSTEP_NETWORK_LAYER=layers).json()
        self.assertEqual([layer["outputs"] for layer in plan["layers"]], [5, 1])

    def test_a_quote_that_is_not_closed_is_an_error(self):
        self.assert_refused(CSV.replace("dir = data", 'dir = "data # 2'), 'c.ini:3: the quote " is not closed')
        self.assert_refused(CSV.replace("dir = data", 'dir = "my" data'), "c.ini:3: 'data' stands behind the closing quote")
        self.assert_refused(CSV, '--data.dir "data', "is not closed", arguments=["--data.dir", '"data'])
        self.assert_refused(CSV, "LOCKSTEP_DATA_DIR='data", "is not closed", LOCKSTEP_DATA_DIR="'data")
        self.assert_refused(CSV.replace("dir = data", "dir = \u201cdata\u201d").encode(), "typographic quote")

    def test_an_empty_number_is_called_empty(self):
        self.assert_refused(XOR.replace("epochs = 3", "epochs ="), "training.epochs = : is empty")
        self.assert_refused(XOR, "--training.epochs : is empty", arguments=["--training.epochs", ""])


class Lines(Forms):
    def test_byte_order_marks_and_line_ends_of_other_systems(self):
        mark = b"\xef\xbb\xbf"
        plain = XOR.encode()
        for name, text in [("a mark", mark + plain), ("a mark and a comment", mark + b"# Notepad\n" + plain),
                           ("joined files", mark + plain + mark + b"momentum = 0.1\n"),
                           ("CR LF", plain.replace(b"\n", b"\r\n")), ("CR", plain.replace(b"\n", b"\r")),
                           ("no end of the last line", plain.rstrip(b"\n"))]:
            with self.subTest(name):
                self.assertEqual(self.option("training.epochs", text), 3)
        self.assert_refused(plain.replace(b"\n", b"\r").replace(b"epochs = 3", b"epochs = x"), "c.ini:8: training.epochs = x")

    def test_other_encodings_are_named_with_the_remedy(self):
        for encoding, name in [("utf-16", "UTF-16"), ("utf-32", "UTF-32")]:
            self.assert_refused(XOR.encode(encoding), f"is {name} text", "save it as UTF-8")
        self.assert_refused(b"\xfe\xff" + XOR.encode("utf-16-be"), "is UTF-16 text")
        self.assert_refused(XOR.encode("utf-16-le"), "NUL byte", "save it as UTF-8")
        self.assert_refused(XOR.encode().replace(b"sgd", b"s\0gd"), "c.ini:11: holds a NUL byte")

    def test_what_is_no_line_of_a_configuration_is_said_in_words(self):
        for line, words in [("epochs: 3", "write = in place of the colon"), ("epochs 3", "'epochs 3' is neither"),
                            ("layer: dense units=2", "write = in place of the colon"),
                            ("layer dense units=2", "'layer dense units=2' is neither"), ("[network", "name ends with ]"),
                            ("epochs\u00a0= 3", "no-break space"), ("x" * 100000, "x..."), ("= 3", "c.ini:8: ")]:
            with self.subTest(line[:40]):
                self.assert_refused(XOR.replace("epochs = 3", line).encode(), "c.ini:8: ", words)

    def test_a_device_without_end_is_no_configuration(self):
        outcome = self.lockstep("plan", "/dev/zero")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("can be no configuration", outcome.err)

    def test_upper_case_is_named_as_the_cause(self):
        case = "upper and lower case differ"
        self.assert_refused(XOR.replace("[training]", "[Training]"), "c.ini:7: unknown section [Training]", "'training'", case)
        self.assert_refused(XOR.replace("epochs", "Epochs"), "did you mean training.epochs?", "lower case")
        self.assert_refused(XOR.replace("sgd", "SGD"), "did you mean 'sgd'?", case)
        self.assert_refused(XOR.replace("=tanh", "=TanH"), "did you mean 'tanh'?", case)
        self.assert_refused(XOR, "lower case", arguments=["--run.overwrite", "TRUE"])
        self.assert_refused(XOR, "LOCKSTEP_TRAINING_EPOCHS", case, lockstep_training_epochs="5")

    def test_a_key_given_twice_names_both_lines(self):
        self.assert_refused(XOR + "learning_rate = 0.1\n", "c.ini:13: optimizer.learning_rate = 0.1", "already given", "c.ini:12")
        self.assert_refused(XOR + "[training]\nepochs = 3\n", "c.ini:14", "c.ini:8")

    def test_a_key_before_any_section_is_told_its_section(self):
        self.assert_refused("epochs = 3\n" + XOR, "c.ini:1: unknown key epochs; did you mean training.epochs?")


class Numbers(Forms):
    def test_a_decimal_comma_is_no_list_of_rates(self):
        for text, point in [("1,5", "1.5"), ("0,05", "0.05"), ("0,1, 0,05", "0.1, 0.05")]:
            self.assert_refused(XOR.replace("0.5", text), f"write a decimal point: {point}")
            self.assert_refused(XOR, f"write a decimal point: {point}", arguments=["--optimizer.learning_rate", text])
            self.assert_refused(XOR, f"write a decimal point: {point}", LOCKSTEP_OPTIMIZER_LEARNING_RATE=text)
        self.assert_refused(XOR.replace("0.5", "1,5"), "a blank behind each comma: 1, 5")
        self.assert_refused(XOR.replace("0.5", "0.5,0.1"), "write a blank behind each comma: 0.5, 0.1")
        self.assert_refused(XOR.replace("0.5", "0.5, 0.1,"), "must be a number above 0")

    def test_several_rates_are_said_aloud(self):
        config = self.write("c.ini", XOR.replace("0.5", "1, 0.5, 0.25"))
        aloud = "1 in epoch 1, 0.5 in epoch 2, 0.25 from epoch 3 on"
        self.assertIn(aloud, self.succeed("plan", config).out)
        self.assertIn(f"learning rate {aloud}", self.succeed("train", config, "--run.dir", "run").out)
        self.assertEqual(self.succeed("plan", config, "--json").json()["learning_rates"], [1, 0.5, 0.25])
        self.assertNotIn("in epoch 1", self.succeed("plan", config, "--optimizer.learning_rate", "0.5").out)

    def test_every_other_number_has_the_same_hint(self):
        self.assert_refused(XOR, "write a decimal point: 0.9", arguments=["--optimizer.momentum", "0,9"])
        self.assert_refused(XOR.replace("units=2", "units=2 dropout=0,5"), "write a decimal point: 0.5")
        self.assert_refused(XOR.replace("units=2", "units=2 steepness=0,5"), "write a decimal point: 0.5")
        for text in ("1,000", "1_000", "1'000", "1e3"):
            self.assert_refused(XOR, "write the digits alone: 1000", arguments=["--training.epochs", text])
        outcome = self.lockstep("gradcheck", self.write("c.ini", XOR), "--tolerance", "0,1")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("write a decimal point: 0.1", outcome.err)


class Choices(Forms):
    """What a flag or a variable chooses leaves keys of the file without a reader."""

    MOMENTUM = XOR + "momentum = 0.9\n"
    NOTE = "--optimizer.name adam does not read, and so drops, "

    def notes(self, outcome):
        return [line for line in outcome.err.splitlines() if line.startswith("note: ")]

    def test_a_choice_by_flag_drops_the_keys_of_the_file_that_it_does_not_read_and_says_so_in_one_line(self):
        config = self.write("c.ini", self.MOMENTUM)
        for command in (["plan"], ["plan", "--json"], ["gradcheck"], ["train", "--run.dir", "run"],
                        ["crossval", "--run.dir", "folds", "--resampling.folds", "2", "--training.global_batch", "all"]):
            with self.subTest(command):
                outcome = self.succeed(command[0], config, "--optimizer.name", "adam", *command[1:])
                [note] = self.notes(outcome)
                self.assertIn(self.NOTE, note)
                self.assertTrue(note.endswith("c.ini:13: optimizer.momentum = 0.9"), note)
        self.assertEqual(self.notes(self.succeed("plan", config)), [])
        by_variable = self.succeed("plan", config, LOCKSTEP_OPTIMIZER_NAME="adam")
        self.assertIn("LOCKSTEP_OPTIMIZER_NAME=adam does not read", self.notes(by_variable)[0])
        # A variable stands below a flag, as the file does.
        above = self.succeed("plan", self.write("c.ini", XOR), "--optimizer.name", "adam", LOCKSTEP_OPTIMIZER_MOMENTUM="0.9")
        self.assertIn("LOCKSTEP_OPTIMIZER_MOMENTUM=0.9", self.notes(above)[0])

    def test_what_was_dropped_is_not_in_the_record_and_the_run_goes_on_and_is_replayed(self):
        config = self.write("c.ini", self.MOMENTUM)
        run = self.train(config, "run", "--optimizer.name", "adam", ranks=2)
        options = json.loads((run / "run.json").read_text())["options"]
        self.assertEqual(options["optimizer.momentum"], {"value": 0, "origin": "default"})
        self.assertEqual(self.digest(run),
                         self.digest(self.train(self.write("d.ini", XOR.replace("sgd", "adam")), "plain")))
        self.succeed("replay", run, "--step", "2")
        longer = self.succeed("resume", run, "--training.epochs", "5", "--allow", "training.epochs")
        self.assertEqual(self.notes(longer), [])
        self.assertEqual(self.digest(run),
                         self.digest(self.train(config, "five", "--optimizer.name", "adam", "--training.epochs", "5")))

    def test_every_kind_of_choice_does(self):
        csv = CSV + "schedule = cosine\nrate_final = 0.1\n[regularisation]\nl2 = 0.1\nbiases = true\n"
        squares = CSV.replace("softmax", "sigmoid\nloss = square_error") + "[preprocessing]\ntarget_low = -1\n"
        self.with_data("data")
        for text, flags, dropped in [
                (csv, ["optimizer.schedule=constant"], ["optimizer.rate_final"]),
                (csv, ["data.source=letters"], ["data.dir"]),
                (csv, ["regularisation.l2=0"], ["regularisation.biases"]),
                (csv, ["optimizer.name=lamb"], ["regularisation.l2", "regularisation.biases"]),
                (squares, ["network.loss=cross_entropy"], ["preprocessing.target_low"]),
                (XOR + "[preprocessing]\ninputs = pca\ncomponents = 2\n", ["preprocessing.inputs=none"],
                 ["preprocessing.components"]),
                (XOR + "[comm]\ncompression = top_k\nkeep = 0.5\n", ["comm.compression=bf16"], ["comm.keep"]),
                (XOR + "[comm]\ncompression = top_k\nkeep = 0.5\n", ["comm.reduction=mpi"], ["comm.compression", "comm.keep"]),
                (XOR + "[comm]\nshard = parameters\n", ["training.arithmetic=bf16"], ["comm.shard"]),
                (CSV + "[data]\nsplit = 80/20\nsplit_seed = 2\n", ["data.split=none"], ["data.split_seed"]),
                (CSV + "[data]\nsplit = 80/20\n[training]\npatience = 2\nwatch = validation_accuracy\n", ["training.patience=0"],
                 ["training.watch"]),
                (XOR + "[training]\nstop_gradient = 0.1\nstop_gradient_steps = 3\n", ["training.stop_gradient=0"],
                 ["training.stop_gradient_steps"])]:
            with self.subTest(flags=flags, text=text):
                outcome = self.succeed("plan", self.write("c.ini", text), "--json", *(f"--{flag}" for flag in flags))
                [note] = self.notes(outcome)
                places = note.partition("drops, ")[2].split(", ")
                self.assertEqual([place.split(": ")[1].split(" = ")[0] for place in places], dropped)
                for key in dropped:
                    self.assertEqual(outcome.json()["options"][key]["origin"], "default")

    def test_keys_beside_the_choice_stay_errors(self):
        adam, momentum = ["--optimizer.name", "adam"], ["--optimizer.momentum", "0.9"]
        belongs = "belongs to optimizer.name = sgd"
        self.assert_refused(XOR, f"--optimizer.momentum 0.9: {belongs}", arguments=[*adam, *momentum])
        self.assert_refused(XOR.replace("sgd", "adam"), f"--optimizer.momentum 0.9: {belongs}", arguments=momentum)
        self.assert_refused(XOR, f"LOCKSTEP_OPTIMIZER_MOMENTUM=0.9: {belongs}", LOCKSTEP_OPTIMIZER_NAME="adam",
                            LOCKSTEP_OPTIMIZER_MOMENTUM="0.9")
        # What the file says of itself, a flag that says it again does not change.
        self.assert_refused(self.MOMENTUM.replace("sgd", "adam"), f"c.ini:13: optimizer.momentum = 0.9: {belongs}", arguments=adam)
        # A bound on weights is no key of the way in which they are kept.
        self.assert_refused(XOR + "[regularisation]\nmax_norm = 1\n", "regularisation.max_norm",
                            arguments=["--comm.shard", "parameters"])


class Paths(Forms):
    def test_home_and_variables_are_expanded_in_every_source(self):
        self.with_data("home/data")
        home = str(self.folder / "home")
        for written in ("~/data", "$HOME/data", "${HOME}/data", "$SET/data", "${SET}/data", "$PART${PART2}/data"):
            with self.subTest(written):
                variables = {"HOME": home, "SET": home, "PART": home[:4], "PART2": home[4:]}
                wanted = f"({home}/data/"
                self.assertIn(wanted, self.train_data(CSV.replace("dir = data", f"dir = {written}"), **variables))
                self.assertIn(wanted, self.train_data(CSV, "--data.dir", written, **variables))
                self.assertIn(wanted, self.train_data(CSV, LOCKSTEP_DATA_DIR=written, **variables))

    def test_every_path_is_expanded(self):
        home = {"HOME": str(self.folder / "home")}
        self.write("home/t.table", "0 1 : 1\n1 1 : 0\n")
        self.write("home/g", "input a\ninput b\noutput a\n")
        outcome = self.lockstep("eval", self.write("c.ini", "[data]\nsource = table\ntable = ~/t.table\n[network]\ndigraph = ~/g\n"),
                                **home)
        self.assertEqual(outcome.code, 0, outcome)
        config = self.write("c.ini", XOR)
        self.succeed("train", config, "--run.dir=~/run", **home)
        self.assertTrue((self.folder / "home" / "run" / "model.lockstep").exists())
        self.succeed("predict", config, "--model=~/run", "--out=$HOME/p.txt", **home)
        self.assertTrue((self.folder / "home" / "p.txt").exists())
        self.assert_refused(XOR + "[run]\n", "weights", arguments=["--network.weights", "$NOT_SET/weights"])

    def test_a_variable_that_is_not_set_is_named(self):
        for variables, what in [({}, "not set"), ({"SCRATCH": ""}, "empty")]:
            self.assert_refused(CSV.replace("dir = data", "dir = $SCRATCH/data"), "c.ini:3: data.dir = $SCRATCH/data",
                                f"the variable SCRATCH is {what}", **variables)
        for text, words in [("~other/data", "only ~ and ~/"), ("$(pwd)/data", "a $ is followed by"),
                            ("data$", "a $ is followed by"), ("${HOME/data", "a $ is followed by"),
                            ("${HOME:-x}", "a $ is followed by"), ("$1", "a $ is followed by")]:
            with self.subTest(text):
                self.assert_refused(CSV.replace("dir = data", f"dir = {text}"), words)
        outcome = self.lockstep("predict", self.write("c.ini", XOR), "--model", "m", "--out", "$NOT_SET/x")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("--out $NOT_SET/x: the variable NOT_SET is not set", outcome.err)

    def test_a_dollar_of_the_name_itself_is_written_twice(self):
        self.with_data("a$b")
        self.with_data("~")
        self.assertIn("(a$b/", self.train_data(CSV.replace("dir = data", "dir = a$$b")))
        self.assertIn("(./~/", self.train_data(CSV.replace("dir = data", "dir = ./~")))

    def test_what_a_variable_holds_is_not_expanded_again(self):
        self.with_data("$X")
        self.assertIn("($X/", self.train_data(CSV, "--data.dir", "$NAME", NAME="$X"))

    def test_numbers_that_no_float_holds_are_called_too_large_or_too_small(self):
        for text, words in (("1e39", "too large for a float"), ("1e400", "too large for a float"),
                            ("1e-400", "too small for a float")):
            with self.subTest(text):
                self.assert_refused(XOR, words, arguments=["--optimizer.learning_rate", text])
        self.assert_refused(XOR, "too large for a float", arguments=["--optimizer.momentum", "1e39"])


class Variables(Forms):
    def test_what_module_systems_set_does_not_lock_the_program(self):
        for name in ("ROOT", "HOME", "DIR", "PATH", "PREFIX", "BASE", "VERSION", "BIN", "LIB", "LIB64", "INC", "INCLUDE",
                     "LIB_DIR", "LIBDIR", "BIN_DIR", "INC_PATH", "ROOT_DIR", "INCLUDE_PATH", "SOURCE", "SRC_DIR", "DOC",
                     "MODULEFILE", "LICENSE", "GIT_COMMIT"):
            with self.subTest(name):
                self.assertEqual(self.option("training.epochs", XOR, **{f"LOCKSTEP_{name}": "/opt/apps/lockstep/1.0"}), 3)

    def test_a_misspelled_key_stays_an_error_with_the_nearest(self):
        for name, nearest in [("TRAINING_EPOCS", "TRAINING_EPOCHS"), ("OPTIMIZER_LEARNIGN_RATE", "OPTIMIZER_LEARNING_RATE"),
                              ("TRANING_EPOCHS", "TRAINING_EPOCHS"), ("OPTIMISER_MOMENTUM", "OPTIMIZER_MOMENTUM"),
                              ("DATA_DIRS", "DATA_DIR"), ("ISAA", "ISA"), ("RUN_DIRECTORY", "unset it"),
                              ("LEARNING_RATE", "OPTIMIZER_LEARNING_RATE"), ("TRAINING_FOO", "unset it")]:
            with self.subTest(name):
                self.assert_refused(XOR, f"unknown variable LOCKSTEP_{name}", nearest, **{f"LOCKSTEP_{name}": "1"})


if __name__ == "__main__":
    main()
