#!/usr/bin/env python3
"""Writes a two-layer network of unit steps that computes any Boolean function, from its truth table.

    scripts/boolean_network.py 0110 --out xor

The word lists the function's values for all inputs in ascending order, 00, 01, 10, 11: 2^n digits for n inputs. It makes
xor.ini, xor.weights and xor.table, for `lockstep eval xor.ini`. The construction is that of the disjunctive normal form:
a hidden neuron for every input on which the function is 1, which fires on that input alone (weight 1 where the input has
a 1, else -1; as many ones as it needs make the threshold), and an output neuron that fires where any of them does.
"""

import argparse
import itertools
from pathlib import Path

CONFIG = """# {inputs} inputs, truth table {word}; written by scripts/boolean_network.py. Run: lockstep eval {name}.ini
[data]
source = table
table = {out}.table

[network]
layer = dense units={hidden} activation=step
layer = dense units=1 activation=step
loss = square_error
weights = {out}.weights

[training]
epochs = 0
global_batch = all

[optimizer]
learning_rate = 1
"""


def truth_table(word):
    """(inputs, value) for every digit of the word."""
    inputs = len(word).bit_length() - 1
    if inputs < 1 or len(word) != 2 ** inputs or set(word) - {"0", "1"}:
        raise ValueError(f"'{word}' must be 2, 4, 8, 16, ... digits, each 0 or 1")
    return list(zip(itertools.product((0, 1), repeat=inputs), map(int, word)))


def layers(table):
    """The neurons of both layers, each a bias and its weights."""
    ones = [row for row, value in table if value]
    hidden = [(-sum(row), *(1 if x else -1 for x in row)) for row in ones]
    if not hidden:  # the function that is always 0: a neuron that never fires
        hidden = [(-1, *(0 for _ in table[0][0]))]
    return hidden, [(-1, *(1 for _ in hidden))]


def write(word, out):
    table = truth_table(word)
    network = layers(table)
    weights = [f"# truth table {word}"]
    for number, neurons in enumerate(network):
        weights += [f"layer {number}", *(" ".join(map(str, neuron)) for neuron in neurons)]
    rows = [f"{' '.join(map(str, row))} : {value}" for row, value in table]
    out.with_suffix(".weights").write_text("\n".join(weights) + "\n")
    out.with_suffix(".table").write_text("\n".join(rows) + "\n")
    out.with_suffix(".ini").write_text(CONFIG.format(inputs=len(table[0][0]), word=word, name=out.name, out=out,
                                                     hidden=len(network[0])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("word", help="the function's values, as in 0110")
    parser.add_argument("--out", type=Path, required=True, help="path of the three files, without their endings")
    arguments = parser.parse_args()
    try:
        write(arguments.word, arguments.out)
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
