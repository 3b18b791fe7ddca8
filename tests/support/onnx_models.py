"""Small ONNX models for the tests, and how a network is compared with onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from exactspline import formats

RNG = np.random.default_rng(20240)


def floats(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


def make_model(
    nodes,
    stored=None,
    shape=(1, 4),
    *,
    opset=13,
    elem=TensorProto.FLOAT,
    listed=False,
    output="y",
    outputs=None,
):
    """A model with input x; ``stored`` holds arrays or TensorProtos by name."""
    tensors = [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
        for name, value in (stored or {}).items()
    ]
    inputs = [helper.make_tensor_value_info("x", elem, shape)]
    if listed:
        inputs = [
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors
        ] + inputs
    outputs = outputs or [helper.make_tensor_value_info(output, elem, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def save(model, folder, name="net.onnx"):
    path = Path(folder) / name
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def node(kind, inputs, output="y", **attributes):
    name = f"the_{kind}" if output == "y" else f"{kind}_{output.split()[0]}"
    return helper.make_node(
        kind,
        ["" if name == "-" else name for name in inputs.split()],
        output.split(),
        name=name,
        **attributes,
    )


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def agree(path, input_shape, samples=5, dtype=np.float32, tolerance=1e-5, result=0, exact=False):
    """Network and onnxruntime give the same values at random inputs.

    Where the first length is a text, the batch is of three; else of one. With ``exact`` the
    network computes in rationals.
    """
    session = session_of(path)
    name = session.get_inputs()[0].name
    net = formats.load(path)
    batch = 3 if input_shape and isinstance(input_shape[0], str) else 1
    shape = (batch, *input_shape[1:]) if batch > 1 else tuple(input_shape)
    values, wanted = [], []
    for _ in range(samples):
        x = floats(*shape, dtype=dtype)
        expected = session.run(None, {name: x})[result]
        if isinstance(expected, list):  # a ZipMap
            expected = np.array([list(row.values()) for row in expected])
        flat = np.float64(x).reshape(batch, *net.input_shape)
        got = net.forward(flat, exact=exact, output_operator=not exact)
        assert got.size == expected.size
        values.append(got.astype(np.float64).reshape(-1))
        wanted.append(np.float64(expected).reshape(-1))
    scale = np.abs(wanted).max()  # of all samples: a small one may be what cancelled
    np.testing.assert_allclose(values, wanted, rtol=0, atol=tolerance * scale)
    return net
