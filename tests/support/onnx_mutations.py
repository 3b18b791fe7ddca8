"""ONNX models that somebody changed: in their structure, and in their bytes.

``python tests/support/onnx_mutations.py 5000`` tries that many and prints what came of them.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx_cases import OPERATORS
from onnx_models import make_model

from exactspline.errors import ExactSplineError
from exactspline.formats import load
from exactspline.network import Network

SIZES = [0, 1, -1, 2, 3, 7, -2, 2**31, -(2**31), 2**62, -(2**63)]
NUMBERS = [0.0, -1.0, 0.5, 1e30, -1e-30, float("inf"), float("-inf"), float("nan")]
LOADED, REFUSED = "loaded", "refused"


def models() -> list[Any]:
    """One model of every case, as ModelProto; some with weights in another file."""
    return [
        make_model(nodes, stored, shape, **options)
        for nodes, stored, shape, options in OPERATORS.values()
    ]


def mutated(rng: random.Random, pool: list[Any]) -> bytes:
    """A model with one to three changes."""
    model = onnx.ModelProto()
    model.CopyFrom(rng.choice(pool))
    for _ in range(rng.randint(1, 3)):
        rng.choice(CHANGES)(rng, model, pool)
    data = model.SerializeToString()
    if rng.random() < 0.25:
        changed = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        data = bytes(changed)
    if rng.random() < 0.05:
        a, b = sorted(rng.randrange(len(data)) for _ in range(2))
        data = data[:a] + data[b:]
    return data


# --- changes ---------------------------------------------------------------------------------


def _node(rng: random.Random, model: Any) -> Any:
    return rng.choice(model.graph.node)


def _other_operator(rng: random.Random, model: Any, pool: list[Any]) -> None:
    if model.graph.node:
        other = rng.choice(rng.choice(pool).graph.node)
        node = _node(rng, model)
        node.op_type = other.op_type
        if rng.random() < 0.5:
            del node.attribute[:]
            node.attribute.extend(other.attribute)


def _attribute(rng: random.Random, model: Any, pool: list[Any]) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    node = rng.choice(nodes)
    attribute = rng.choice(node.attribute)
    if rng.random() < 0.1:
        attribute.type = rng.randrange(15)
    elif rng.random() < 0.15:
        node.attribute.remove(attribute)
    elif attribute.type == 1:
        attribute.f = rng.choice(NUMBERS[:5] + NUMBERS[5:])
    elif attribute.type == 2:
        attribute.i = rng.choice(SIZES)
    elif attribute.type == 3:
        attribute.s = rng.choice([b"", b"linear", b"SAME_UPPER", b"\xff", b"ij,jk->ik", b"..."])
    elif attribute.type == 7 and attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(SIZES)
    elif attribute.type == 7:
        attribute.ints.extend(rng.choices(SIZES, k=3))
    elif attribute.type == 6:
        attribute.floats.extend(rng.choices(NUMBERS, k=2))


def _wires(rng: random.Random, model: Any, pool: list[Any]) -> None:
    names = [name for node in model.graph.node for name in (*node.input, *node.output)] or ["x"]
    if not model.graph.node:
        return
    node = _node(rng, model)
    kind = rng.randrange(5)
    if kind == 0 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice([*names, ""])
    elif kind == 1:
        node.input.append(rng.choice(names))
    elif kind == 2 and node.input:
        del node.input[rng.randrange(len(node.input))]
    elif kind == 3 and node.output:
        node.output[rng.randrange(len(node.output))] = rng.choice([*names, "", "y"])
    else:
        nodes = list(model.graph.node)
        rng.shuffle(nodes)
        del model.graph.node[:]
        model.graph.node.extend(nodes)


def _stored(rng: random.Random, model: Any, pool: list[Any]) -> None:
    """Other numbers, another shape or another place for a stored tensor."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    kind = rng.randrange(5)
    if kind == 0:
        try:
            array = numpy_helper.to_array(tensor).copy()
        except Exception:  # it was changed before
            return
        if array.size:
            values = SIZES if array.dtype.kind == "i" else NUMBERS
            with np.errstate(all="ignore"):
                value = np.array(rng.choice(values)).astype(array.dtype)
            array.reshape(-1)[rng.randrange(array.size)] = value
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    elif kind == 1 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(SIZES)
    elif kind == 2:
        tensor.data_type = rng.randrange(24)
    elif kind == 3:
        shape = rng.choice([(), (1,), (2, 2), (0,), (1, 1, 1, 1), (5, 1)])
        dtype = rng.choice([np.float32, np.int64, np.float64, bool])
        array = np.array(rng.choices([0, 1, -1, 2], k=int(np.prod(shape)))).astype(dtype)
        tensor.CopyFrom(numpy_helper.from_array(array.reshape(shape), tensor.name))
    else:
        tensor.data_location = 1
        for key, value in (
            ("location", rng.choice(["weights.bin", "../x", "net.onnx", "/dev/zero", ""])),
            ("offset", str(rng.choice(SIZES))),
            ("length", str(rng.choice(SIZES))),
        ):
            if rng.random() < 0.7:
                tensor.external_data.add(key=key, value=value)
        if rng.random() < 0.7:
            tensor.raw_data = b""


def _input(rng: random.Random, model: Any, pool: list[Any]) -> None:
    value = rng.choice(model.graph.input)
    dims = value.type.tensor_type.shape.dim
    if rng.random() < 0.2:
        model.graph.input.add().CopyFrom(value)
        model.graph.input[-1].name = rng.choice(["z", "x", "w", "s"])
    elif dims and rng.random() < 0.8:
        dims[rng.randrange(len(dims))].dim_value = rng.choice([*SIZES, 4, 5])
    else:
        dims.add(dim_value=rng.choice([1, 2, 3]))


def _version(rng: random.Random, model: Any, pool: list[Any]) -> None:
    model.opset_import[0].version = rng.choice([6, 7, 9, 10, 11, 12, 13, 16, 18, 20, 22, 99])


def _more_nodes(rng: random.Random, model: Any, pool: list[Any]) -> None:
    """The nodes of another model behind or before these, under the same names."""
    other = rng.choice(pool)
    model.graph.node.extend(other.graph.node)
    known = {tensor.name for tensor in model.graph.initializer}
    model.graph.initializer.extend(t for t in other.graph.initializer if t.name not in known)
    if rng.random() < 0.7 and model.graph.node:
        first = next(iter(model.graph.node))
        if first.output:
            old, new = first.output[0], "between"
            for node in list(model.graph.node)[1:]:
                for i, name in enumerate(node.input):
                    node.input[i] = new if name in ("x", old) else name
            first.output[0] = new


CHANGES = [_other_operator, _attribute, _attribute, _wires, _stored, _stored, _input, _version,
           _more_nodes]  # fmt: skip


# --- what comes of them ----------------------------------------------------------------------


def outcome(path: Path) -> str:
    """Loaded and valid, or refused with one clear error; anything else is an assertion."""
    try:
        net = load(path)
    except ExactSplineError as error:
        text = str(error)
        assert path.name in text, text
        assert "\n" not in text, text
        assert len(text) < 1500, text
        return REFUSED
    assert isinstance(net, Network)
    try:
        value = net.forward(np.zeros(net.input_shape))
        assert value.shape == net.output_shape
    except ExactSplineError:  # numbers beyond float64
        pass
    return LOADED


def tried(count: int, seed: int = 0) -> Counter[str]:
    """What came of that many files."""
    rng, pool = random.Random(seed), models()
    out: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        (Path(folder) / "weights.bin").write_bytes(bytes(range(256)) * 8)
        for i in range(count):
            path.write_bytes(mutated(rng, pool))
            start = time.perf_counter()
            try:
                out[outcome(path)] += 1
            except BaseException:
                kept = Path(tempfile.gettempdir()) / f"mutant_{seed}_{i}.onnx"
                kept.write_bytes(path.read_bytes())
                print(f"mutant {i} of seed {seed}: kept as {kept}", file=sys.stderr)
                raise
            taken = time.perf_counter() - start
            assert taken < 60, f"mutant {i} of seed {seed} took {taken:.0f} s"
    return out


if __name__ == "__main__":
    print(tried(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
