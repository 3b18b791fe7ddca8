"""The affine map of one region, exactly, and the exact rows of a network on a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...compile.chains import after_all, joined
from ...compile.forms import Forms

if TYPE_CHECKING:
    from ...cells.forms import ExactForms
    from ...compile.program import Program
    from ...domain import Domain
    from ...network.network import Network

__all__ = ["affine_map", "chosen_pieces", "exact_forms", "links_behind", "program_map"]


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
        joined([units.piece_slope[pieces], np.ones(kept)]),
        joined([units.piece_offset[pieces], np.zeros(kept)]),
        len(layer.members) + layer.members.width,
    ).without_zeros()


def program_map(program: Program, code: np.ndarray) -> Forms:
    """The outputs of a program as exact affine forms over its inputs, for a code.

    From the last layer to the first, so that no more rows than outputs are composed.
    """
    return after_all([program.output, *links_behind(program, len(program.layers), code)])


def links_behind(program: Program, count: int, code: np.ndarray) -> list[Forms]:
    """What leads from the state behind so many layers to the inputs, the last layer first."""
    out = []
    for index in range(count - 1, -1, -1):
        members = program.layers[index].members
        width = members.width
        inner = Forms(
            np.concatenate([members.indptr, members.indptr[-1] + 1 + np.arange(width)]),
            np.concatenate([members.indices, np.arange(width, dtype=np.int64)]),
            joined([members.data, np.ones(width)]),
            joined([members.const, np.zeros(width)]),
            width,
        )
        out += [chosen_pieces(program, index, code), inner]
    return out
