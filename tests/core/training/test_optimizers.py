"""Each optimizer against its formula in float64 with numpy, and against PyTorch where it has the same rule.

Five steps on two tensors of different sizes, the larger one of several blocks of a norm. Faults planted into the
reference must be found.
"""

import subprocess
import sys
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is missing for this Python: apt-get install python3-numpy")
    sys.exit(77)
try:
    import torch
except ImportError:
    torch = None

DRIVER = None
STEPS = 5
SIZES = (9001, 37)
MEAN_FACTOR = 0.125  # exact in float32
# A step has at most about 24 roundings of 2^-24, each relative to a quantity no larger than the weight or the path it
# has gone; both are below REACH in these tests, which `steps_of` checks.
REACH = 16.0
TOLERANCE = STEPS * 24 * 2.0**-24 * REACH

DEFAULTS = {"learning_rate": 0.1, "momentum": 0.0, "rho": 0.9, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "place": 0,
            "weight_decay": 0.0, "trust": 0.001}
INSIDE, OUTSIDE = 1, 2
CASES = {
    "sgd": ("sgd", {}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "nesterov": ("nesterov", {"momentum": 0.9}),
    "adagrad": ("adagrad", {"epsilon": 1e-3}),
    "adagrad, outside": ("adagrad", {"epsilon": 1e-3, "place": OUTSIDE}),
    "rmsprop": ("rmsprop", {"learning_rate": 0.01, "epsilon": 1e-3}),
    "rmsprop, outside": ("rmsprop", {"learning_rate": 0.01, "epsilon": 1e-3, "place": OUTSIDE}),
    "rmsprop with momentum": ("rmsprop", {"learning_rate": 0.01, "momentum": 0.8, "epsilon": 1e-3}),
    "rmsprop with momentum, outside": ("rmsprop", {"learning_rate": 0.01, "momentum": 0.8, "epsilon": 1e-3,
                                                   "place": OUTSIDE}),
    "adadelta": ("adadelta", {"learning_rate": 1.0, "epsilon": 1e-3}),
    "adam": ("adam", {"learning_rate": 0.02, "epsilon": 1e-3}),
    "adam, inside": ("adam", {"learning_rate": 0.02, "epsilon": 1e-3, "place": INSIDE}),
    "adamw": ("adamw", {"learning_rate": 0.02, "epsilon": 1e-3, "weight_decay": 0.05}),
    "lars": ("lars", {"learning_rate": 10.0, "momentum": 0.9, "weight_decay": 0.01, "trust": 0.02}),
    "lamb": ("lamb", {"learning_rate": 0.02, "epsilon": 1e-3, "weight_decay": 0.05}),
    "lamb, inside": ("lamb", {"learning_rate": 0.02, "epsilon": 1e-3, "weight_decay": 0.05, "place": INSIDE}),
}


def drawn():
    """First weights and each step's gradient sums, a list of tensors each."""
    random = np.random.default_rng(5)
    draw = lambda scale: [random.normal(0.0, scale, size).astype(np.float32) for size in SIZES]
    return draw(1.0), [draw(8.0) for _ in range(STEPS)]


def by_lockstep(name, settings):
    """The weights after each step, float32 tensors."""
    weights, gradients = drawn()
    options = DEFAULTS | settings
    values = [np.concatenate(weights)] + [np.concatenate(gradient) for gradient in gradients]
    words = [name, *(options[key] for key in DEFAULTS), MEAN_FACTOR, STEPS, *SIZES]
    result = subprocess.run([DRIVER, *map(str, words)], input=np.concatenate(values).tobytes(), stdout=subprocess.PIPE,
                            check=True, timeout=60)
    steps = np.frombuffer(result.stdout, dtype=np.float32).reshape(STEPS, sum(SIZES))
    return [np.split(step, np.cumsum(SIZES)[:-1]) for step in steps]


def by_formula(name, settings):
    """The same in float64, from the papers' formulas."""
    o = {key: float(np.float32(value)) if key != "place" else value for key, value in (DEFAULTS | settings).items()}
    lr, momentum, rho, eps, decay = (o[key] for key in ("learning_rate", "momentum", "rho", "epsilon", "weight_decay"))
    inside = o["place"] == INSIDE or (o["place"] == 0 and name in ("adagrad", "rmsprop"))
    root = lambda r: np.sqrt(r + eps) if inside else np.sqrt(r) + eps
    first, gradients = drawn()
    weights = [w.astype(np.float64) for w in first]
    state = [{key: np.zeros(size) for key in ("v", "r", "s", "m")} for size in SIZES]
    steps = []
    for t, sums in enumerate(gradients, start=1):
        for w, h, total in zip(weights, state, sums):
            g = total.astype(np.float64) * MEAN_FACTOR
            if name in ("sgd", "nesterov"):
                h["v"] = momentum * h["v"] + g
                w -= lr * (g + momentum * h["v"] if name == "nesterov" else h["v"])
            elif name in ("adagrad", "rmsprop"):
                h["r"] = h["r"] + g * g if name == "adagrad" else rho * h["r"] + (1 - rho) * g * g
                h["v"] = momentum * h["v"] - lr * g / root(h["r"])
                w += h["v"]
            elif name == "adadelta":
                h["r"] = rho * h["r"] + (1 - rho) * g * g
                d = np.sqrt(h["s"] + eps) / np.sqrt(h["r"] + eps) * g
                h["s"] = rho * h["s"] + (1 - rho) * d * d
                w -= lr * d
            elif name == "lars":
                ratio = o["trust"] * np.linalg.norm(w) / (np.linalg.norm(g) + decay * np.linalg.norm(w))
                h["v"] = momentum * h["v"] + lr * ratio * (g + decay * w)
                w -= h["v"]
            else:
                h["m"] = o["beta1"] * h["m"] + (1 - o["beta1"]) * g
                h["r"] = o["beta2"] * h["r"] + (1 - o["beta2"]) * g * g
                d = h["m"] / (1 - o["beta1"] ** t) / root(h["r"] / (1 - o["beta2"] ** t))
                if name == "adamw":
                    d = d + decay * w
                if name == "lamb":
                    d = d + decay * w
                    d = d * (np.linalg.norm(w) / np.linalg.norm(d))
                w -= lr * d
        steps.append([w.copy() for w in weights])
    return steps


def by_torch(name, settings):
    """The same in float64 by PyTorch, or None where it has no such rule."""
    o = DEFAULTS | settings
    lr, momentum, rho, eps = o["learning_rate"], o["momentum"], o["rho"], o["epsilon"]
    outside = o["place"] == OUTSIDE or (o["place"] == 0 and name not in ("adagrad", "rmsprop"))
    first, gradients = drawn()
    tensors = [torch.nn.Parameter(torch.from_numpy(w.astype(np.float64))) for w in first]
    make = {
        "sgd": lambda: torch.optim.SGD(tensors, lr, momentum=momentum),
        "nesterov": lambda: torch.optim.SGD(tensors, lr, momentum=momentum, nesterov=True),
        "adagrad": lambda: torch.optim.Adagrad(tensors, lr, eps=eps),
        "rmsprop": lambda: torch.optim.RMSprop(tensors, lr, alpha=rho, eps=eps, momentum=momentum),
        "adadelta": lambda: torch.optim.Adadelta(tensors, lr, rho=rho, eps=eps),
        "adam": lambda: torch.optim.Adam(tensors, lr, betas=(o["beta1"], o["beta2"]), eps=eps),
        "adamw": lambda: torch.optim.AdamW(tensors, lr, betas=(o["beta1"], o["beta2"]), eps=eps,
                                           weight_decay=o["weight_decay"]),
    }
    if name not in make or not outside:
        return None
    optimizer = make[name]()
    steps = []
    for sums in gradients:
        for tensor, total in zip(tensors, sums):
            tensor.grad = torch.from_numpy(total.astype(np.float64) * MEAN_FACTOR)
        optimizer.step()
        steps.append([tensor.detach().numpy().copy() for tensor in tensors])
    return steps


def worst(steps, expected):
    """The largest difference of any weight after any step; infinite where one is not a number."""
    differences = [np.abs(a - b).max() for step, twin in zip(steps, expected, strict=True)
                   for a, b in zip(step, twin, strict=True)]
    return max(differences) if np.isfinite(differences).all() else np.inf


class Optimizers(unittest.TestCase):
    def test_each_follows_its_formula(self):
        for case, (name, settings) in CASES.items():
            with self.subTest(case):
                steps = by_lockstep(name, settings)
                self.assertLess(max(np.abs(w).max() for step in steps for w in step), REACH)
                self.assertLess(worst(steps, by_formula(name, settings)), TOLERANCE)

    def test_those_that_pytorch_has_agree_with_it(self):
        if torch is None:
            self.skipTest("PyTorch is missing for this Python")
        compared = 0
        for case, (name, settings) in CASES.items():
            with self.subTest(case):
                expected = by_torch(name, settings)
                if expected is not None:
                    compared += 1
                    self.assertLess(worst(by_lockstep(name, settings), expected), TOLERANCE)
        self.assertEqual(compared, 9)

    def test_planted_faults_are_found(self):
        for case, fault in [("momentum", {"momentum": 0.91}), ("nesterov", {"momentum": 0.91}),
                            ("adagrad", {"place": OUTSIDE}), ("rmsprop", {"place": OUTSIDE}), ("rmsprop", {"rho": 0.91}),
                            ("rmsprop with momentum", {"momentum": 0.81}), ("adadelta", {"rho": 0.91}),
                            ("adadelta", {"epsilon": 1.1e-3}), ("adam", {"beta2": 0.99}), ("adam", {"place": INSIDE}),
                            ("adamw", {"weight_decay": 0.04}), ("lars", {"trust": 0.021}),
                            ("lars", {"weight_decay": 0.02}), ("lamb", {"weight_decay": 0.04}),
                            ("lamb", {"beta1": 0.91})]:
            with self.subTest(case, **fault):
                name, settings = CASES[case]
                self.assertGreater(worst(by_lockstep(name, settings), by_formula(name, settings | fault)), TOLERANCE)

    def test_the_rules_differ(self):
        name, settings = CASES["momentum"]
        self.assertGreater(worst(by_lockstep(name, settings), by_formula("nesterov", settings)), TOLERANCE)
        name, settings = CASES["lamb"]
        self.assertGreater(worst(by_lockstep(name, settings), by_formula("adamw", settings)), TOLERANCE)


if __name__ == "__main__":
    DRIVER = sys.argv.pop(1)
    unittest.main()
