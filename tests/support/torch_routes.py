"""Every route from a PyTorch module to a network, and a table of what comes of each module by each.

``python tests/support/torch_routes.py`` goes through all modules by all routes, some minutes, and
writes the table, tests/conformance/torch_routes.tsv; with names of modules, their rows. A line is
the module, the route, what came of it, the regions in a box, and the reason of a refusal. A wrong
value, or a count that differs from the one of the module itself, is told as a failure and is no
row.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx_models import session_of
from torch import nn
from torch_matrix import MATRIX
from torch_modules import randomised

import exactspline as es
from exactspline import formats, from_torch
from exactspline.errors import ExactSplineError

TABLE = Path(__file__).resolve().parents[1] / "conformance" / "torch_routes.tsv"
PASSED, REFUSED, NOT_WRITTEN = "passed", "refused", "not written"
OTHER = "another function"  # the exporter's file is not the module's function, by onnxruntime
MANY = {"inception", "inverted residual"}  # regions
PROPERTIES = (  # what is said of a refusal that no reader could help
    "jumps", "not continuous", "not piecewise affine", "in a file",
)  # fmt: skip


def module_and_shape(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A module of the matrix in eval mode, and the shape of its input."""
    case = MATRIX[name]
    torch.manual_seed(3)
    return randomised(case.make()), case.shape


# --- routes: what is written, and how it is read -------------------------------------------------


class Route(NamedTuple):
    """How a module is written (by torch), and how that is read."""

    write: Callable[[str, Path], Any]
    read: Callable[[Any], es.Network]
    exact: bool  # in double precision; else in float32


def _example(shape: tuple[int, ...], size: int = 1) -> torch.Tensor:
    return torch.zeros(size, *shape, dtype=torch.float64)


def _program(name: str, folder: Path) -> Any:
    """A program of torch.export; the batch is a symbol where torch can have it so."""
    module, shape = module_and_shape(name)
    batch = ({0: torch.export.Dim("batch", min=1, max=64)},)
    try:
        return torch.export.export(module, (_example(shape, 3),), dynamic_shapes=batch)
    except Exception:  # the module's own constants have a batch of one
        return _of_one(name)


def _of_one(name: str) -> Any:
    module, shape = module_and_shape(name)
    return torch.export.export(module, (_example(shape),))


def _file(name: str, folder: Path) -> Path:
    """A .pt2 file."""
    torch.export.save(_of_one(name), folder / "module.pt2")
    return folder / "module.pt2"


def onnx_file(
    module: nn.Module, shape: tuple[int, ...], path: Path, *, dynamo: bool = False
) -> Path:
    """A module in float32 as one of torch's exporters writes it, without a word."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    options = {"external_data": False} if dynamo else {"opset_version": 17}
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")  # the older exporter is deprecated
        x = _example(shape).float()
        torch.onnx.export(module.float(), (x,), str(path), dynamo=dynamo, **options)
    return path


def _onnx(name: str, folder: Path, *, dynamo: bool = False) -> Path:
    return onnx_file(*module_and_shape(name), folder / "module.onnx", dynamo=dynamo)


ROUTES = {
    "module": Route(lambda name, _: module_and_shape(name), lambda m: from_torch(*m), True),
    "program": Route(_program, from_torch, True),
    "module of a program": Route(lambda name, _: _of_one(name).module(), from_torch, True),
    ".pt2": Route(_file, formats.load, True),
    "older exporter": Route(_onnx, formats.load, False),
    "newer exporter": Route(
        lambda name, folder: _onnx(name, folder, dynamo=True), formats.load, False),
}  # fmt: skip


# --- results -------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What came of a module by a route."""

    module: str
    route: str
    result: str
    regions: str = ""
    reason: str = ""


def row(name: str, route: str, *, alone: bool = False) -> Row:
    """Read a module by a route, and compare its values with the module's.

    Its count is compared with that of the module read directly, but for ``alone``: then the caller
    knows what it must be.

    Raises
    ------
    AssertionError
        For another value or another count; and what is no ``ExactSplineError``.
    """
    way = ROUTES[route]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            written = way.write(name, Path(folder))
        except ExactSplineError:
            raise
        except Exception as error:  # the exporter's own
            return Row(name, route, NOT_WRITTEN, reason=type(error).__name__)
        if not way.exact and is_another(written, name):
            return Row(name, route, OTHER)
        try:
            net = way.read(written)
        except ExactSplineError as error:
            return Row(name, route, REFUSED, reason=_plain(str(error)))
    agree(net, name, 1e-12 if way.exact else 1e-5)
    regions = count(net, name)
    if route != "module" and not alone:
        module, shape = module_and_shape(name)
        own = from_torch(module if way.exact else module.float(), shape)
        if route == ".pt2":
            assert [op.kind for op in net.operators] == [op.kind for op in own.operators], name
        assert regions == count(own, name), (name, route)
    return Row(name, route, PASSED, "" if regions is None else str(regions))


def _plain(text: str) -> str:
    """A refusal without its place."""
    text = re.sub(r"^.*?module\.(onnx|pt2): ", "", text).removeprefix("from_torch: ")
    text = re.sub(r"^node -?\d* ?('[^']*')?( \([^)]*\))?:? ?", "", text)
    text = re.sub(r"^in module '[^']*' \(\w+\)(, \S+ line \d+)?: ", "", text)
    return " ".join(re.sub(r"^, \S+ line \d+: ", "", text).split())[:200]


def samples(name: str) -> torch.Tensor:
    """Where values are compared."""
    generator = torch.Generator().manual_seed(1)
    return 2 * torch.randn(5, *MATRIX[name].shape, generator=generator).double()


def values(name: str) -> np.ndarray:
    """The values of the module, sample after sample."""
    module, _ = module_and_shape(name)
    with torch.no_grad():
        return np.concatenate([module(x[None].clone()).numpy() for x in samples(name)])


def is_another(path: Path, name: str) -> bool:
    """Whether onnxruntime, too, finds other values in a file than the module has."""
    session = session_of(path)
    key = session.get_inputs()[0].name
    try:
        found = [session.run(None, {key: x[None].float().numpy()})[0] for x in samples(name)]
    except Exception:  # it has no such kernel
        return False
    want = values(name)
    got = np.concatenate(found).reshape(want.shape)
    return not np.allclose(got, want, rtol=1e-3, atol=1e-3 * max(1, np.abs(want).max()))


def agree(net: es.Network, name: str, tolerance: float) -> None:
    """The values are the module's."""
    want = values(name)
    got = net.forward(samples(name).numpy(), output_operator=True).reshape(want.shape)
    assert np.abs(got - want).max() <= tolerance * max(1, np.abs(want).max()), name


def count(net: es.Network, name: str) -> int | None:
    """Regions in a box; of what is small and piecewise affine."""
    size = math.prod(net.input_shape)
    smooth = any(op.smooth and not op.output_operator for op in net.operators)
    if smooth or size > 9 or name in MANY:
        return None
    return int(es.count_regions(net, es.Box([-2] * size, [2] * size)))


def has_property(reason: str) -> bool:
    """Whether a refusal names what no reader could change."""
    return any(re.search(text, reason) for text in PROPERTIES)


# --- the table -----------------------------------------------------------------------------------


def versions() -> str:
    """Of the packages that write the files."""
    return f"torch {torch.__version__.partition('+')[0]}, onnx {onnx.__version__}"


def read_table() -> tuple[str, dict[tuple[str, str], Row]]:
    """The versions that the table was made with, and its rows by module and route."""
    head, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [Row(*line.split("\t")) for line in lines]
    return head.removeprefix("# "), {(r.module, r.route): r for r in rows}


def rows(names: list[str], seconds: dict[str, float]) -> Iterator[Row]:
    """The rows of modules, by all routes; one that fails is told and makes no row."""
    for name in names:
        for route in ROUTES:
            start = time.perf_counter()
            try:
                yield row(name, route)
                seconds[route] += time.perf_counter() - start
            except Exception as error:
                text = str(error).strip().split("\n")[0][:200]
                print(f"FAILED: {name}, {route}: {type(error).__name__}: {text}", flush=True)


def write_table(found: list[Row]) -> None:
    """Put rows into the table, those of other modules staying as they are."""
    known = read_table()[1] if TABLE.exists() else {}
    known.update({(r.module, r.route): r for r in found})
    ordered = [known[m, r] for m in MATRIX for r in ROUTES if (m, r) in known]
    lines = [f"# {versions()}", *("\t".join(r) for r in ordered)]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    names = sys.argv[1:] or list(MATRIX)
    times = dict.fromkeys(ROUTES, 0.0)
    found = list(rows(names, times))
    write_table(found)
    results = Counter((r.route, r.result) for r in found)
    for (route, result), n in sorted(results.items()):
        print(f"{route}: {n} {result}")
    print(", ".join(f"{route} {seconds:.0f} s" for route, seconds in times.items()))
    for r in found:
        if r.result == REFUSED:
            print(f"{r.module}, {r.route}: {r.reason}")
    if len(found) < len(names) * len(ROUTES):
        sys.exit("some have failed: see above")
