"""What a finished run is good for: eval, predict, export, digest and diff of its directory or its model alone, models
that answer together, and models that come from other programs and go to them."""

import io
import json
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn, csv, ini
from data_files import samples, write_csv_set
from onnx_graph import OnnxFile
from program import CHECKPOINT, DATA, PROGRAM, USAGE, ProgramTest, main, read_json_lines, run_command

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

TRAINING = {"training": {"epochs": 3, "global_batch": 10, "leaf": 4}, "optimizer": {"learning_rate": 0.2}}
CONFIG = csv("units=6 activation=relu", **TRAINING)
OTHER = csv("units=4 activation=tanh", preprocessing={"inputs": "standardise"}, **TRAINING)
CSV = ("--data.source", "csv", "--data.dir", "data")


class UsingModels(ProgramTest):
    files = {"config.ini": CONFIG, "other.ini": OTHER}

    def setUp(self):
        super().setUp()
        self.vectors, self.labels = samples(59)
        write_csv_set(self.write, "data", self.vectors[:45], self.labels[:45], self.vectors[45:], self.labels[45:])

    def score(self, *arguments, **options):
        return self.succeed("eval", *arguments, "--json", **options).json()

    def predictions(self, *arguments, **options):
        self.succeed("predict", *arguments, "--out", "p.txt", **options)
        return (self.folder / "p.txt").read_text()

    def refuse(self, code, words, *arguments, **options):
        outcome = self.lockstep(*arguments, **options)
        self.assertEqual((outcome.code, len(outcome.messages())), (code, 1), outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0])


class WithoutAConfiguration(UsingModels):
    def test_a_run_directory_is_all_that_is_needed(self):
        run = self.train("config.ini", "run")
        model = run / "model.lockstep"
        digest, score = self.digest(run), self.score("config.ini", "--model", model)
        predicted = self.predictions("config.ini", "--model", model)
        (self.folder / "config.ini").unlink()
        self.assertEqual(self.succeed("digest", "run").out, f"{digest}  run/model.lockstep\n")
        self.assertEqual(self.succeed("digest", "run", "--json").json()["digest"], digest)
        for ranks in (None, 2):
            self.assertEqual(self.score("run", ranks=ranks), score)
            self.assertEqual(self.predictions("run", ranks=ranks), predicted)
        self.assertEqual(self.score("run", "--set", "train")["samples"], 45)
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        self.assertEqual(run_command([PROGRAM, "eval", "../run", "--json"], elsewhere).json(), score)
        for form in ("npz", "safetensors"):
            self.succeed("export", "run", "--format", form, "--out", "a")
            self.succeed("export", model, "--format", form, "--out", "b")
            self.assertEqual((self.folder / "a").read_bytes(), (self.folder / "b").read_bytes())
        self.assertIn("equal", self.succeed("diff", "run", model).out)
        # Flags go before the run's own values; other data have other classes than these.
        shutil.move(self.folder / "data", self.folder / "moved")
        self.refuse(DATA, ["data"], "eval", "run")
        self.assertEqual(self.score("run", "--data.dir", "moved", "--training.threads", "2"), score)
        self.refuse(DATA, ["model run/model.lockstep", "3 outputs", "2 target values"], "eval", "run", "--data.source",
                    "table", "--data.table", self.write("t.table", "1 2 : 3 4\n"))

    def test_a_model_file_needs_keys_of_data_alone(self):
        for config in ("config.ini", "other.ini"):
            run = self.train(config, f"run_{config}")
            model = run / "model.lockstep"
            score = self.score(config, "--model", model)
            self.assertEqual(score["loss"], read_json_lines(run / "metrics.jsonl")[-1]["test_loss"])
            for given in ([*CSV], ["--data.dir", "data"]):
                outcome = self.succeed("eval", model, *given, "--json", ranks=2)
                self.assertEqual((outcome.json(), outcome.err), (score, ""))
            self.assertEqual(self.predictions(model, *CSV), self.predictions(run))
        self.assertEqual(self.score(model, LOCKSTEP_DATA_DIR="data"), score)
        self.refuse(USAGE, ["data.dir"], "eval", model)
        write_csv_set(self.write, "narrow", [vector[:5] for vector in self.vectors], self.labels)
        self.refuse(CHECKPOINT, ["16 inputs", "has 5"], "eval", "run_config.ini", "--data.dir", "narrow")
        self.refuse(DATA, ["5 inputs", "16"], "eval", model, "--data.dir", "narrow")  # by its preprocessing

    def test_what_an_error_takes_classes_for_and_the_arithmetic_are_the_models_own(self):
        config = self.write("coded.ini", ini(
            data={"source": "csv", "dir": "data"}, network={"layer": "dense units=3 activation=tanh", "loss": "square_error"},
            preprocessing={"target_low": -0.9, "target_high": 0.8}, **TRAINING))
        for run, flags in (("coded", []), ("bf16", ["--training.arithmetic", "bf16"])):
            end = read_json_lines(self.train(config, run, *flags) / "metrics.jsonl")[-1]
            self.assertEqual(self.score(f"{run}/model.lockstep", *CSV)["loss"], end["test_loss"])
        self.assertNotEqual(self.score("bf16/model.lockstep", *CSV, "--training.arithmetic", "fp32")["loss"], end["test_loss"])
        self.assertNotEqual(self.score("bf16", "--preprocessing.target_low", "0")["loss"], end["test_loss"])

    def test_the_directory_of_several_networks_stands_for_all_of_them(self):
        self.succeed("bag", "config.ini", "--resampling.bags", "3", "--run.dir", "bags")
        self.succeed("crossval", "config.ini", "--resampling.folds", "2", "--run.dir", "folds")
        for run, kind, count in (("bags", "bag", 3), ("folds", "fold", 2)):
            names = [f"{run}/{kind}-{number}/model.lockstep" for number in range(1, count + 1)]
            self.assertEqual([line.split()[1] for line in self.succeed("digest", run).out.splitlines()], names)
            self.assertEqual([model["file"] for model in self.succeed("digest", run, "--json").json()["models"]], names)
            together = self.score(run)
            self.assertEqual(together["models"], count)
            self.assertEqual(together, self.score("config.ini", *[word for name in names for word in ("--model", name)]))
            self.assertEqual(self.score(f"{run}/{kind}-1"), self.score("config.ini", "--model", names[0]))
            self.refuse(USAGE, [f"holds {count} models", names[0]], "export", run, "--format", "npz", "--out", "x")

    def test_a_directory_without_a_model_is_told_what_it_is(self):
        outcome = self.lockstep("train", "config.ini", "--run.dir", "killed", "--inject", "kill:rank=0,step=3")
        self.assertNotEqual(outcome.code, 0)
        for arguments in (("eval", "killed"), ("digest", "killed"), ("eval", "config.ini", "--model", "killed")):
            self.refuse(USAGE, ["killed", "lockstep resume"], *arguments)
        self.refuse(USAGE, ["data", "run of train"], "digest", "data")
        self.refuse(CHECKPOINT, ["data/run.json"], "eval", "data")


class TwoNetworks(UsingModels):
    def test_a_configuration_of_another_network_is_told_and_the_models_own_is_used(self):
        model = self.train("config.ini", "run") / "model.lockstep"
        outcome = self.succeed("eval", "other.ini", "--model", model, "--json")
        self.assertEqual(outcome.json(), self.score("run"))
        self.assertIn("has preprocessing.inputs = none, but the configuration has preprocessing.inputs = standardise",
                      outcome.err)
        wider = self.write("wider.ini", CONFIG.replace("units=6", "units=7"))
        outcome = self.succeed("predict", wider, "--model", model, "--out", "p.txt")
        self.assertEqual(outcome.err.count("warning: "), 1, outcome)
        self.assertIn("units=6", outcome.err)
        self.assertIn("units=7", outcome.err)
        # What concerns training alone is no other network.
        same = self.write("same.ini", CONFIG.replace("units=6", "units=6 dropout=0.5 init=normal") + "[regularisation]\nl2 = 0.5\n")
        self.assertEqual(self.succeed("eval", same, "--model", model).err, "")

    def test_models_of_other_forms_answer_together(self):
        runs = [self.train(config, config[0]) for config in ("config.ini", "other.ini")]
        single = [self.score(run) for run in runs]
        for first in (["config.ini", "--model", "c"], ["c", "--model", "c"], ["c/model.lockstep", *CSV]):
            for combine in ("average", "vote"):
                together = self.score(*first, "--model", "o", "--combine", combine)
                self.assertEqual((together["models"], together["samples"]), (2, 14), together)
                self.assertGreaterEqual(together["accuracy"], min(score["accuracy"] for score in single))
        self.assertEqual(self.predictions("c", "--model", "c", "--model", "o"),
                         self.predictions("other.ini", "--model", "o", "--model", "c", ranks=2))
        self.write("drawn.ini", alvinn(48, ["dense units=8 activation=tanh"], **TRAINING))
        self.train("drawn.ini", "d")
        self.refuse(CHECKPOINT, ["model d/model.lockstep", "960 inputs", "16"], "eval", "c", "--model", "c", "--model", "d")
        self.write("data5/a_train_vectors.csv", "".join(f"{','.join(map(str, v))}\n" for v in self.vectors))
        self.write("data5/a_test_vectors.csv", "".join(f"{','.join(map(str, v))}\n" for v in self.vectors))
        for part in ("train", "test"):
            self.write(f"data5/a_{part}_labels.csv", "".join(f"{i % 5}\n" for i in range(len(self.vectors))))
        self.train(self.write("five.ini", CONFIG.replace("units=3", "units=5")), "five", "--data.dir", "data5")
        self.refuse(CHECKPOINT, ["five/model.lockstep", "5 outputs", "has 3"], "eval", "c", "--model", "c", "--model", "five")


class OtherPrograms(UsingModels):
    def exported(self, run, form):
        self.succeed("export", run, "--format", form, "--out", f"m.{form}")
        return self.folder / f"m.{form}"

    def test_what_is_exported_comes_back_as_the_same_file(self):
        coded = self.write("coded.ini", OTHER.replace("activation=softmax", "activation=tanh").replace(
            "[preprocessing]\n", "[preprocessing]\ntarget_low = -0.9\n").replace("[network]\n", "[network]\nloss = square_error\n"))
        for config, flags in (("config.ini", []), ("other.ini", ["--preprocessing.inputs", "whiten", "--training.arithmetic", "bf16"]),
                              (coded, [])):
            run = self.train(config, "run", *flags, "--run.overwrite", "true")
            content = (run / "model.lockstep").read_bytes()
            for form in ("npz", "safetensors"):
                file = self.exported("run", form)
                outcome = self.succeed("import", file, "--out", "back.lockstep")
                self.assertEqual((self.folder / "back.lockstep").read_bytes(), content, outcome)
                self.assertEqual(outcome.out.split()[0], self.digest(run))
                self.assertEqual(self.succeed("digest", file).out.split()[0], self.digest(run))
                # And it is a model as it is.
                self.assertEqual(self.score(file, *CSV), self.score("run"))
                self.assertIn("equal", self.succeed("diff", "run", file).out)
        self.assertEqual(sorted(np.load(self.folder / "m.npz").files),
                         ["layer0.bias", "layer0.weight", "layer1.bias", "layer1.weight", "preprocessing.factor",
                          "preprocessing.offset"])

    def arrays(self):
        run = self.train("config.ini", "run")
        with np.load(self.exported("run", "npz")) as file:
            return run, dict(file)

    def test_arrays_of_numpy_make_a_model_with_a_configuration(self):
        run, arrays = self.arrays()
        np.savez_compressed(self.folder / "packed.npz", **arrays)
        np.savez(self.folder / "turned.npz", **{name: np.asfortranarray(array) for name, array in arrays.items()})
        np.savez(self.folder / "rows.npz", **{name: array.reshape(-1, array.shape[-1]) for name, array in arrays.items()})
        for name in ("packed.npz", "turned.npz", "rows.npz"):
            self.succeed("import", name, "--config", "config.ini", "--out", "m.lockstep")
            self.assertEqual(self.succeed("digest", "m.lockstep").out.split()[0], self.digest(run))
            self.assertEqual(self.score("m.lockstep", *CSV), self.score("run"))
            self.assertEqual(self.score("config.ini", "--model", name, ranks=2), self.score("run"))
            fresh = self.train("config.ini", "fresh", "--model", name, "--training.epochs", "0", "--run.overwrite", "true")
            self.assertEqual(self.digest(fresh), self.digest(run))
            for arguments in (("import", name, "--out", "x"), ("eval", name, *CSV), ("digest", name)):
                self.refuse(CHECKPOINT, [name, "says nothing of its network"], *arguments)

    def test_arrays_that_are_not_the_networks_are_refused_by_name(self):
        _, arrays = self.arrays()
        first = arrays["layer0.weight"]
        cases = [({"layer0.weight": first.T.copy()}, ["(6, 16)", "(16, 6)", "transpose"]),
                 ({"layer0.weight": first.astype(float)}, ["layer0.weight", "<f8", "float32"]),
                 ({"layer1.bias": np.zeros(4, np.float32)}, ["layer1.bias", "(4,)", "(1, 3)"]),
                 ({"extra": first}, ["extra", "no place"]), ({"layer1.weight": None}, ["layer1.weight", "layer0.bias"])]
        for changed, words in cases:
            changed = {name: array for name, array in (arrays | changed).items() if array is not None}
            np.savez(self.folder / "a.npz", **changed)
            self.refuse(CHECKPOINT, ["a.npz", *words], "import", "a.npz", "--config", "config.ini", "--out", "x")
        self.refuse(USAGE, ["preprocessing.inputs"], "import", "a.npz", "--config", "other.ini", "--out", "x")
        self.assertFalse((self.folder / "x").exists())

    def test_damaged_files_are_refused_and_take_no_memory(self):
        self.arrays()
        zipped, tensors = (self.exported("run", form).read_bytes() for form in ("npz", "safetensors"))
        size = int.from_bytes(tensors[:8], "little")
        header = json.loads(tensors[8:8 + size])

        def with_header(**changed):
            text = json.dumps(header | changed).encode()
            return len(text).to_bytes(8, "little") + text + tensors[8 + size:]

        def zipped_as(content):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("layer0.weight.npy", content)
            return file.getvalue()

        weight = header["layer0.weight"]
        head = b"\x93NUMPY\x01\x00"
        damages = [zipped[:200], zipped[:-5], zipped.replace(b"PK\x01\x02", b"PK\x01\x03"),
                   zipped[:300] + bytes([zipped[300] ^ 1]) + zipped[301:], zipped_as(b"no array"), zipped_as(head + b"\xff\xff{"),
                   zipped_as(head + b"\x46\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999, 9999), }"),
                   tensors[:100], tensors[:-5], tensors[:8] + b"[" + tensors[9:], (1 << 31).to_bytes(8, "little") + tensors[8:],
                   with_header(**{"layer0.weight": weight | {"data_offsets": [0, 1 << 60]}}),
                   with_header(**{"layer0.weight": weight | {"shape": [1 << 40, 1 << 40]}}),
                   with_header(**{"layer0.weight": weight | {"dtype": "BF16"}}),
                   with_header(**{"layer0.weight": 3}),
                   with_header(__metadata__=header["__metadata__"] | {"inputs": "many"}),
                   with_header(__metadata__=header["__metadata__"] | {"layers": "dense units=x"})]
        for number, content in enumerate(damages):
            with self.subTest(number=number):
                self.write("bad", content)
                self.refuse(CHECKPOINT, ["bad"], "import", "bad", "--config", "config.ini", "--out", "x")


class Onnx(UsingModels):
    LAYERS = ["dense units=4 activation=tanh amplitude=1.7159 steepness=0.6667", "dense units=5 activation=sigmoid steepness=2",
              "distance units=4 width=0.7", "dense units=4 activation=relu dropout=0.2", "activation activation=saturated",
              "dense units=3 activation=identity", "activation activation=tanh", "distance units=2 activation=identity"]

    def export(self, config, *flags):
        run = self.train(config, "run", *flags, "--run.overwrite", "true")
        outcome = self.lockstep("export", run, "--format", "onnx", "--out", "m.onnx")
        if "built without ONNX" in outcome.err:
            self.skipTest("the program was built without ONNX")
        self.assertEqual(outcome.code, 0, outcome)
        return OnnxFile(self.folder / "m.onnx")

    def computations(self, graph):
        """Outputs by numpy, and by a runtime where there is one."""
        yield graph.run
        if onnxruntime is not None:
            session = onnxruntime.InferenceSession(str(self.folder / "m.onnx"), providers=["CPUExecutionProvider"])
            yield lambda x: session.run(None, {"input": np.asarray(x, np.float32)})[0]

    def test_the_graph_of_every_layer_and_activation_gives_what_predict_does(self):
        rows = [[np.sin(3 * i + j) * (j + 1) + 0.3 for j in range(3)] for i in range(40)]
        self.write("t.table", "".join(f"{' '.join(map(str, row))} : {row[0]} {row[1]}\n" for row in rows))
        for layers, inputs in ((self.LAYERS, "standardise"), (self.LAYERS[:3] + ["dense units=2"], "whiten"),
                               (["dense units=2 activation=step"], "none")):
            config = self.write("t.ini", ini(
                data={"source": "table", "table": "t.table"}, preprocessing={"inputs": inputs},
                network={"layer": layers, "loss": "square_error"},
                training={"epochs": 0 if "step" in layers[0] else 3, "global_batch": 8}, optimizer={"learning_rate": 0.05}))
            graph = self.export(config)
            outputs = np.array([[float(word) for word in line.split(",")] for line in self.predictions("run").splitlines()])
            for compute in self.computations(graph):
                # A few roundings of fp32 for each layer, of values around 1.
                np.testing.assert_allclose(compute(rows), outputs, rtol=3e-5, atol=3e-5)
            self.assertGreater(np.ptp(outputs), 0)
            self.assertEqual((graph.opset, graph.metadata["loss"]), (13, "square_error"))

    def test_the_graph_takes_inputs_as_the_data_have_them(self):
        for config in ("config.ini", "other.ini"):
            graph = self.export(config)
            self.assertEqual(graph.operators[0], "Div")  # bytes
            self.assertEqual("preprocessing.offset" in graph.constants, config == "other.ini")
            predicted = [int(line) for line in self.predictions("run").split()]
            loss = self.score("run")["loss"]
            for compute in self.computations(graph):
                outputs = compute(self.vectors[45:])
                self.assertEqual(list(outputs.argmax(axis=1)), predicted)
                of_labels = outputs[range(len(outputs)), self.labels[45:]]
                self.assertAlmostEqual(-np.log(of_labels).mean(), loss, delta=1e-5)

    def test_a_runtime_agrees(self):
        if onnxruntime is None:
            self.skipTest("there is no onnxruntime; numpy alone has computed the graphs")
        self.assertGreater(len(list(self.computations(self.export("config.ini")))), 1)


if __name__ == "__main__":
    main()
