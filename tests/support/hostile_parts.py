"""What hostile files are made from: healthy ones."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper


def onnx_model() -> ModelProto:
    """A small healthy model: Gemm, Relu, MatMul, Add."""
    rng = np.random.default_rng(1)
    stored = {
        "w": rng.standard_normal((4, 6)),
        "c": rng.standard_normal(6),
        "v": rng.standard_normal((6, 2)),
        "d": rng.standard_normal(2),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w", "c"], ["g"], name="gemm", alpha=1.0),
        helper.make_node("Relu", ["g"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "v"], ["m"], name="matmul"),
        helper.make_node("Add", ["m", "d"], ["y"], name="add"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def npz_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {
        "W0": rng.standard_normal((3, 2)),
        "b0": rng.standard_normal(3),
        "W1": rng.standard_normal((1, 3)),
        "b1": rng.standard_normal(1),
    }


def npz_bytes(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npy(shape: str, data: bytes = b"", descr: str = "'<f8'", version: bytes = b"\x01\x00") -> bytes:
    """A .npy file with any header."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


VNNLIB = b"""; a property
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(assert (<= X_0 0.679857769))
(assert (>= X_0 0.6))
(assert (or (and (<= X_1 0.5) (>= X_1 0)) (and (<= X_1 2.5) (>= X_1 2))))
(assert (>= (+ (* 2 X_0) X_1) -7.25))
(assert (>= Y_0 3.991125645861615))
"""


HEALTHY_ONNX = onnx_model().SerializeToString()
