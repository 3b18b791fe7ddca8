"""What several checks need of a partition: exact maps of states, and signs of forms on regions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...compile.forms import Forms
from ...domain.rows import dense_fractions
from ...errors import LimitError, ParameterError
from ...mode import guarded
from ...rationals import fractions
from .watch import tell

if TYPE_CHECKING:
    from ...compile.program import Layer, Program
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition
    from ...polyhedra.lp import Row

__all__ = [
    "LayerCells",
    "dense",
    "dot",
    "first_layers",
    "fractions_of",
    "network_of",
    "partition_of",
    "state_map",
    "unit_pieces",
]

MOST_REGIONS = 5_000_000  # whose codes and witnesses are kept
_MOST_ENTRIES = 2_000_000  # of a dense rational matrix


def partition_of(network: Network | Partition, domain: Domain | None = None) -> Partition:
    """The whole partition of a network on a domain; a partition is taken as it is.

    Only codes and witnesses are kept: checks go through the regions one after the other.

    Raises
    ------
    LimitError
        For more than five million regions.
    ParameterError
        If the partition was stopped before it was complete, or if it comes with a domain.
    """
    from ...clock import Clock
    from ...driver.partitions import enumerated
    from ...driver.request import Request, checked_domain
    from ...network.network import Network
    from ...partition.partition import Partition

    if isinstance(network, Partition):
        if domain is not None and domain is not network.domain:
            raise ParameterError("a partition has its own domain; give a network, or no domain")
        if not network.complete:
            raise ParameterError(
                "the partition's search was stopped; a statement about all regions needs them all"
            )
        return network
    if not isinstance(network, Network):
        raise ParameterError(
            f"a check is about a Network or a Partition, not a {type(network).__name__}"
        )
    request = Request(network, checked_domain(network, domain), MOST_REGIONS + 1)
    found = enumerated(request, Clock(), lambda run: tell("regions", run.regions, 0))
    if len(found) > MOST_REGIONS:
        raise LimitError(
            f"more than {MOST_REGIONS:,} regions: too many to be kept for a check; take a smaller "
            "domain, or a partition in a store (exactspline.enumerate_regions(..., store=...))"
        )
    return found


def network_of(network: Any, what: str) -> Network:
    """The network that an argument is; ``ParameterError`` naming the function if it is none."""
    from ...network.network import Network

    if not isinstance(network, Network):
        raise ParameterError(f"{what}: give a Network, not a {type(network).__name__}")
    return network


def dot(a: Iterable[Fraction], b: Iterable[Fraction]) -> Fraction:
    """The exact inner product of two sequences of Fractions."""
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), Fraction(0))


def fractions_of(row: Sequence[Any]) -> list[Fraction]:
    """Flint rationals as Fractions."""
    return list(fractions(row))


def dense(forms: Forms, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Affine forms as a dense matrix and constants, in Fractions.

    Raises
    ------
    LimitError
        For more than two million entries; ``what`` is named in the message.
    """
    n, width = len(forms), forms.width
    if n * width > _MOST_ENTRIES:
        raise LimitError(
            f"{what}: a matrix of {n:,} x {width:,} rationals is too large; take a toy network"
        )
    return dense_fractions(forms)


def unit_pieces(layer: Layer, what: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per unit of a layer A, shape (R_k, state), and B, shape (R_k,): its pieces, exactly."""
    matrix, const = dense(layer.members, what)
    units, out = layer.units, []
    if int(units.piece_start[-1]) * layer.members.width > _MOST_ENTRIES:
        raise LimitError(f"{what}: its pieces hold too many rationals; take a toy network")
    for k in range(len(units)):
        pieces = range(int(units.piece_start[k]), int(units.piece_start[k + 1]))
        A = np.empty((len(pieces), matrix.shape[1]), dtype=object)
        B = np.empty(len(pieces), dtype=object)
        for r, piece in enumerate(pieces):
            member, slope = int(units.piece_member[piece]), Fraction(units.piece_slope[piece])
            A[r] = [slope * v for v in matrix[member]]
            B[r] = slope * const[member] + Fraction(units.piece_offset[piece])
        out.append((A, B))
    return out


def first_layers(program: Program, layers: int) -> Program:
    """The program of the first layers, whose output is the whole state behind them."""
    width = program.layers[layers - 1].state_size if layers else program.input_dim
    return replace(
        program,
        layers=program.layers[:layers],
        output=Forms.selection(np.arange(width), width),
    )


def state_map(partition: Partition, layers: int, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The state behind the first layers as J t + c on the cell of a code, in Fractions.

    t are the domain's coordinates: the inputs themselves for a domain of full dimension.
    The state has the layer's units first and then what skip connections carry on.
    """
    from ...partition.regions.maps import program_map

    program = first_layers(partition.network.program, layers)
    forms = program_map(program, code).after(partition.domain.chart.point)
    return dense(forms, f"the state behind layer {layers}")


@guarded
class LayerCells:
    """The regions behind the first layers, each with its rows and a point inside.

    Parameters
    ----------
    partition : Partition
    layers : int
        How many layers: 1 is the first layer's partition.

    Attributes
    ----------
    codes : array, shape (count, units of these layers)
    parent : int64 array, shape (count,)
        Per region the one behind one layer less that holds it.
    """

    def __init__(self, partition: Partition, layers: int) -> None:
        from ...cells.forms import ExactForms
        from ...cells.space import whole_space

        self.partition, self.layers = partition, layers
        program = first_layers(partition.network.program, layers)
        self.forms = ExactForms(program, whole_space(program, partition.domain.chart))
        found = partition.at_layer(layers)
        self.codes = found.codes
        self.representatives = found.representatives
        self.parent = found.parents_of(partition.at_layer(max(layers - 1, 0)))
        self._rows: tuple[int, list[Row], list[Any], dict[tuple[Any, ...], Any]] | None = None

    def __len__(self) -> int:
        return len(self.representatives)

    def witness(self, region: int) -> tuple[Fraction, ...]:
        """A point strictly inside, in the domain's coordinates."""
        return self.partition.witness(int(self.representatives[region]))

    def violation(
        self, region: int, constant: Fraction, coefficients: Sequence[Fraction]
    ) -> tuple[Fraction, ...] | None:
        """A point inside a region where an affine form is negative; None if it nowhere is.

        Exact: by an inequality of the region that is the form up to a factor and a constant,
        else by an exact linear program.
        """
        from ...cells.facets import conditions
        from ...polyhedra.decide import decide
        from ...polyhedra.lp import q, qrow

        if not any(coefficients):
            return self.witness(region) if constant < 0 else None
        if self._rows is None or self._rows[0] != region:
            rows = [c.row for c in conditions(self.forms, self.codes[region])]
            known: dict[tuple[Any, ...], Any] = {}
            for row in rows:
                direction, offset = _direction(row)
                known[direction] = min(known.get(direction, offset), offset)
            self._rows = region, rows, [q(v) for v in self.witness(region)], known
        _, rows, inside, known = self._rows
        form = qrow(constant, coefficients)
        direction, offset = _direction(form)
        if direction in known and offset >= known[direction]:
            return None
        verdict = decide(rows, form, inside)
        if verdict.kind in ("positive", "zero"):
            return None
        return tuple(fractions_of(verdict.minus if verdict.kind == "cut" else inside))


def _direction(row: Row) -> tuple[tuple[Any, ...], Any]:
    """The coefficients of a form, scaled to a first one of +-1, and its constant so scaled."""
    lead = next(abs(v) for v in row[1:] if v)
    return tuple((int((v / lead).p), int((v / lead).q)) for v in row[1:]), row[0] / lead
