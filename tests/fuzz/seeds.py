"""Writes the fuzz targets' first inputs: seeds.py FOLDER fills FOLDER/READER for each of them.

Small files of every form that a reader knows, made here or taken from configs/; what a target makes of its input says
the head of fuzz_READER.cpp.
"""

import gzip
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = REPOSITORY / "configs"


def idx(kind, element, sizes, values):
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + struct.pack(
        f">{len(values)}{element}", *values)


def idx_files():
    for kind, element in ((0x08, "B"), (0x09, "b"), (0x0B, "h"), (0x0C, "i"), (0x0D, "f"), (0x0E, "d")):
        yield idx(kind, element, (2, 2, 3), list(range(12)))
        yield idx(kind, element, (3,), [1, 0, 2])
    yield idx(0x0C, "i", (2, 8), list(range(16)))
    yield gzip.compress(idx(0x08, "B", (2, 2, 2), list(range(8))), mtime=0)


def csv_files():
    yield b"0,255,7\n1,2,3\n"
    yield b"\xef\xbb\xbf0.5, -1e3 ,7e0\r\n.5,0x1p3,nan\r\n\r\n"
    yield b"3\n9.0\n1e0\n"
    yield b'"id","a, b",c\n"x, y",1,0\n'
    yield b"a;b\n1,5;2\n\"1\",\"2\"\n"
    yield gzip.compress(b"1,2\n3,4\n", mtime=0)


def npz_files():
    def npy(kind, shape, values, version=1):
        head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        length = struct.pack("<H" if version == 1 else "<I", len(head))
        return b"\x93NUMPY" + bytes([version, 0]) + length + head + values

    arrays = {"x_train": npy("|u1", (3, 2, 2), bytes(range(12))), "y_train": npy("<i8", (3,), struct.pack("<3q", 0, 1, 0)),
              "x_test": npy("<f4", (1, 2, 2), struct.pack("<4f", 1, 2, 3, 4), 2), "y_test": npy("|b1", (1, 1), b"\1")}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", method) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=method == zipfile.ZIP_STORED) as entry:
                    entry.write(array)
        yield content.getvalue()
    yield from arrays.values()
    yield npy("<f8", (2, 1), struct.pack("<2d", 0.5, 1e300))


def raw_files():
    # The checksums and the digest are set right by the target.
    def raw(inputs, targets, target_count, row, train, test):
        parts = b"".join(struct.pack("<QIfff", rows, has, 3, -1, 2) for rows, has in (train, test))
        head = b"LSRAW\r\n\x1a" + struct.pack("<IIIf6Q", 1, inputs, targets, 1, 2, 1, 1, 1, target_count, len(row))
        rows = train[0] + test[0]
        labels = struct.pack(f"<{rows}i", *(i % target_count for i in range(rows))) if targets == 1 else b""
        tail = labels + bytes(-(len(row) * rows + len(labels)) % 8) + bytes(8 * rows + 16)
        return (head + parts).ljust(4096, b"\0") + row * rows + tail

    yield raw(1, 1, 3, b"\1\2\0\0", (4, 1), (2, 1))
    yield raw(2, 2, 1, struct.pack("<3f", 1, 2, -1), (2, 1), (0, 0))


def gzip_files():
    one, two = gzip.compress(b"1,2\n", mtime=0), gzip.compress(b"3,4\r\n" * 50, mtime=0)
    yield one
    yield one + two + bytes(16)
    yield gzip.compress(one, mtime=0)
    # With name, comment, extra field and checksum of the header.
    yield b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x02\x00ab" + b"name\x00comment\x00\x00\x00" + one[10:]
    yield b"PK\x03\x04" + bytes(26)
    yield b"\xff\xfe1\x00\n\x00"
    yield b"plain\n"


def text_of(number):
    return str(number).encode()


def string(text):
    return text_of(len(text)) + b" " + text


def vector(items):
    return b" ".join([b"0 0", text_of(len(items)), b"0", *items])


def model_record(inputs, layers, parameters, source=b"xor", preprocessing=b""):
    shapes = [b" ".join([string(name), *map(text_of, numbers)]) for name, *numbers in parameters]
    return b" ".join([text_of(inputs), vector([string(layer) for layer in layers]), string(b"square_error"),
                      string(source), b"0 1 20 5", string(b"sgd"), string(b"0.1.0"), vector(shapes)]) + preprocessing


def models():
    yield (REPOSITORY / "tests" / "launcher" / "files" / "frozen_model_v1.bin").read_bytes()
    layers = [b"dense units=2 activation=tanh init=uniform", b"dense units=1 activation=sigmoid init=uniform"]
    parameters = [(b"layer0.weight", 0, 2, 2), (b"layer0.bias", 0, 1, 2), (b"layer1.weight", 1, 2, 1),
                  (b"layer1.bias", 1, 1, 1)]
    # The first byte says how many versions and blocks of values: 2 * blocks + version - 1.
    yield bytes([2 * 4]) + model_record(2, layers, parameters)
    scaling = b" " + string(b"standardise") + b" 0 " + b" ".join([string(bytes(8)), string(b""), string(bytes(8))])
    yield bytes([2 * 4 + 1]) + model_record(2, layers, parameters, b"csv scale=255", scaling)


def checkpoints():
    digest = "0" * 32
    # A part of the target has 64 values, and its blocks' digests are set right.
    blocks = [["parameters", 0, 32, digest], ["optimizer 0", 0, 32, digest]]
    record = json.dumps(blocks).encode()
    offset = (32 + len(record) + 63) // 64 * 64
    score = {"loss": 0.5, "samples": 4, "accuracy": 0.75}
    numbers = ("at.epoch at.samples at.step best.epoch best.samples best.step course.epochs course.first_samples "
               "course.steps early_stopping.waited ending.best_epoch ending.reason epoch_samples "
               "gradient_stopping.in_a_row")
    reals = ("at.learning_rate best.learning_rate course.first_epoch_loss course.first_loss epoch_sum.correct "
             "epoch_sum.loss learning_rate.adapted")
    state = dict.fromkeys(numbers.split(), 1) | dict.fromkeys(reals.split(), 0.5) | {
        "early_stopping.best": "inf", "learning_rate.last_error": None, "course.last_epoch": score,
        **{f"{of}.{which}": score for of in ("scores", "best_scores") for which in ("train", "validation", "test")}}
    run = {"identity": [["program", "lockstep 0.1.0"], ["training.seed", "1"]], "state": state, "seconds": 0.5,
           "training_seconds": 0.25, "ranks": 2}
    body = {"format": 1, "step": 3, "values": 32, "run": run, "error": 0.25,
            "parts": [{"file": "part-0", "values_offset": offset, "bytes": offset + 4 * 64 + 16, "blocks": blocks}]}
    yield json.dumps(body).encode() + b"\0" + record
    yield json.dumps({"body": body, "checksum": digest}).encode() + b"\0" + record


def ledgers():
    def line(step, digit):
        layers = {"layer0": digit * 32, "layer1": "a" * 32}
        return json.dumps({"epoch": 1, "step": step, "gradient": layers, "parameters": layers}) + "\n"

    one = line(1, "0") + line(2, "1")
    yield (one + json.dumps({"epoch": 1, "step": 2, "digest": "f" * 32}) + "\n").encode() + b"\0" + one.encode()
    yield one.encode() + b"\0" + (line(2, "2") + line(3, "3")[:40]).encode()


def run_records():
    options = {"data.source": {"value": "xor", "origin": "xor.ini:2"},
               "network.layer": {"values": ["dense units=1 activation=sigmoid"], "origins": ["xor.ini:5"]},
               "optimizer.momentum": {"value": 0.9, "origin": "flag --optimizer.momentum"}}
    record = {"subcommand": "train", "member": "", "seed": 1, "configuration": "xor", "options": options,
              "data": {"train": "xor: 4 samples", "train_digest": "0" * 32}, "allowed": ["data"],
              "sessions": [{"ranks": 1, "hosts": ["a"], "threads": 1, "from_step": 0}],
              "started_from": {"model": "model.lockstep", "digest": "0" * 32, "layers": ["layer0"]}}
    yield json.dumps(record).encode()


def texts(pattern):
    return [path.read_bytes() for path in sorted(CONFIGS.glob(pattern))]


def flags():
    def words(arguments, environment=()):
        return b"".join(word + b"\0" for word in arguments) + b"\0" + b"".join(word + b"\0" for word in environment)

    network = [b"--data.source", b"xor", b"--network.layer", b"dense units=2 activation=tanh init=uniform scale=0.5",
               b"--network.loss=square_error", b"--optimizer.learning_rate", b"0.1, 0.02"]
    yield words([b"train", b"xor.ini", *network], [b"LOCKSTEP_TRAINING_EPOCHS=3", b"LOCKSTEP_ROOT=/usr", b"PATH=/bin"])
    yield words([b"predict", b"a.ini", b"--model", b"m", b"--model", b"n", b"--out", b"o", b"--set", b"test", b"--json"])
    yield words([b"bench", b"step", b"a.ini", b"--help"])
    yield words([b"diff", b"a", b"b"], [b"LOCKSTEP_RUN_CHECKPOINT_EVERY=10min"])


def main():
    folder = Path(sys.argv[1])
    for reader, inputs in {
            "checkpoint": checkpoints(), "config": texts("*.ini"), "csv": csv_files(),
            "digraph": texts("neurons/*.digraph"), "flags": flags(), "gzip": gzip_files(), "idx": idx_files(),
            "ledger": ledgers(), "model": models(), "npz": npz_files(), "raw": raw_files(), "run_record": run_records(), "table": texts("neurons/*.table"),
            "weights": [*texts("neurons/*.weights"), b"layer 0\n1 2\n3 4\nlayer 1\n0 1 2\n0 1 2\nlayer 3\n1 2 3\n"],
    }.items():
        place = folder / reader
        place.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(inputs):
            (place / f"seed{number}").write_bytes(content)


if __name__ == "__main__":
    main()
