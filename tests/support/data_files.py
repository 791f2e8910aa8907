"""Writes small data sets for the system tests: MNIST's IDX files, and the course's CSV files."""

import gzip
import struct

IMAGES_MAGIC, LABELS_MAGIC = 0x803, 0x801
SIDE = 4
CLASSES = 3


def samples(count, inputs=SIDE * SIDE, classes=CLASSES):
    """Byte vectors and labels, easily told apart: class c has its bright pixels at i = c (mod classes)."""
    labels = [(7 * i + i // 5) % classes for i in range(count)]
    vectors = [[(200 if j % classes == label else 20) + (11 * i + 5 * j) % 31 for j in range(inputs)]
               for i, label in enumerate(labels)]
    return vectors, labels


def idx_images(vectors, magic=IMAGES_MAGIC, promised=None, side=SIDE):
    header = struct.pack(">IIII", magic, len(vectors) if promised is None else promised, side, side)
    return header + bytes(byte for vector in vectors for byte in vector)


def idx_labels(labels, magic=LABELS_MAGIC):
    return struct.pack(">II", magic, len(labels)) + bytes(labels)


def write_idx_set(write, folder, count=40, **replaced):
    """MNIST's four files under its names, gzipped; `replaced` gives other bytes for train_images and so on."""
    vectors, labels = samples(count)
    contents = {
        "train_images": gzip.compress(idx_images(vectors)),
        "train_labels": gzip.compress(idx_labels(labels)),
        "test_images": gzip.compress(idx_images(vectors)),
        "test_labels": gzip.compress(idx_labels(labels)),
    } | replaced
    names = {"train_images": "train-images-idx3-ubyte.gz", "train_labels": "train-labels-idx1-ubyte.gz",
             "test_images": "t10k-images-idx3-ubyte.gz", "test_labels": "t10k-labels-idx1-ubyte.gz"}
    for part, content in contents.items():
        if content is not None:
            write(f"{folder}/{names[part]}", content)


def csv_lines(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def write_csv_set(write, folder, vectors, labels, test_vectors=None, test_labels=None, prefix="set"):
    """The four files of the course task; the test set is the training set unless given."""
    parts = {"train": (vectors, labels),
             "test": (vectors if test_vectors is None else test_vectors, labels if test_labels is None else test_labels)}
    for part, (some_vectors, some_labels) in parts.items():
        write(f"{folder}/{prefix}_{part}_vectors.csv", csv_lines(some_vectors))
        write(f"{folder}/{prefix}_{part}_labels.csv", csv_lines([[label] for label in some_labels]))
