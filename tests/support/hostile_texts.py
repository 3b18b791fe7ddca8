"""Hostile archives and texts: npz, JSON, domains, VNN-LIB."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hostile_parts import HEALTHY_ONNX, VNNLIB, npy, npz_arrays, npz_bytes, zipped

HUGE = "1" * 100_000


def with_w0(data: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    return zipped({"W0.npy": data, "b0.npy": npy("(1,)", bytes(8))}, method)


JSON_NETWORK = {
    "format": "exactspline-network",
    "version": 1,
    "input_shape": [2],
    "operators": [
        {"type": "Dense", "weight": [[1, "1/3"], [0.5, -2]], "bias": [0, 1]},
        {"type": "ReLU"},
        {"type": "LeakyReLU", "slope": "1/100"},
    ],
}


def json_with(weight: str) -> bytes:
    return (
        '{"format":"exactspline-network","version":1,"input_shape":[1],'
        f'"operators":[{{"type":"Dense","weight":{weight}}}]}}'
    ).encode()


def vnnlib_with(text: str) -> bytes:
    return b"(declare-const X_0 Real)\n(declare-const X_1 Real)\n" + text.encode()


class Malicious:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickled() -> bytes:
    return with_w0(npy("(1, 1)", pickle.dumps(Malicious("unpickled")), "'|O'"))


def lying_size() -> bytes:
    """The directory of the archive claims 3 GiB for a member."""
    data = bytearray(npz_bytes(**npz_arrays()))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 3 << 30)
    return bytes(data)


def zip_bomb() -> bytes:
    return with_w0(npy("(5000, 5000)", bytes(200_000_000)), zipfile.ZIP_DEFLATED)


def zip_bomb_lzma() -> bytes:
    return with_w0(npy("(3000, 3000)", bytes(72_000_000)), zipfile.ZIP_LZMA)


def many_members() -> bytes:
    return zipped({f"W{i}.npy": b"" for i in range(20_001)})


def member_twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("W0.npy", npy("(1, 1)", bytes(8)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("W0.npy", npy("(1, 1)", bytes(8)))
    return stream.getvalue()


def patched(offset_from: bytes, offset: int, new: bytes) -> bytes:
    data = bytearray(with_w0(npy("(1, 1)", bytes(8))))
    at = data.index(offset_from) + offset
    data[at : at + len(new)] = new
    return bytes(data)


HEALTHY_NPZ = npz_bytes(**npz_arrays())


NPZ_FILES = {  # what takes its time is made by the test that reads it
    "empty": b"",
    "text": b"no archive",
    "model": HEALTHY_ONNX,
    "empty_archive": zipped({}),
    "declared_huge": with_w0(npy("(1000000000, 1000000000)", bytes(8))),
    "declared_overflow": with_w0(npy(f"({2**63}, {2**63})", bytes(8))),
    "declared_negative": with_w0(npy("(-1, -1)", bytes(8))),
    "declared_too_small": with_w0(npy("(1, 1)", bytes(80))),
    "declared_empty": with_w0(npy("(0, 5)")),
    "declared_scalar": with_w0(npy("()", bytes(8))),
    "declared_three_axes": with_w0(npy("(1, 1, 1)", bytes(8))),
    "declared_text": with_w0(npy("('a', 1)", bytes(8))),
    "declared_floats": with_w0(npy("(1.0, 1)", bytes(8))),
    "declared_boolean": with_w0(npy("(True, True)", bytes(8), "'|O'")),
    "header_code": with_w0(npy("__import__('os').system('true')", bytes(8))),
    "header_nested": with_w0(npy("(" * 4000 + ")" * 4000, bytes(8))),
    "header_garbage": with_w0(b"\x93NUMPY\x01\x00\x10\x00" + b"\xff" * 16),
    "header_long": with_w0(b"\x93NUMPY\x01\x00\xff\xff" + b" " * 65535),
    "header_version": with_w0(npy("(1, 1)", bytes(8), version=b"\x09\x00")),
    "header_cut": with_w0(b"\x93NUMPY\x01\x00"),
    "no_npy": with_w0(b"hello"),
    "structured": with_w0(npy("(1, 1)", bytes(8), "[('a', '<f8')]")),
    "strings": with_w0(npy("(1, 1)", bytes(8), "'<U2'")),
    "dates": with_w0(npy("(1, 1)", bytes(8), "'<M8[s]'")),
    "complex": with_w0(npy("(1, 1)", bytes(16), "'<c16'")),
    "nonsense_type": with_w0(npy("(1, 1)", bytes(8), "'<q77'")),
    "enormous_type": with_w0(npy("(1, 1)", bytes(8), "'<V2147483647'")),
    "nan": npz_bytes(W0=np.array([[np.nan]]), b0=np.zeros(1)),
    "infinity": npz_bytes(W0=np.array([[1.0]]), b0=np.array([-np.inf])),
    "pickled": pickled(),
    "pickled_by_numpy": npz_bytes(W0=np.array([[None]], dtype=object), b0=np.zeros(1)),
    "zip_bomb": zip_bomb,
    "zip_bomb_lzma": zip_bomb_lzma,
    "lying_size": lying_size(),
    "many_members": many_members,
    "member_twice": member_twice(),
    "wrong_names": npz_bytes(weight=np.eye(2), bias=np.zeros(2)),
    "path_as_name": zipped({"../W0.npy": npy("(1, 1)", bytes(8))}),
    "bad_checksum": patched(b"NUMPY", 80, b"\x01"),
    "encrypted": patched(b"PK\x01\x02", 8, b"\x01\x00"),
    "unknown_compression": patched(b"PK\x01\x02", 10, b"\x63\x00"),
    "gap": npz_bytes(**{**npz_arrays(), "W9": np.eye(1), "b9": np.zeros(1)}),
    "misfit": npz_bytes(**{**npz_arrays(), "W1": np.eye(4)}),
    "cut_in_half": HEALTHY_NPZ[: len(HEALTHY_NPZ) // 2],
    "cut_at_end": HEALTHY_NPZ[:-1],
}


HEALTHY_JSON = json.dumps(JSON_NETWORK).encode()


JSON_FILES = {
    "empty": b"",
    "blank": b" \n",
    "number": b"7",
    "null": b"null",
    "deep_lists": b"[" * 200_000,
    "deep_objects": b'{"a":' * 200_000,
    "deep_closed": b"[" * 100_000 + b"]" * 100_000,
    "deep_weight": json_with("[" * 900 + "1" + "]" * 900),
    "nan": json_with("[[NaN]]"),
    "infinity": json_with("[[-Infinity]]"),
    "nan_text": json_with('[["nan"]]'),
    "huge_exponent": json_with("[[1e999999999]]"),
    "huge_negative_exponent": json_with("[[1e-999999999]]"),
    "huge_exponent_text": json_with('[["1e999999999"]]'),
    "huge_integer": json_with(f"[[{HUGE}]]"),
    "long_integer": json_with(f"[[{'7' * 30_000}]]"),
    "huge_ratio": json_with(f'[["1/{HUGE}"]]'),
    "many_long_numbers": json_with("[[" + ",".join(["1e20000"] * 100_000) + "]]"),
    "many_long_texts": json_with("[[" + ",".join(['"1e-20000"'] * 100_000) + "]]"),
    "many_values": b"[" + b"1," * 3_000_000 + b"1]",
    "ratio_by_zero": json_with('[["1/0"]]'),
    "duplicate_key": b'{"format":"exactspline-network","format":"exactspline-network"}',
    "no_utf8": b'{"format":"\xff\xfe"}',
    "utf16": HEALTHY_JSON.decode().encode("utf-16"),
    "byte_order_mark": b"\xef\xbb\xbf" + HEALTHY_JSON,
    "trailing": HEALTHY_JSON + b"x",
    "comment": b"// hello\n" + HEALTHY_JSON,
    "lone_surrogate": json_with('[["\\ud800"]]'),
    "nul_text": json_with('[["1\\u0000"]]'),
    "huge_shape": json.dumps(
        {**JSON_NETWORK, "input_shape": [10**6, 10**6], "operators": [{"type": "ReLU"}]}
    ).encode(),
    "huge_leaky": json.dumps(
        {**JSON_NETWORK, "input_shape": [2**40], "operators": [{"type": "LeakyReLU", "slope": 3}]}
    ).encode(),
    "outer_growth": json.dumps(
        {
            **JSON_NETWORK,
            "input_shape": [3000],
            "operators": [{"type": "Elementwise", "shift": [[0]] * 3000}],
        }
    ).encode(),
    "shape_floats": json.dumps({**JSON_NETWORK, "input_shape": [2.5]}).encode(),
    "axis_far": json.dumps(
        {**JSON_NETWORK, "operators": [{"type": "Dense", "weight": [[1]], "axis": 10**9}]}
    ).encode(),
    "long_type": json.dumps({**JSON_NETWORK, "operators": [{"type": "x" * 100_000}]}).encode(),
    "cut": HEALTHY_JSON[:-3],
}


DOMAIN_FILES = {
    "empty": b"",
    "deep_slices": (
        b'{"type":"slice","origin":[0],"directions":[[1]],"domain":' * 300
        + b'{"type":"all","dim":1}'
        + b"}" * 300
    ),
    "contradiction": b'{"type":"box","low":[1],"high":[0]}',
    "long_contradiction": b'{"type":"box","low":[1e5000],"high":[0]}',
    "nan_bound": b'{"type":"box","low":["nan"],"high":[0]}',
    "infinite_low": b'{"type":"box","low":["inf"],"high":["inf"]}',
    "huge_number": b'{"type":"box","low":[0],"high":[1e99999999]}',
    "huge_dim": b'{"type":"all","dim":1e18}',
    "ragged": b'{"type":"polytope","G":[[1,2],[3]],"h":[1,2]}',
    "misfit": b'{"type":"polytope","G":[[1,2]],"h":[1,2]}',
    "no_type": b'{"low":[0],"high":[1]}',
    "type_number": b'{"type":7}',
    "dependent": b'{"type":"slice","origin":[0,0],"directions":[[0,0]],'
    b'"domain":{"type":"all","dim":1}}',
    "unknown_key": b'{"type":"all","dim":1,"color":"red"}',
    "list": b"[1,2]",
}


VNNLIB_FILES = {
    "empty": b"",
    "deep": b"(" * 1_000_000,
    "deep_formula": vnnlib_with("(assert " + "(and " * 5000 + "true" + ")" * 5001),
    "closing": b")" * 10,
    "binary": bytes(range(256)) * 10,
    "no_utf8": b"(declare-const \xff Real)",
    "quotes": b'(assert "unterminated',
    "bars": b"(assert |X_0|)",
    "numbers_outside": b"1 2 3",
    "huge_exponent": vnnlib_with("(assert (<= X_0 1e999999999))"),
    "huge_number": vnnlib_with(f"(assert (<= X_0 {HUGE}))"),
    "product_of_long": vnnlib_with("(assert (<= X_0 (* " + "1e20000 " * 50_000 + ")))"),
    "sum_of_long": vnnlib_with(
        "(assert (<= X_0 (+ " + " ".join(f"1/{'9' * 900}{i}" for i in range(1, 20_000)) + ")))"
    ),
    "exploding_parts": vnnlib_with("(assert (or (<= X_0 0) (>= X_0 1)))" * 100),
    "exploding_and": vnnlib_with("(assert (and" + " (or (<= X_0 0) (>= X_0 1))" * 100 + "))"),
    "nested_or": vnnlib_with(
        "(assert " + "(or (<= X_0 0) (and (<= X_1 0) " * 45 + "(<= X_1 1)" + "))" * 45 + ")"
    ).replace(b"X_1 Real", b"X_7 Real"),
    "far_index": b"(declare-const X_99999999999999999999 Real)",
    "index_4e8": b"(declare-const X_400000000 Real)",
    "leading_zero": b"(declare-const X_00 Real)",
    "function": b"(declare-fun X_0 (Real) Real)",
    "integer": b"(declare-const X_0 Int)",
    "undeclared": vnnlib_with("(assert (<= X_5 0))"),
    "unknown_statement": vnnlib_with("(define-fun f () Real 1)"),
    "empty_list": vnnlib_with("()"),
    "empty_assert": vnnlib_with("(assert ())"),
    "list_head": vnnlib_with("(assert ((<= X_0 1)))"),
    "empty_or": vnnlib_with("(assert (or))"),
    "implication": vnnlib_with("(assert (=> (<= X_0 1) (<= X_1 1)))"),
    "nan": vnnlib_with("(assert (<= X_0 NaN))"),
    "hex": vnnlib_with("(assert (<= X_0 #x10))"),
    "division": vnnlib_with("(assert (<= (/ X_0 0) 1))"),
    "nonlinear": vnnlib_with("(assert (<= (* X_0 X_0) 1))"),
    "contradiction": vnnlib_with("(assert (<= X_0 0)) (assert (>= X_0 1e-9))"),
    "false": vnnlib_with("(assert false)"),
    "many_tokens": b"(" + b"a " * 1_200_000,
    "cut": VNNLIB[:-5],
}
