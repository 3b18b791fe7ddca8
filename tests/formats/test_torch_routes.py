"""Every route from a PyTorch module to a network: the module itself, its program, ONNX files.

All modules by all routes are gone through by ``python tests/support/torch_routes.py``, which writes
the table of results. Here is a part of them: what came of it then comes of it now, with the same
count of regions; values are torch's, whatever the table says.
"""

from __future__ import annotations

import pytest
import torch_routes
from marks import first_quick
from torch_matrix import MATRIX
from torch_routes import NOT_WRITTEN, OTHER, PASSED, REFUSED, ROUTES

from exactspline import from_torch, load

VERSIONS, TABLE = torch_routes.read_table()
STEPS = {  # every which module goes by a route; a route of a second for each goes fewer
    "module": 1, "program": 1, "module of a program": 4, ".pt2": 4, "older exporter": 2,
    "newer exporter": 14,
}  # fmt: skip
QUICK = {"module": 40, "program": 10, "module of a program": 2, ".pt2": 3, "older exporter": 3}
CASES = [
    case
    for route, step in STEPS.items()
    for case in first_quick([(name, route) for name in list(MATRIX)[::step]], QUICK.get(route, 0))
]


@pytest.mark.parametrize(("name", "route"), CASES)
def test_route(name, route):
    found, known = torch_routes.row(name, route, alone=True), TABLE[name, route]
    if torch_routes.versions() == VERSIONS:
        assert found == known, "run: python tests/support/torch_routes.py"
    elif known.result == PASSED:  # other versions may write otherwise
        assert found.result in (PASSED, NOT_WRITTEN, OTHER)
        assert found.regions in ("", known.regions)


def test_table_has_every_module_by_every_route():
    assert list(TABLE) == [(name, route) for name in MATRIX for route in ROUTES]
    assert {row.result for row in TABLE.values()} <= {PASSED, REFUSED, NOT_WRITTEN, OTHER}


def test_all_modules_are_read_from_torch():
    for route in ("module", "program", "module of a program"):
        assert {TABLE[name, route].result for name in MATRIX} == {PASSED}
    for name in MATRIX:  # one count, by whatever route; ONNX files have weights of float32
        counts = {TABLE[name, r].regions for r, way in ROUTES.items() if way.exact}
        assert len(counts - {""}) <= 1


def test_refusals_name_a_property():
    refused = [row for row in TABLE.values() if row.result == REFUSED]
    assert len(refused) < len(MATRIX) / 50
    for row in refused:
        assert torch_routes.has_property(row.reason), row


def test_a_file_of_another_function_is_what_onnxruntime_makes_of_it(tmp_path):
    """An exporter drops the absolute value of a norm with p = 1: that is the file's function."""
    name = "F.pairwise distance with p = 1"
    assert TABLE[name, "older exporter"].result == OTHER
    module, shape = torch_routes.module_and_shape(name)
    path = torch_routes.onnx_file(module, shape, tmp_path / "net.onnx")
    session = torch_routes.session_of(path)
    x = torch_routes.samples(name)
    key = session.get_inputs()[0].name
    found = [float(session.run(None, {key: v[None].float().numpy()})[0].item()) for v in x]
    assert load(path).forward(x.numpy()).reshape(-1) == pytest.approx(found, rel=1e-5, abs=1e-5)
    assert from_torch(module, shape).forward(x.numpy()).reshape(-1) != pytest.approx(found)
