"""Blocks of one layer for tests of single kernels: what is not given is empty."""

from __future__ import annotations

from typing import Any

import numpy as np

from exactspline.search.kernel import control as c
from exactspline.search.kernel.block import Block, given
from exactspline.search.kernel.layout import Problem, State


def filled(kind: type[Block], **parts: Any) -> Any:
    """A block, empty but for some parts: arrays, or dictionaries for blocks inside of it."""
    block: Any = kind.empty()
    for name, part in parts.items():
        if isinstance(part, dict):
            part = filled(kind.schema[name], **part)
        elif not isinstance(part, Block):
            part = np.ascontiguousarray(part, dtype=kind.schema[name].dtype)
        setattr(block, name, part)
    return block


def mode(d: int, coefficients: bool, n_layers: int = 1) -> np.ndarray:
    """The words of a problem."""
    words = np.zeros(c.N_MODE, dtype=np.int64)
    words[c.DIM], words[c.COEFFICIENTS] = d, coefficients
    words[c.N_LAYERS], words[c.CERTIFY] = n_layers, 1
    return words


def problem(d: int, coefficients: bool, **parts: Any) -> Any:
    """What a kernel is called with for a problem."""
    return given(filled(Problem, mode=mode(d, coefficients), **parts))


def state(**parts: Any) -> State:
    """A state; kernels are called with what `given` gives for it."""
    words = {"ctl": np.zeros(c.N_CTL), "num": np.zeros(c.N_NUM), "tiers": np.zeros(c.N_TIERS)}
    return filled(State, **{**words, **parts})
