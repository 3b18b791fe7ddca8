"""ONNX's own tests of its operators, each float input in turn as the data; and a table of results.

``python tests/support/onnx_suite.py`` writes the table, tests/conformance/onnx_nodes.tsv. All other
inputs of a test are constants. A line is the operator ("several" if a test has more), the test,
the input that is the data, the output, and what came of it.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

from exactspline.errors import ExactSplineError
from exactspline.formats import load

TABLE = Path(__file__).resolve().parents[1] / "conformance" / "onnx_nodes.tsv"
PASSED, REFUSED, OUT = "passed", "refused", "out of scope"
# what is said of a refusal that no reader could help: a property of the function, or of the test
PROPERTIES = (
    "not piecewise affine", "not continuous", "jumps", "depends? on the network's input",
    "dropout is random", "training", "batch axis",
    "has no entries", "runtimes take two different lengths", "infinite",
)  # fmt: skip


class Row(NamedTuple):
    """One test with one input as the data and one output."""

    operator: str
    test: str
    data: str
    output: str
    result: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others."""
        return self.test, self.data, self.output


def registered() -> set[str]:
    """ONNX's operators that have a reader."""
    from exactspline.formats.onnx import reader  # noqa: F401 (it fills the registry)
    from exactspline.formats.onnx.registry import REGISTRY

    return {kind for domain, kind in REGISTRY if not domain}


def in_scope(kinds: set[str]) -> bool:
    """Whether every operator of a test is read; of constants also what is computed from them."""
    from exactspline.formats.onnx.constants import can_evaluate

    if len(kinds) == 1:
        return kinds <= registered()
    return all(kind in registered() or can_evaluate(kind) or kind == "If" for kind in kinds)


def suite() -> list[Any]:
    """The tests that the installed onnx package has, by their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = {case.name: case for case in collect_testcases()}
    return [cases[name] for name in sorted(cases)]


def rows(cases: list[Any] | None = None) -> Iterator[Row]:
    """What comes of every test, and of every input and output of it."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        for case in suite() if cases is None else cases:
            kinds = {node.op_type for node in case.model.graph.node}
            domains = {node.domain for node in case.model.graph.node}
            if domains - {"", "ai.onnx"} or (len(kinds) > 1 and not in_scope(kinds)):
                continue
            inputs, outputs = case.data_sets[0]
            for i, value in enumerate(inputs):
                if not _is_float(value) or not value.size:
                    continue
                path.write_bytes(_with_data(case.model, inputs, i).SerializeToString())
                for info, wanted in zip(case.model.graph.output, outputs, strict=True):
                    if _is_float(wanted):
                        operator = kinds.copy().pop() if len(kinds) == 1 else "several"
                        result, reason = _result(path, value, info.name, wanted)
                        if result == REFUSED and not in_scope(kinds):
                            result = OUT
                        data = case.model.graph.input[i].name
                        yield Row(operator, case.name, data, info.name, result, reason)


def _is_float(value: Any) -> bool:
    if not isinstance(value, np.ndarray):
        return False
    return value.dtype in (np.float16, np.float32, np.float64)


def _with_data(model: Any, inputs: Any, data: int) -> Any:
    """The model with all inputs but one as stored constants."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    del out.graph.input[:]
    for i, (info, value) in enumerate(zip(model.graph.input, inputs, strict=True)):
        if i == data:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            out.graph.input.append(helper.make_tensor_value_info(info.name, kind, value.shape))
        elif isinstance(value, np.ndarray | np.generic):
            out.graph.initializer.append(numpy_helper.from_array(np.asarray(value), info.name))
    return out


def _result(path: Path, x: np.ndarray, output: str, wanted: np.ndarray) -> tuple[str, str]:
    """Passed, or refused and why; a wrong value or another error is an assertion."""
    try:
        net = load(path, output=output, batch=False)
    except ExactSplineError as error:
        text = re.sub(r"^.*?net\.onnx: ", "", str(error))
        text = re.sub(r"^node -?\d+ ?('[^']*')?( \(\w+\))?:? ?", "", text)
        return REFUSED, " ".join(text.split())[:160]
    flat = np.float64(x).reshape(-1)
    got = net.forward(flat, output_operator=True).reshape(-1)
    expected = np.float64(wanted).reshape(-1)
    assert got.shape == expected.shape, path
    absolute = 1e-3 if wanted.dtype == np.float16 else 1e-6
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=absolute)
    if not any(node.operator.smooth for node in (*net.nodes, *net.output_nodes)):
        exact = net.forward(flat[None].astype(object), exact=True).reshape(-1).astype(np.float64)
        np.testing.assert_allclose(exact, got, rtol=1e-9, atol=1e-9)
    return PASSED, ""


def read_table() -> tuple[str, list[Row]]:
    """The version of onnx whose tests were taken, and the rows of the table."""
    head, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    return head.split()[-1], [Row(*line.split("\t")) for line in lines]


def table_of(found: Iterable[Row]) -> list[Row]:
    """The rows in order; of an operator that is out of scope the first one alone."""
    out: list[Row] = []
    for row in sorted(found):
        if row.result != OUT or not (out and out[-1].operator == row.operator):
            out.append(row)
    return out


def has_property(reason: str) -> bool:
    """Whether a refusal names what no reader could change."""
    return any(re.search(text, reason) for text in PROPERTIES)


def summary(table: list[Row]) -> dict[str, Counter[str]]:
    """Per operator how many tests passed, were refused, are out of scope."""
    out: dict[str, Counter[str]] = {}
    for row in table:
        out.setdefault(row.operator, Counter())[row.result] += 1
    return dict(sorted(out.items()))


if __name__ == "__main__":
    found = table_of(rows())
    TABLE.parent.mkdir(exist_ok=True)
    lines = ["\t".join(row) for row in found]
    text = "\n".join([f"# onnx {onnx.__version__}", *lines])
    TABLE.write_text(text + "\n", encoding="utf-8")
    print(Counter(row.result for row in found))
