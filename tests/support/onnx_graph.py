"""ONNX files, decoded by protobuf's wire format and computed by numpy: what a runtime would make of them.

The numbers of fields are those of onnx.proto; operators are those of docs/Operators.md at opset 13.
"""

import numpy as np
from protobuf import fields


def all_of(data, number):
    return [value for found, value in fields(data) if found == number]


def tensor(data):
    """TensorProto: dims 1, data_type 2, int64_data 7, name 8, raw_data 9."""
    name = all_of(data, 8)[0].decode()
    if all_of(data, 2) == [7]:
        return name, np.array(list(all_of(data, 7)[0]), np.int64)  # packed, and each below 128
    assert all_of(data, 2) == [1], "no float32"
    return name, np.frombuffer(all_of(data, 9)[0], np.float32).reshape(all_of(data, 1))


def attributes(data):
    """AttributeProto of a node: name 1, i 3, type 20 (2 an integer)."""
    return {all_of(one, 1)[0].decode(): all_of(one, 3)[0] if all_of(one, 3) else 0 for one in all_of(data, 5)}


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


OPERATORS = {"Div": np.divide, "Sub": np.subtract, "Mul": np.multiply, "MatMul": np.matmul, "Exp": np.exp, "Sqrt": np.sqrt,
             "Less": np.less, "Where": np.where, "Tanh": np.tanh, "Softmax": softmax,
             "Gemm": lambda x, w, b: x @ w + b, "Relu": lambda x: np.maximum(x, 0),
             "Sigmoid": lambda x: 1 / (1 + np.exp(-x)), "Clip": lambda x, least, most: np.clip(x, least, most),
             "Unsqueeze": lambda x, axes: np.expand_dims(x, tuple(axes))}


class OnnxFile:
    """ModelProto: ir_version 1, graph 7, opset_import 8, metadata_props 14. GraphProto: node 1, initializer 5."""

    def __init__(self, path):
        data = path.read_bytes()
        (self.graph,) = all_of(data, 7)
        self.opset = all_of(all_of(data, 8)[0], 2)[0]
        self.metadata = {all_of(one, 1)[0].decode(): all_of(one, 2)[0].decode() for one in all_of(data, 14)}
        self.nodes = [([name.decode() for name in all_of(node, 1)], [name.decode() for name in all_of(node, 2)],
                       all_of(node, 4)[0].decode(), attributes(node)) for node in all_of(self.graph, 1)]
        self.operators = [op for _, _, op, _ in self.nodes]
        self.constants = dict(tensor(one) for one in all_of(self.graph, 5))

    def run(self, x):
        """In double: what is compared with it was added up in fp32."""
        values = {name: value.astype(float) if value.dtype == np.float32 else value
                  for name, value in self.constants.items()}
        values["input"] = np.asarray(x, float)
        for inputs, (output,), op, given in self.nodes:
            operands = [values[name] for name in inputs]
            if op == "ReduceSum":
                assert given == {"keepdims": 0}, given
                values[output] = operands[0].sum(axis=tuple(operands[1]))
            else:
                assert not given, given
                values[output] = OPERATORS[op](*operands)
        return values["output"]
