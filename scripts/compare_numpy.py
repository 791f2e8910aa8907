#!/usr/bin/python3
"""Checks lockstep's training steps against an independent computation in float64 with numpy.

Small networks are trained for 0, 1, 2 and 3 steps of the whole set, and their weights exported. From the weights of
step 0 numpy takes the same steps with nothing of lockstep's but the formulas. What the two may differ by is not
chosen but derived: every quantity of the reference carries a bound on what rounding to float32 can have done to
lockstep's value (the class Bounded), and each weight must lie within its own bound.

usage: compare_numpy.py [--program build/lockstep] [--planted-faults]
--planted-faults: instead, plants known faults into the reference, each of which must be found.
Exit code 0: agreed (or: all faults found), 1: not, or it could not be tried (the message says why).
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from common import add_program, check_program, lockstep

try:
    import numpy as np
except ImportError:
    sys.exit("compare_numpy.py needs numpy for this Python: apt-get install python3-numpy, and run /usr/bin/python3")

STEPS = 3
# A bound that is not far below what the steps change would let faults pass; --planted-faults shows that this suffices.
# (Where a potential comes so near ReLU's kink that its side is open, bounds are as large as changes.)
COARSEST = 1e-2
SAMPLES = 24
INPUTS = 6
CLASSES = 3

# Half a unit in the last place of float32, relative: what one rounding can do.
ROUNDING = 2.0**-24
# lockstep's exp, tanh and sigmoid are within 2.5 units in the last place (core/README.md), a unit being at most two
# roundings.
FUNCTION = 5 * ROUNDING
# lockstep flushes denormal results to zero: an absolute error beside the relative one.
FLUSHED = 2.0**-126


def chain(terms):
    """The relative bound of `terms` roundings one after the other (Higham's gamma)."""
    return terms * ROUNDING / (1 - terms * ROUNDING)


@dataclass
class Bounded:
    """Values in float64, and for each a bound on the error of lockstep's float32 counterpart."""

    value: np.ndarray
    error: np.ndarray

    @staticmethod
    def exact(value):
        value = np.asarray(value, dtype=np.float64)
        return Bounded(value, np.zeros_like(value))

    def rounded(self, relative=ROUNDING):
        return Bounded(self.value, self.error + relative * self.most() + FLUSHED)

    def most(self):
        return np.abs(self.value) + self.error

    @property
    def transposed(self):
        return Bounded(self.value.T, self.error.T)

    def __add__(self, other):
        return Bounded(self.value + other.value, self.error + other.error).rounded()

    def __mul__(self, other):
        error = self.error * other.most() + np.abs(self.value) * other.error
        return Bounded(self.value * other.value, error).rounded()

    def __matmul__(self, other):
        """A chain of fused multiply-adds, or leaves of such chains under a tree: no longer than one chain."""
        error = self.error @ other.most() + np.abs(self.value) @ other.error
        terms = self.value.shape[1]
        error += chain(terms) * (self.most() @ other.most()) + terms * FLUSHED
        return Bounded(self.value @ other.value, error)


def apply(function, derivative, x):
    """f(x), where |f'| is at most `derivative` near x, and f itself is computed within FUNCTION."""
    return Bounded(function(x.value), derivative * x.error).rounded(FUNCTION)


# Each activation: f(potential), and f' written in the output y as lockstep does. a: amplitude, b: steepness.


def relu(potential, a, b):
    silent = potential.value + potential.error <= 0
    return Bounded(np.maximum(potential.value, 0), np.where(silent, 0, potential.error))


def relu_derivative(y, a, b):
    # Where the error reaches across the kink lockstep may have taken the other side.
    return Bounded((y.value > 0) * 1.0, ((y.error > 0) & (y.value <= y.error)) * 1.0)


def tanh(potential, a, b):
    inner = Bounded.exact(b) * potential
    return Bounded.exact(a) * apply(np.tanh, 1.0, inner)


def tanh_derivative(y, a, b):
    minus = Bounded(-y.value, y.error)
    return Bounded.exact(b / a).rounded() * (Bounded.exact(a) + minus) * (Bounded.exact(a) + y)


def sigmoid(potential, a, b):
    return apply(lambda x: 1 / (1 + np.exp(-x)), 0.25, Bounded.exact(b) * potential)


def sigmoid_derivative(y, a, b):
    return Bounded.exact(b) * y * (Bounded.exact(1.0) + Bounded(-y.value, y.error))


def softmax(potential):
    shifted = potential.value - potential.value.max(axis=1, keepdims=True)
    exponential = np.exp(shifted)
    probability = exponential / exponential.sum(axis=1, keepdims=True)
    # A potential's error is a relative error of its exponential, in the numerator and once more in the sum.
    relative = 2 * (potential.error + ROUNDING * np.abs(shifted)).max(axis=1, keepdims=True)
    relative = relative + 2 * FUNCTION + chain(potential.value.shape[1] + 2)
    return Bounded(probability, relative * probability)


ACTIVATIONS = {"relu": (relu, relu_derivative), "tanh": (tanh, tanh_derivative), "sigmoid": (sigmoid, sigmoid_derivative)}


@dataclass(frozen=True)
class LayerCase:
    units: int
    activation: str
    a: float = 1.0
    b: float = 1.0

    def text(self):
        words = f"dense units={self.units} activation={self.activation}"
        words += f" amplitude={self.a}" if self.a != 1 else ""
        return words + (f" steepness={self.b}" if self.b != 1 else "")


@dataclass(frozen=True)
class Case:
    """A network, its data and how it is trained."""

    name: str
    layers: tuple
    loss: str
    learning_rate: float
    momentum: float
    pixels: np.ndarray = field(repr=False, default=None)  # (samples, inputs), integers 0 to 255
    labels: np.ndarray = field(repr=False, default=None)  # (samples)
    mean_over: int = SAMPLES


def cases():
    generator = np.random.default_rng(20)
    data = {"pixels": generator.integers(0, 256, (SAMPLES, INPUTS)), "labels": generator.integers(0, CLASSES, SAMPLES)}
    # The scaled tanh of LeCun et al., "Efficient BackProp".
    lecun = LayerCase(4, "tanh", a=1.7159, b=0.6666667)
    return [
        Case("relu, softmax, cross-entropy", (LayerCase(5, "relu"), LayerCase(CLASSES, "softmax")), "cross_entropy",
             0.5, 0.9, **data),
        Case("tanh, sigmoid, square error", (LayerCase(5, "tanh"), LayerCase(CLASSES, "sigmoid", b=1.5)),
             "square_error", 0.5, 0.9, **data),
        Case("scaled tanh, sigmoid, cross-entropy", (lecun, LayerCase(CLASSES, "sigmoid")), "cross_entropy", 0.25, 0.0,
             **data),
        Case("two hidden layers", (LayerCase(7, "relu"), lecun, LayerCase(CLASSES, "softmax")), "cross_entropy", 0.25,
             0.5, **data),
    ]


def f32(number):
    """A setting as lockstep holds it, in float32."""
    return float(np.float32(number))


def gradients(case, weights, biases):
    """Backpropagation: the gradients of every layer's weights and biases, summed over the samples."""
    # As lockstep reads bytes: v · (1/255), a float32 product.
    pixels = case.pixels.astype(np.float32) * np.float32(np.float32(1) / np.float32(255))
    target = np.eye(CLASSES)[case.labels]

    outputs = [Bounded.exact(pixels)]
    for layer, w, bias in zip(case.layers, weights, biases):
        potential = outputs[-1] @ w + bias
        if layer.activation == "softmax":
            outputs.append(softmax(potential))
        else:
            outputs.append(ACTIVATIONS[layer.activation][0](potential, f32(layer.a), f32(layer.b)))

    # delta = dE/d(potential) of the last layer. With cross-entropy f' cancels.
    last = case.layers[-1]
    delta = outputs[-1] + Bounded.exact(-target)
    if case.loss == "square_error":
        delta = delta * ACTIVATIONS[last.activation][1](outputs[-1], f32(last.a), f32(last.b))

    d_weights, d_biases = [], []
    for index in reversed(range(len(case.layers))):
        below = outputs[index]
        d_weights.insert(0, below.transposed @ delta)
        d_biases.insert(0, Bounded.exact(np.ones((1, SAMPLES))) @ delta)
        if index > 0:
            layer = case.layers[index - 1]
            derivative = ACTIVATIONS[layer.activation][1](below, f32(layer.a), f32(layer.b))
            delta = (delta @ weights[index].transposed) * derivative
    return d_weights + d_biases


def reference(case, first):
    """The parameters after 1, 2, ... STEPS steps of gradient descent with momentum from the exported `first`."""
    layers = len(case.layers)
    parameters = [Bounded.exact(first[f"layer{i}.weight"]) for i in range(layers)]
    parameters += [Bounded.exact(first[f"layer{i}.bias"].reshape(1, -1)) for i in range(layers)]
    names = [f"layer{i}.weight" for i in range(layers)] + [f"layer{i}.bias" for i in range(layers)]

    mean_factor = Bounded.exact(f32(1 / np.float32(case.mean_over)))
    minus_rate = Bounded.exact(-f32(case.learning_rate))
    momentum = Bounded.exact(f32(case.momentum))
    change = [Bounded.exact(np.zeros_like(p.value)) for p in parameters]
    for _ in range(STEPS):
        summed = gradients(case, parameters[:layers], parameters[layers:])
        change = [momentum * old + minus_rate * (mean_factor * g) for old, g in zip(change, summed)]
        parameters = [p + delta for p, delta in zip(parameters, change)]
        yield dict(zip(names, parameters))


def train(program, case):
    """lockstep's parameters after 0, 1, ... STEPS steps: a dictionary of arrays each."""
    with tempfile.TemporaryDirectory(prefix="lockstep-numpy-") as name:
        folder = Path(name)
        for part in ("train", "test"):
            np.savetxt(folder / f"x_{part}_vectors.csv", case.pixels, fmt="%d", delimiter=",")
            np.savetxt(folder / f"x_{part}_labels.csv", case.labels, fmt="%d")
        layers = "\n".join(f"layer = {layer.text()}" for layer in case.layers)
        (folder / "case.ini").write_text(
            f"[data]\nsource = csv\ndir = .\n[network]\n{layers}\nloss = {case.loss}\n"
            f"[training]\nepochs = 0\nglobal_batch = all\nleaf = 8\nseed = 7\n[optimizer]\nname = sgd\n"
            f"learning_rate = {case.learning_rate}\nmomentum = {case.momentum}\n")
        models = []
        for steps in range(STEPS + 1):
            lockstep(program, "train", "case.ini", "--training.max_steps", steps, "--run.dir", f"run{steps}", folder=folder)
            lockstep(program, "export", f"run{steps}/model.lockstep", "--format", "npz", "--out", f"{steps}.npz", folder=folder)
            with np.load(folder / f"{steps}.npz") as arrays:
                models.append({key: arrays[key] for key in arrays.files})
        return models


def worst(case, models, faulty_case=None):
    """The largest difference in units of its bound, and the largest bound in units of the largest change."""
    largest, coarsest = 0.0, 0.0
    for step, expected in enumerate(reference(faulty_case or case, models[0]), 1):
        if sorted(expected) != sorted(models[step]):
            sys.exit(f"exported arrays {sorted(models[step])}, expected {sorted(expected)}")
        for name, bounded in expected.items():
            ours = models[step][name].reshape(bounded.value.shape).astype(np.float64)
            if not np.all(np.isfinite(ours)):
                return np.inf, np.inf
            largest = max(largest, np.max(np.abs(ours - bounded.value) / bounded.error))
            moved = np.max(np.abs(ours - models[0][name].reshape(ours.shape)))
            coarsest = max(coarsest, np.max(bounded.error) / moved)
    return largest, coarsest


# What a wrong trainer might do. Each is a change to the reference's case that lockstep's weights must contradict.
FAULTS = {
    "learning rate off by a thousandth": lambda c: replace(c, learning_rate=c.learning_rate * 1.001),
    "mean over one sample too many": lambda c: replace(c, mean_over=SAMPLES + 1),
    "mean over half of the samples": lambda c: replace(c, mean_over=SAMPLES // 2),
    "momentum off by a hundredth": lambda c: replace(c, momentum=c.momentum + 0.01),
    "one label wrong": lambda c: replace(c, labels=np.where(np.arange(SAMPLES) == 7, (c.labels + 1) % CLASSES, c.labels)),
    "one pixel off by one": lambda c: replace(c, pixels=c.pixels - (np.arange(SAMPLES * INPUTS) == 40).reshape(SAMPLES, INPUTS)),
    "last sample left out": lambda c: replace(c, pixels=np.vstack([c.pixels[:-1], c.pixels[:1]]),
                                              labels=np.append(c.labels[:-1], c.labels[0])),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_program(parser)
    parser.add_argument("--planted-faults", action="store_true")
    arguments = parser.parse_args()
    check_program(parser, arguments)
    program = arguments.program

    good = True
    for case in cases():
        models = train(program, case)
        if arguments.planted_faults:
            for name, plant in FAULTS.items():
                difference, _ = worst(case, models, plant(case))
                good &= difference > 1
                print(f"{'found' if difference > 1 else 'MISSED':7} {case.name}: {name} ({difference:.3g} of the bound)")
        else:
            difference, coarseness = worst(case, models)
            if difference > 1:
                verdict = "DIFFERS"
            elif coarseness > COARSEST:
                verdict = "TOO COARSE to tell"
            else:
                verdict = "agrees"
            good &= verdict == "agrees"
            print(f"{verdict}: {case.name}: {STEPS} steps, largest difference {difference:.2f} of its bound, "
                  f"largest bound {coarseness:.1e} of the change")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
