"""The outputs of a network as exact rows on the regions of a domain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...cells.forms import ExactForms
from ...cells.space import whole_space
from ...compile.program import Layer, Units
from ...polyhedra.lp import Row

if TYPE_CHECKING:
    from ...compile.program import Program
    from ...domain import Domain
    from ...network.network import Network

__all__ = ["OutputRows"]


class OutputRows:
    """Exact rows of condition forms and outputs over the domain's coordinates.

    The rows of the last code are kept layer by layer: ask for codes in order.

    Parameters
    ----------
    network : Network
    domain : Domain
    """

    def __init__(self, network: Network, domain: Domain) -> None:
        program = _with_outputs(network.program)
        self._last = len(program.layers) - 1
        self._count = len(network.program.output)
        self.forms = ExactForms(program, whole_space(program, domain.chart))

    def __call__(self, code: np.ndarray) -> list[Row]:
        """All outputs on the region of a code."""
        layer = self.forms.layer(self._last, code)
        return [layer.member(i) for i in range(self._count)]


def _with_outputs(program: Program) -> Program:
    """The program with its outputs as the members of one more layer, which has no units."""
    none = np.zeros(0)
    units = Units(
        np.zeros(0, dtype=np.int8), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32),
        none, none, none,
    )  # fmt: skip
    last = Layer(program.output, units, np.zeros(0, dtype=np.int64), ())
    return replace(program, layers=(*program.layers, last))
