"""Thousands of changed ONNX files: each loads, or ends in one clear error that names the file."""

from __future__ import annotations

import onnx_mutations
import pytest
from marks import first_quick


@pytest.mark.parametrize("seed", first_quick(range(6)))
def test_mutated_models(seed):
    outcomes = onnx_mutations.tried(100 if seed == 0 else 500, seed)
    assert outcomes[onnx_mutations.LOADED] > 10  # a change may change nothing that counts
    assert outcomes[onnx_mutations.REFUSED] > 40
