"""Small configurations for the system tests, and how to write one."""


def ini(**sections):
    """A configuration's text: [section] for each keyword, `key = value` for each of its items; a list repeats its key."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            lines += [f"{key} = {one}" for one in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"


def alvinn(samples, layers, **sections):
    """Drawn roads: `samples` to train, 50 to test; `layers` without the last, which has the 30 classes."""
    data = {"source": "alvinn", "train_samples": samples, "test_samples": 50}
    return ini(data=data, network={"layer": [*layers, "dense units=30 activation=softmax"], **sections.pop("network", {})},
               **sections)


def csv(hidden, **sections):
    """Three classes from the CSV files that data_files.write_csv_set writes into data/."""
    return ini(data={"source": "csv", "dir": "data"},
               network={"layer": [f"dense {hidden}", "dense units=3 activation=softmax"]}, **sections)


def xor(**sections):
    """The four samples of exclusive or, by two hidden neurons; `training` and `optimizer` are to be given."""
    return ini(data={"source": "xor"},
               network={"layer": ["dense units=2 activation=tanh", "dense units=1 activation=sigmoid"],
                        "loss": "square_error"}, **sections)


def two_layers(data, outputs, loss, epochs=2, global_batch=8):
    """Six hidden neurons and `outputs`, as in "3 activation=softmax", on what the lines `data` of [data] name."""
    return f"[data]\n{data}\n" + ini(
        network={"layer": ["dense units=6 activation=tanh", f"dense units={outputs}"], "loss": loss},
        training={"epochs": epochs, "global_batch": global_batch, "leaf": 2}, optimizer={"learning_rate": 0.1})
