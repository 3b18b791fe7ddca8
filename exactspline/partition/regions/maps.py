"""The affine map of one region, exactly, and the exact rows of a network on a domain."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...clock import check
from ...compile.forms import Forms

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...compile.program import Program
    from ...domain import Domain
    from ...network.network import Network

__all__ = ["affine_map", "chosen_pieces", "exact_forms", "program_map"]


def exact_forms(network: Network, domain: Domain) -> ExactForms:
    """Exact rows of a network over the domain's coordinates."""
    from ...cells.forms import ExactForms
    from ...cells.space import whole_space

    return ExactForms(network.program, whole_space(network.program, domain.chart))


def affine_map(network: Network, code: np.ndarray) -> Forms:
    """The outputs as exact affine forms over the inputs, on the region of a code."""
    return program_map(network.program, code)


def chosen_pieces(program: Program, index: int, code: np.ndarray) -> Forms:
    """A layer's new state over its members and the state before, one after the other."""
    layer = program.layers[index]
    units, start = layer.units, int(program.unit_start[index])
    pieces = units.piece_start[:-1] + code[start : start + len(units)].astype(np.int64)
    n, kept = len(units), len(layer.keep)
    return Forms(
        np.arange(n + kept + 1, dtype=np.int64),
        np.concatenate([units.piece_member[pieces], len(layer.members) + layer.keep]).astype(
            np.int64
        ),
        _joined(units.piece_slope[pieces], np.ones(kept)),
        _joined(units.piece_offset[pieces], np.zeros(kept)),
        len(layer.members) + layer.members.width,
    ).without_zeros()


def program_map(program: Program, code: np.ndarray) -> Forms:
    """The outputs of a program as exact affine forms over its inputs, for a code.

    From the last layer to the first, so that no more rows than outputs are composed.
    """
    out = program.output
    for index in range(len(program.layers) - 1, -1, -1):
        check()
        chosen = chosen_pieces(program, index, code)
        members = program.layers[index].members
        width = members.width
        inner = Forms(
            np.concatenate([members.indptr, members.indptr[-1] + 1 + np.arange(width)]),
            np.concatenate([members.indices, np.arange(width, dtype=np.int64)]),
            _joined(members.data, np.ones(width)),
            _joined(members.const, np.zeros(width)),
            width,
        )
        out = out.after(chosen).after(inner)
    return out


def _joined(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two exact arrays one after the other."""
    if a.dtype == object and b.dtype != object:
        b = np.array([Fraction(v) for v in b.tolist()] + [None], dtype=object)[:-1]
    return np.concatenate([a, b])
