"""The 64-2-3 letter network: what its configuration says it reaches, and the pictures of its hidden weights."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import REPOSITORY, ProgramTest, main, read_json_lines, run_command

LETTERS = REPOSITORY / "configs" / "letters.ini"
DRAW = REPOSITORY / "scripts" / "draw_weights.py"


def grey_pixels(path):
    """Width, height and rows of an 8-bit grey PNG whose rows are unfiltered."""
    content, chunks = path.read_bytes(), {}
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4:at + 8], content[at + 8:at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colour) == (8, 0)
    rows = zlib.decompress(chunks[b"IDAT"])
    return width, height, [rows[r * (width + 1) + 1:(r + 1) * (width + 1)] for r in range(height)]


class Letters(ProgramTest):
    def draw(self, *arguments):
        return run_command([sys.executable, DRAW, *arguments], self.folder)

    def test_the_configuration_reaches_what_it_says_with_equal_bits_on_three_ranks(self):
        run = self.train(LETTERS, "one")
        end = read_json_lines(run / "metrics.jsonl")[-1]
        self.assertGreater(end["test_accuracy"], 0.98)
        self.assertEqual(self.digest(run), self.digest(self.train(LETTERS, "three", ranks=3)))

    def test_hidden_weights_are_drawn_and_tell_the_letters_apart(self):
        model = self.train(LETTERS, "run") / "model.lockstep"
        pictures = []
        for form in ("npz", "safetensors"):
            self.succeed("export", model, "--format", form, "--out", f"letters.{form}")
            outcome = self.draw(f"letters.{form}", "--scale", "10", "--out", f"{form}.png")
            self.assertEqual(outcome.code, 0, outcome)
            pictures.append(grey_pixels(self.folder / f"{form}.png"))
        self.assertEqual(*pictures)
        width, height, rows = pictures[0]
        # Two images of 80 x 80 with lines of two pixels around them.
        self.assertEqual((width, height), (2 * 82 + 2, 82 + 2))
        with np.load(self.folder / "letters.npz") as archive:
            weights = archive["layer0.weight"]
        for neuron, left in enumerate((2, 84)):
            image = [rows[2 + 10 * r + 5][left + 10 * c + 5] for r in range(8) for c in range(8)]
            # 0 is 128, and the largest weight by size lies at an end; the arithmetic here is in double, there in float.
            expected = 128 + 127 * weights[:, neuron].astype(float) / abs(weights[:, neuron]).max()
            self.assertLess(abs(np.array(image) - expected).max(), 0.51)

    def test_what_cannot_be_drawn_is_refused_with_what_to_do(self):
        model = self.train(LETTERS, "run", "--training.epochs", "1") / "model.lockstep"
        self.succeed("export", model, "--format", "npz", "--out", "letters.npz")
        self.write("text.npz", "no archive")
        for arguments, expected in ((["letters.npz", "--layer", "2"], "layer0.weight"),
                                    (["letters.npz", "--rows", "7"], "64 inputs"),
                                    (["text.npz"], "lockstep export")):
            outcome = self.draw(*arguments)
            self.assertEqual(outcome.code, 1, outcome)
            self.assertIn(expected, outcome.err)
        self.assertFalse((self.folder / "weights.png").exists())


if __name__ == "__main__":
    main()
