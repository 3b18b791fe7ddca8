"""All that a statement reads as one network over one domain, so that one search decides it.

The coordinates are those of the points' domains, one after the other. Networks and bends are
written once, however often they are read. A comparison becomes a unit, the positive part of a form:
the search cuts where the form changes sign, and a region's code says whether it is positive inside,
or nowhere. So d <= 0 asks for d, d < 0 for -d, and d == 0 and d != 0 for both.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..compile.equal_units import with_equal_units_once
from ..compile.program import Program
from ..domain import Box, Domain, Polytope, WholeSpace
from ..errors import DomainError, ParameterError
from ..network import Concat, Dense, Flatten, Network, ReLU, Reshape
from ..network.operator import Operator
from .affine import Affine, Atom
from .atoms import Applied, Bend, Hidden, PointAtom
from .conditions import Literal

__all__ = ["Coordinates", "Joint", "Row", "asked", "joint_domain"]

Row = tuple[Fraction, dict[int, Fraction]]  # over the joint coordinates
MOST_DIMENSIONS = 60
_MOST_COEFFICIENTS = 1_000_000  # of networks whose equal units are looked for
_COMPARED = "comparison"  # what the units of compared forms are called


@dataclass(frozen=True)
class Coordinates:
    """The joint coordinates of some points: those of their charts, one after the other."""

    points: tuple[PointAtom, ...]

    @cached_property
    def begin(self) -> list[int]:
        """Where each point's coordinates begin, and the number of all."""
        out = [0]
        for point in self.points:
            out.append(out[-1] + point.domain.chart.dim)
        return out

    @property
    def dim(self) -> int:
        """How many there are."""
        return self.begin[-1]

    def entry(self, point: PointAtom, index: int) -> Row:
        """One coordinate of a point."""
        at = self.begin[self.points.index(point)]
        indices, data, const = point.domain.chart.point.row(index)
        pairs = zip(indices.tolist(), data.tolist(), strict=True)
        return const, {at + int(j): Fraction(v) for j, v in pairs}

    def row(self, form: Affine) -> Row:
        """A form of points alone."""
        const, out = form.const, dict[int, Fraction]()
        for (atom, index), c in form.terms:
            assert isinstance(atom, PointAtom)
            own, terms = self.entry(atom, index)
            const += c * own
            for j, v in terms.items():
                out[j] = out.get(j, Fraction(0)) + c * v
        return const, {j: v for j, v in out.items() if v}

    def split(self, t: Sequence[Fraction]) -> dict[PointAtom, tuple[Fraction, ...]]:
        """The points of joint coordinates, exactly."""
        return {
            point: tuple(point.domain.chart.lift(t[self.begin[i] : self.begin[i + 1]]))
            for i, point in enumerate(self.points)
        }


def joint_domain(coordinates: Coordinates, rows: Sequence[Row]) -> Domain | None:
    """The points' domains with further rows >= 0; None if that is empty.

    Raises
    ------
    DomainError
        If one of the domains is empty, or there are more than 60 dimensions.
    """
    low: list[Fraction | None] = []
    high: list[Fraction | None] = []
    given: list[Row] = list(rows)
    for i, point in enumerate(coordinates.points):
        chart, at = point.domain.chart, coordinates.begin[i]
        low += chart.low
        high += chart.high
        for r in range(len(chart.rows)):
            indices, data, const = chart.rows.row(r)
            pairs = zip(indices.tolist(), data.tolist(), strict=True)
            given.append((const, {at + int(j): Fraction(v) for j, v in pairs}))
    general = _narrowed(low, high, given)
    if general is None:
        return None
    found = _domain(low, high, general)
    try:
        _ = found.chart
    except DomainError:
        if rows:
            return None
        raise
    if found.chart.dim > MOST_DIMENSIONS:
        raise DomainError(
            f"the statement is about {found.chart.dim} dimensions at once; at most "
            f"{MOST_DIMENSIONS} are searched. Take points from slices, Slice.through(a, b, c), or "
            "from a smaller domain"
        )
    return found


def _narrowed(
    low: list[Fraction | None], high: list[Fraction | None], rows: Sequence[Row]
) -> list[Row] | None:
    """Take rows of one coordinate into the bounds; what is left, or None if that is empty."""
    out: list[Row] = []
    for const, terms in rows:
        if len(terms) > 1:
            out.append((const, terms))
            continue
        if not terms:
            if const < 0:
                return None
            continue
        ((j, v),) = terms.items()
        end, own = -const / v, low[j] if v > 0 else high[j]
        if v > 0:
            low[j] = end if own is None else max(own, end)
        else:
            high[j] = end if own is None else min(own, end)
    for a, b in zip(low, high, strict=True):
        if a is not None and b is not None and a > b:
            return None
    return out


def _domain(
    low: Sequence[Fraction | None], high: Sequence[Fraction | None], general: Sequence[Row]
) -> Domain:
    """A domain with bounds and further rows >= 0."""
    dim = len(low)
    if not general:
        if all(v is None for v in (*low, *high)):
            return WholeSpace(dim)
        return Box(
            [-np.inf if v is None else v for v in low], [np.inf if v is None else v for v in high]
        )
    rows = list(general)
    for j in range(dim):
        a, b = low[j], high[j]
        if a is not None:
            rows.append((-a, {j: Fraction(1)}))
        if b is not None:
            rows.append((b, {j: Fraction(-1)}))
    matrix = np.full((len(rows), dim), Fraction(0), dtype=object)
    for r, (_, terms) in enumerate(rows):
        for j, v in terms.items():
            matrix[r, j] = -v
    return Polytope(matrix, [const for const, _ in rows])


class Joint:
    """The network of a statement.

    Parameters
    ----------
    coordinates : Coordinates
    literals : sequence of Literal
        What is compared with 0, without slopes and codes.
    constants : sequence of Applied
        Networks whose codes are asked for.
    objective : Affine, optional
        A form whose map is asked for: the first output.
    as_written : bool
        Whether equal units stay apart; they do where codes are asked for.

    Attributes
    ----------
    network : Network
    columns : dict
        The number of every form of which the positive part is a unit.
    """

    def __init__(
        self, coordinates: Coordinates, literals: Sequence[Literal], *,
        constants: Sequence[Applied] = (), objective: Affine | None = None,
        as_written: bool = False,
    ) -> None:  # fmt: skip
        self._coordinates = coordinates
        self._nodes: list[tuple[Operator, tuple[int, ...]]] = []
        self._sizes: list[int] = []  # flat entries of every node's value
        self._of: dict[Atom, int] = {}
        self._networks: dict[Applied, list[int]] = {}  # its nodes' places
        self._as_written = as_written or bool(constants)
        forms = list(dict.fromkeys(form for part in literals for form in asked(part)))
        self.columns = {form: number for number, form in enumerate(forms)}
        outputs = []
        if objective is not None:
            outputs.append(self._affine((objective,)))
        if forms:
            outputs.append(self._add(ReLU(name=_COMPARED), (self._affine(forms),), len(forms)))
        outputs += [self._atom(applied) for applied in constants]
        if not outputs:
            outputs = [-1]
        if len(outputs) > 1:
            self._add(Concat(), tuple(outputs), 0)
        elif outputs[0] != len(self._nodes) - 1:
            self._add(Flatten(), (outputs[0],), 0)
        self.network = Network.from_nodes(self._nodes, (coordinates.dim,))

    # --- building ----------------------------------------------------------------------------
    def _add(self, operator: Operator, inputs: tuple[int, ...], size: int) -> int:
        self._nodes.append((operator, inputs))
        self._sizes.append(size)
        return len(self._nodes) - 1

    def _affine(self, forms: Sequence[Affine]) -> int:
        """The node of some forms, flat."""
        atoms = list(dict.fromkeys(atom for form in forms for atom in form.atoms))
        places = {atom: self._atom(atom) for atom in atoms}
        nodes = list(dict.fromkeys(places.values()))
        width = [self._coordinates.dim if n < 0 else self._sizes[n] for n in nodes]
        if not nodes:
            nodes, width = [-1], [self._coordinates.dim]
        begin = dict(zip(nodes, np.cumsum([0, *width[:-1]]).tolist(), strict=True))
        total = sum(width)
        weight = np.full((len(forms), total), Fraction(0), dtype=object)
        bias = np.array([form.const for form in forms], dtype=object)
        for r, form in enumerate(forms):
            for (atom, index), c in form.terms:
                weight[r, begin[places[atom]] + index] += c
        same = len(nodes) == 1 and len(forms) == total and not np.any(bias != 0)
        if same and np.array_equal(weight, np.eye(total, dtype=int)):
            return nodes[0]
        inner = nodes[0] if len(nodes) == 1 else self._add(Concat(), tuple(nodes), total)
        return self._add(Dense(weight, bias), (inner,), len(forms))

    def _atom(self, atom: Atom) -> int:
        """The node of an atom, flat."""
        known = self._of.get(atom)
        if known is None:
            known = self._of[atom] = self._made(atom)
        return known

    def _made(self, atom: Atom) -> int:
        if isinstance(atom, PointAtom):
            return self._point(atom)
        if isinstance(atom, Applied):
            if atom.operator:
                return self._atom(atom.spline)
            places = self._network(atom)
            return self._flat(places[-1] if places else self._affine(atom.reads), atom.size)
        if isinstance(atom, Hidden):
            places = self._network(atom.applied)
            if atom.node < 0:
                return self._affine(atom.applied.reads)
            return self._flat(places[atom.node], atom.size)
        assert isinstance(atom, Bend)
        if atom.kind == "max":
            inner = self._affine(atom.reads)
            from ..network import ReduceMax

            return self._add(ReduceMax(axes=[0], keepdims=True, name="maximum"), (inner,), 1)
        from ..network import Abs

        operator: Operator = Abs(name="abs") if atom.kind == "abs" else ReLU(name="relu")
        return self._add(operator, (self._affine(atom.reads),), 1)

    def _point(self, point: PointAtom) -> int:
        coordinates = self._coordinates
        weight = np.full((point.size, coordinates.dim), Fraction(0), dtype=object)
        bias = np.full(point.size, Fraction(0), dtype=object)
        for i in range(point.size):
            bias[i], terms = coordinates.entry(point, i)
            for j, v in terms.items():
                weight[i, j] = v
        whole = point.size == coordinates.dim and not np.any(bias != 0)
        if whole and np.array_equal(weight, np.eye(point.size, dtype=int)):
            return -1
        return self._add(Dense(weight, bias), (-1,), point.size)

    def _network(self, applied: Applied) -> list[int]:
        """The places of a network's nodes."""
        known = self._networks.get(applied)
        if known is not None:
            return known
        network, number = applied.network, len(self._networks)
        begin = self._affine(applied.reads)
        if network.input_shape != (len(applied.reads),):
            begin = self._add(Reshape(network.input_shape), (begin,), len(applied.reads))
        places: list[int] = []
        for node, label in zip(network.nodes, network.labels, strict=False):
            operator = copy.copy(node.operator)
            operator.name = f"{_prefix(number)}{label}"
            inputs = tuple(begin if i < 0 else places[i] for i in node.inputs)
            places.append(self._add(operator, inputs, int(np.prod(node.shape))))
        self._networks[applied] = places
        return places

    def _flat(self, node: int, size: int) -> int:
        return self._add(Flatten(), (node,), size)

    # --- reading codes -----------------------------------------------------------------------
    def _units(self, wanted: Any) -> np.ndarray:
        """Where the units of some operators stand in codes, in order."""
        program, at = self.network.program, 0  # codes of all of it, with equal units
        out: list[int] = []
        for layer in program.layers:
            for group in layer.names:
                if wanted(group.operator):
                    out += range(at, at + len(group))
                at += len(group)
        return np.array(out, dtype=np.int64)

    @cached_property
    def _once(self) -> tuple[Program, np.ndarray] | None:
        """The program with equal units once, where there may be any; and where each has gone."""
        program = self.network.program
        size = sum(len(layer.members.data) for layer in program.layers)
        if self._as_written or len(self._networks) < 2 or size > _MOST_COEFFICIENTS:
            return None
        return with_equal_units_once(program)

    @cached_property
    def program(self) -> Program:
        """What is searched: the program, with equal units once if no code is asked for."""
        return self.network.program if self._once is None else self._once[0]

    def sign_everywhere(self, form: Affine) -> int | None:
        """The sign of a compared form that is one number on all of the domain, else None."""
        unit = int(self.compared[self.columns[form]])
        layer = int(np.searchsorted(self.program.unit_start, unit, side="right")) - 1
        own = self.program.layers[layer]
        first = own.units.piece_start[unit - int(self.program.unit_start[layer])]
        _, data, const = own.members.row(int(own.units.piece_member[first]))
        return None if any(v != 0 for v in data) else (const > 0) - (const < 0)

    @cached_property
    def compared(self) -> np.ndarray:
        """Where the units of compared forms stand."""
        found = self._units(lambda label: label == _COMPARED)
        return found if self._once is None else self._once[1][found]

    def positive(self, codes: np.ndarray) -> np.ndarray:
        """Whether compared forms are positive inside regions, shape (regions, forms)."""
        return np.asarray(codes[:, self.compared] > 0)

    def code_of(self, applied: Applied, code: np.ndarray) -> np.ndarray:
        """The code of one network, of the joint one."""
        prefix = _prefix(list(self._networks).index(applied))
        places = self._units(lambda label: label.startswith(prefix))
        if len(places) != applied.network.units:
            raise ParameterError(
                "the units of a network cannot be told apart in the joint one; this is a defect "
                "of exactspline, please report it with the statement"
            )
        return code[places]


def asked(part: Literal) -> tuple[Affine, ...]:
    """The forms whose positive parts tell whether a comparison holds inside of a region."""
    if part.relation == "<=":
        return (part.form,)
    negative = part.form.times(Fraction(-1))
    return (negative,) if part.relation == "<" else (part.form, negative)


def _prefix(number: int) -> str:
    return f"network {number}: "
