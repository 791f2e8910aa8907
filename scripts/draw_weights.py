#!/usr/bin/python3
"""Draws what a layer's neurons look for: the weights into each of them as a grey image, in one PNG.

Reads what `lockstep export` wrote, npz or safetensors. Every neuron has its image, neurons in order from the left, then
in the next row: mid-grey is 0, white the largest weight of the neuron by size, black its negative. The first layer's
inputs are pixels; those of a higher layer are neurons, and make a picture only where they lie in one.
Needs numpy: apt-get install python3-numpy, and /usr/bin/python3.

usage: draw_weights.py WEIGHTS [--rows 8] [--layer 0] [--out weights.png]
"""

import argparse
import json
import math
import struct
import sys
import zlib
from pathlib import Path

try:
    import numpy as np
except ImportError:
    sys.exit("draw_weights.py needs numpy for this Python: apt-get install python3-numpy, and run /usr/bin/python3")

SEPARATOR = 255


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("weights", type=Path, help="an .npz or .safetensors file of lockstep export")
    parser.add_argument("--layer", type=int, default=0, help="default: the first, 0")
    parser.add_argument("--rows", type=int, help="rows of an input image; default: a square")
    parser.add_argument("--neurons", type=int, default=100, help="draw at most so many; default: 100")
    parser.add_argument("--scale", type=int, help="pixels of a weight; default: so that an image has about 96")
    parser.add_argument("--out", type=Path, default=Path("weights.png"), help="default: weights.png")
    chosen = parser.parse_args()
    for name in ("rows", "neurons", "scale"):
        if getattr(chosen, name) is not None and getattr(chosen, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return chosen


def read_safetensors(path):
    """The format's header is JSON behind its length; the tensors' bytes follow."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(content[first:end], dtype="<f4").reshape(entry["shape"])
    return tensors


def read_weights(chosen):
    """The layer's weights: (inputs, neurons)."""
    try:
        if chosen.weights.suffix == ".npz":
            with np.load(chosen.weights) as archive:
                tensors = dict(archive)
        else:
            tensors = read_safetensors(chosen.weights)
    except (OSError, ValueError, KeyError, struct.error, TypeError) as error:
        sys.exit(f"draw_weights.py: {chosen.weights} is no .npz or .safetensors of lockstep export: {error}")
    name = f"layer{chosen.layer}.weight"
    if name not in tensors:
        sys.exit(f"draw_weights.py: {chosen.weights} has no {name}; it has {', '.join(sorted(tensors))}")
    return tensors[name]


def image_shape(inputs, rows):
    """Rows and columns of an input image, or the end with what does not fit."""
    rows = rows or math.isqrt(inputs)
    if inputs % rows:
        hint = "give --rows" if rows * rows != inputs else "choose another --rows"
        sys.exit(f"draw_weights.py: {inputs} inputs do not make {rows} rows of equal length; {hint}")
    return rows, inputs // rows


def grey(values):
    """0 as 128, the largest by size as 255 or 1."""
    most = np.abs(values).max()
    return np.rint(128 + 127 * values / (most or 1)).astype(np.uint8)


def draw(weights, shape, scale):
    """All images on one sheet with lines between them: (height, width) of grey bytes."""
    tiles = [np.kron(grey(column).reshape(shape), np.ones((scale, scale), np.uint8)) for column in weights.T]
    across = math.ceil(math.sqrt(len(tiles)))
    down = math.ceil(len(tiles) / across)
    line = max(2, scale // 4)
    height, width = (shape[0] * scale + line, shape[1] * scale + line)
    sheet = np.full((down * height + line, across * width + line), SEPARATOR, np.uint8)
    for n, tile in enumerate(tiles):
        top, left = n // across * height + line, n % across * width + line
        sheet[top:top + tile.shape[0], left:left + tile.shape[1]] = tile
    return sheet


def write_png(path, sheet):
    """PNG, 8 bits of grey: a header, one deflated stream of rows that each begin with filter 0, and an end."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = sheet.shape
    rows = b"".join(b"\0" + row.tobytes() for row in sheet)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    chosen = arguments()
    weights = read_weights(chosen)
    shape = image_shape(weights.shape[0], chosen.rows)
    drawn = weights[:, :chosen.neurons]
    write_png(chosen.out, draw(drawn, shape, chosen.scale or max(1, 96 // max(shape))))
    print(f"written: {chosen.out}, {drawn.shape[1]} of {weights.shape[1]} neurons, {shape[0]} x {shape[1]} weights each")


if __name__ == "__main__":
    main()
