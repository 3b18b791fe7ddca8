"""ONNX's own tests of its operators: what passed once must pass, and refusals name a property."""

from __future__ import annotations

import onnx
import onnx_suite
import pytest
from onnx_suite import OUT, PASSED, REFUSED

pytestmark = pytest.mark.slow  # it makes all tests of onnx first


@pytest.fixture(scope="module")
def found():
    """The results of today, with the values of every test that passes compared."""
    return {row.key: row for row in onnx_suite.rows()}


def test_what_passed_still_passes(found):
    version, table = onnx_suite.read_table()
    passed = [row for row in table if row.result == PASSED]
    assert len(passed) > 1_400
    lost = [
        found[row.key] for row in passed if row.key in found and found[row.key].result != PASSED
    ]
    assert not lost, lost[:5]
    if version == onnx.__version__:  # another one may have other tests
        text = "run: python tests/support/onnx_suite.py"
        assert table == onnx_suite.table_of(found.values()), text


def test_refusals_name_a_property(found):
    """Nothing in scope is refused for want of a reader."""
    refused = [row for row in found.values() if row.result == REFUSED]
    unread = [row for row in refused if not onnx_suite.has_property(row.reason)]
    assert not unread, unread[:5]
    assert all("is not supported" not in row.reason for row in refused)


def test_operators_without_a_reader_are_named(found):
    out = [row for row in found.values() if row.result == OUT]
    assert {row.operator for row in out}.isdisjoint(onnx_suite.registered())
    assert all(repr(row.operator) in row.reason for row in out)
