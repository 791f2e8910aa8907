"""lockstep report: one page that says what eval says, of any run, and that no name can break; eval --confusion, --wrong."""

import base64
import csv
import html
import json
import re
import shutil
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import configurations
import data_files
from program import CHECKPOINT, PROGRAM, USAGE, ProgramTest, main, read_json_lines, run_command

LETTERS = configurations.ini(
    data={"source": "letters", "train_samples": 200, "test_samples": 100},
    network={"layer": ["dense units=6 activation=tanh", "dense units=3 activation=softmax"]},
    training={"epochs": 3, "global_batch": 20, "leaf": 4}, optimizer={"learning_rate": 0.1})
IDX = configurations.ini(
    data={"source": "mnist", "dir": "data", "classes": 3},
    network={"layer": ["dense units=4 activation=relu", "dense units=3 activation=softmax"]},
    training={"epochs": 2, "global_batch": 10}, optimizer={"learning_rate": 0.1})
# Begins as Chart.js does, and holds what would end a script.
STAND_IN = '/*!\n * Chart.js v4.4.0\n */\nconst words = "</script><!--";\n'
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DATA = re.compile(r'<script type="application/json" id="report-data">(.*?)</script>', re.DOTALL)


class Report(ProgramTest):
    files = {"letters.ini": LETTERS, "chart.js": STAND_IN}

    def page(self, *arguments):
        """The page of `arguments`, and the object in it."""
        out = self.folder / "page.html"
        self.succeed("report", *arguments, "--out", out)
        text = out.read_text()
        return text, json.loads(DATA.search(text)[1])

    def test_the_page_says_what_eval_and_the_log_say(self):
        run = self.train("letters.ini", "run", "--data.split", "80/20", ranks=2)
        said = self.succeed("report", run, "--json").json()
        self.assertEqual(Path(said["out"]), run / "report.html")
        [shown] = json.loads(DATA.search((run / "report.html").read_text())[1])["runs"]
        score = self.succeed("eval", "letters.ini", "--model", run / "model.lockstep", "--confusion", "--wrong", "wrong.csv",
                             "--json").json()
        confusion = shown["model"]["confusion"]
        self.assertEqual(shown["model"]["set"], "test")
        self.assertEqual(confusion["accuracy"], score["accuracy"])
        self.assertEqual(confusion["matrix"], score["confusion"]["matrix"])
        self.assertEqual([one["recall"] for one in confusion["per_class"]], score["confusion"]["recall"])
        self.assertEqual(confusion["classes"], ["T", "F", "L"])
        with open(self.folder / "wrong.csv", newline="") as file:
            wrong = list(csv.DictReader(file))
        self.assertEqual([str(one["sample"]) for one in shown["model"]["worst"]["samples"]],
                         [row["sample"] for row in wrong][:32])
        lines = read_json_lines(run / "metrics.jsonl")
        epochs = [line for line in lines if line["event"] == "epoch"]
        for name in ("train_loss", "validation_accuracy", "test_loss", "learning_rate"):
            self.assertEqual(shown["epochs"][name], [line[name] for line in epochs])
        self.assertEqual((shown["state"], shown["end"]), ("finished", lines[-1]))
        options = {option["key"]: option for option in shown["options"]}
        self.assertEqual(options["data.split"]["origin"], "flag --data.split")
        self.assertEqual(options["training.epochs"]["origin"].split(":")[0], "letters.ini")
        for label in ("CPU", "Compiler", "MPI library", "Hosts"):
            self.assertIn(label, shown["facts"])

    def test_pictures_are_the_samples_and_the_weights(self):
        vectors, _ = data_files.samples(40, inputs=64)
        images = data_files.gzip.compress(data_files.idx_images(vectors, side=8))
        data_files.write_idx_set(self.write, "data", train_images=images, test_images=images)
        config = self.write("idx.ini", IDX)
        run = self.train(config, "run", "--training.max_steps", 1)
        model = self.page(run)[1]["runs"][0]["model"]
        self.assertEqual(model["worst"]["frame"], {"height": 8, "width": 8, "channels": 1})
        for one in model["worst"]["samples"]:
            pixels, values = base64.b64decode(one["pixels"]), vectors[one["sample"]]
            span = max(values) - min(values)
            for pixel, value in zip(pixels, values, strict=True):
                self.assertAlmostEqual(pixel, 255 * (value - min(values)) / span, delta=0.6)
        self.assertTrue(model["worst"]["samples"])
        self.succeed("export", run / "model.lockstep", "--format", "npz", "--out", "model.npz")
        import numpy
        weights = numpy.load(self.folder / "model.npz")["layer0.weight"]
        self.assertEqual(len(model["weights"]["pictures"]), 4)
        for one in model["weights"]["pictures"]:
            column = weights[:, one["neuron"]] if weights.shape[0] == 64 else weights[one["neuron"]]
            self.assertAlmostEqual(one["norm"], float(numpy.linalg.norm(column)), places=5)
            drawn = numpy.frombuffer(base64.b64decode(one["pixels"]), dtype=numpy.uint8).astype(float)
            self.assertLess(abs(drawn - (128 + 127 * column / abs(column).max())).max(), 0.6)

    def test_no_name_becomes_part_of_the_page(self):
        name = 'a<img src=x onerror=alert(1)>&"{{data}}'
        run = self.train("letters.ini", name)
        record = json.loads((run / "run.json").read_text())
        record["cpu_model"] = "</script><script>alert(2)</script>"
        (run / "run.json").write_text(json.dumps(record))
        text, data = self.page(run, "--charts", "chart.js")
        self.assertEqual(data["runs"][0]["name"], name)
        self.assertEqual(data["runs"][0]["facts"]["CPU"], record["cpu_model"])
        self.assertEqual(text.count("</script>"), 3)
        self.assertEqual(text.lower().count("<script"), 3)
        self.assertNotIn("<img", text)
        self.assertIn(html.escape(name, quote=False), text)
        self.assertIn("default-src 'none'", text)
        for address in re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', text):
            self.assertTrue(address.startswith("data:"), address)

    def test_without_the_data_all_else_is_there(self):
        data_files.write_idx_set(self.write, "data")
        config = self.write("idx.ini", IDX)
        run = self.train(config, "run")
        whole = self.page(run)[1]["runs"][0]
        from_there = run_command([PROGRAM, "report", ".", "--json"], run).json()
        self.assertEqual((from_there["out"], from_there["remarks"]), ("./report.html", []))
        (self.folder / "data").rename(self.folder / "elsewhere")
        outcome = self.succeed("report", run, "--out", "page.html")
        self.assertIn("warning: run: nothing is said of what the model takes for what", outcome.err)
        without = json.loads(DATA.search((self.folder / "page.html").read_text())[1])["runs"][0]
        self.assertNotIn("confusion", without["model"])
        self.assertEqual(without["epochs"], whole["epochs"])
        moved = self.page(run, "--data.dir", "elsewhere")[1]["runs"][0]
        self.assertEqual(moved["model"]["confusion"], whole["model"]["confusion"])
        # Other data would tell of another run.
        data_files.write_idx_set(self.write, "data", count=60)
        other = self.page(run)[1]["runs"][0]["model"]
        self.assertNotIn("confusion", other)
        self.assertIn("digest", other["remarks"][0])

    def test_a_run_is_told_of_as_far_as_it_is(self):
        run = self.train("letters.ini", "run")
        log = run / "metrics.jsonl"
        whole = log.read_text().splitlines()
        log.write_text("\n".join(whole[:2]) + "\n" + whole[2][:30])
        (run / "model.lockstep").unlink()
        (run / "result.json").unlink()
        shown = self.page(run)[1]["runs"][0]
        self.assertEqual((shown["state"], len(shown["epochs"]["epoch"])), ("unfinished", 1))
        self.assertEqual(shown["model"]["remarks"], ["there is no model yet"])
        log.write_text("")
        self.assertEqual(self.page(run)[1]["runs"][0]["state"], "begun")
        outcome = self.lockstep("report", self.folder)
        self.assertEqual(outcome.code, 0, outcome)
        outcome = self.lockstep("report", run / "nothing")
        self.assertEqual(outcome.code, CHECKPOINT, outcome)

    def test_several_runs_and_those_of_a_folder_share_a_page(self):
        self.train("letters.ini", "runs/slow", "--optimizer.learning_rate", "0.01")
        fast = self.train("letters.ini", "runs/fast")
        self.succeed("crossval", "letters.ini", "--run.dir", "folds", "--resampling.folds", "2")
        data = self.page("folds", "runs", fast)[1]
        self.assertEqual([run["name"] for run in data["runs"]], ["folds/fold-1", "folds/fold-2", "runs/fast", "runs/slow"])
        self.assertEqual([run.get("member") for run in data["runs"][:2]], ["fold 1 of 2", "fold 2 of 2"])
        self.succeed("report", "folds", "runs")
        self.assertTrue((self.folder / "report.html").exists())

    def test_without_the_library_the_page_says_so(self):
        run = self.train("letters.ini", "run")
        text, data = self.page(run, "--charts", "none")
        self.assertEqual(data["charts"], "left out as asked")
        self.assertNotIn("Chart.js v", text)
        self.write("no.js", "alert(1)")
        for wrong in ("no.js", "missing.js"):
            outcome = self.lockstep("report", run, "--charts", wrong)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(wrong, outcome.err)

    def test_a_page_overwrites_nothing_that_the_report_reads(self):
        run = self.train("letters.ini", "run")
        for name in ("run.json", "metrics.jsonl", "model.lockstep"):
            before = (run / name).read_bytes()
            outcome = self.lockstep("report", run, "--out", run / name)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertEqual((run / name).read_bytes(), before)

    def test_counts_are_equal_on_any_number_of_ranks_and_are_those_of_predict(self):
        models = [self.train("letters.ini", f"run{seed}", "--training.seed", seed, "--training.epochs", 1)
                  / "model.lockstep" for seed in (1, 2)]
        for chosen in (models[:1], models):
            flags = [word for model in chosen for word in ("--model", model)]
            outcomes = []
            for ranks in (None, 3):
                json_of = self.succeed("eval", "letters.ini", *flags, "--confusion", "--wrong", "wrong.csv", "--json",
                                       ranks=ranks).json()
                outcomes.append((json_of, (self.folder / "wrong.csv").read_text()))
            self.assertEqual(*outcomes)
            result, text = outcomes[0]
            self.succeed("predict", "letters.ini", *flags, "--out", "classes.txt")
            self.succeed("predict", "letters.ini", *flags, "--out", "shares.txt", "--probabilities")
            classes = [int(line) for line in (self.folder / "classes.txt").read_text().split()]
            shares = [[float(part) for part in line.split(",")]
                      for line in (self.folder / "shares.txt").read_text().split()]
            self.assertEqual(classes, [share.index(max(share)) for share in shares])
            for share in shares:
                self.assertAlmostEqual(sum(share), 1.0, places=5)
            matrix = result["confusion"]["matrix"]
            self.assertEqual([sum(row[c] for row in matrix) for c in range(3)], [classes.count(c) for c in range(3)])
            self.assertEqual(sum(matrix[c][c] for c in range(3)) / 100, result["accuracy"])
            wrong = list(csv.DictReader(text.splitlines()))
            self.assertEqual(len(wrong), result["wrong"]["samples"])
            self.assertEqual([classes[int(row["sample"])] for row in wrong], [int(row["predicted"]) for row in wrong])
            margins = [float(row["output_of_predicted"]) - float(row["output_of_label"]) for row in wrong]
            self.assertEqual(margins, sorted(margins, reverse=True))

    def test_eval_prints_the_matrix_and_refuses_where_there_are_no_classes(self):
        run = self.train("letters.ini", "run")
        printed = self.succeed("eval", "letters.ini", "--model", run, "--confusion").out
        for word in ("confusion", "precision", "recall", "T", "accuracy"):
            self.assertIn(word, printed)
        written = self.succeed("eval", "letters.ini", "--model", run, "--wrong", "/dev/stdout")
        self.assertTrue(written.out.startswith("sample,label,predicted"), written)
        self.assertIn("accuracy", written.err)
        xor = self.write("xor.ini", configurations.xor(training={"epochs": 1, "global_batch": "all"}, optimizer={"learning_rate": 0.1}))
        model = self.train(xor, "xor")
        outcome = self.lockstep("eval", xor, "--model", model, "--confusion")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("--confusion: is about classes", outcome.err)
        [shown] = self.page(model)[1]["runs"]
        self.assertIn("targets are numbers", shown["model"]["remarks"][0])

    @unittest.skipUnless(CHROMIUM, "no Chromium here")
    def test_a_browser_shows_it_without_an_error(self):
        self.train("letters.ini", "runs/one")
        record = self.train("letters.ini", 'runs/two<b onclick="x">') / "run.json"
        log = record.parent / "metrics.jsonl"
        lines = read_json_lines(log)
        for line in lines:
            if line["event"] == "epoch":
                line["phases"] = {"forward": 1.5}
            if line["event"] == "end":
                line["phases"] = {"communication_exposed": {"min": 3, "mean": 4.5, "max": 6, "share": 1}}
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        for name, arguments in (("one", ["runs/one"]), ("all", ["runs"]), ("plain", ["runs", "--charts", "none"])):
            page = self.folder / f"{name}.html"
            self.succeed("report", *arguments, "--out", page)
            outcome = run_command([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                                   "--user-data-dir=" + str(self.folder / "browser"), "--window-size=1280,2000",
                                   "--dump-dom", f"file://{page}"], self.folder)
            self.assertEqual([line for line in outcome.err.splitlines() if "CONSOLE" in line], [], outcome.err)
            shown = outcome.out[:outcome.out.index('id="report-data"')]
            if name == "all":
                self.assertIn('<section id="phases">', shown)
                self.assertIn("communication exposed", shown)
            for part in ("confusion", "weights", "configuration", "machine"):
                self.assertIn(f'<section id="{part}">', shown)
            self.assertNotIn("<b onclick", shown)
            has_charts = "Chart.js v" in page.read_text()
            self.assertEqual('<div class="chart"' in shown, has_charts)


if __name__ == "__main__":
    main()
