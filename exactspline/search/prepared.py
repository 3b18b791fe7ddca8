"""What a search needs of a program and a domain, made once for searches that come again.

The space that is searched, and the program in moderate numbers, depend on program and chart alone,
and a small network is searched in less time than they take. They are kept with the program, for
the last few domains; a domain of equal numbers counts as the same.

An engine keeps its own arrays there as well::

    kept = kept_for(program, space)
    coordinates, (program, space) = moderate(program, space)
    problem = kept.of(("plane", certify), lambda: make_problem(program, space, certify))
    state = kept.take("plane state") or make_state(problem)  # changes: ours alone
    ...
    kept.put("plane state", state)  # for the next search

Nothing that is kept may refer to the program or the network (see `Kept`): they would not go when
they are let go. The space may be referred to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..cells.space import SearchSpace, search_space
from ..compile.forms import Forms
from ..compile.kept import Kept
from ..compile.program import Program, vars_of
from ..domain import Chart
from .scaling import Coordinates, scaled

__all__ = ["kept_for", "moderate", "space_of"]

DOMAINS = 4  # that are kept with a program
SMALL = 1 << 16  # numbers of program and space that are kept; larger ones are searched for longer
_OBJECT = 8  # what an exact number that is no float64 counts


@dataclass(frozen=True)
class _Entry:
    """A domain that has been searched, and what was made for it."""

    chart: Chart
    space: SearchSpace
    kept: Kept = field(default_factory=Kept)


class _Spaces:
    """The last domains that a program was searched on, the latest first."""

    def __init__(self, program: Program) -> None:
        self.entries: tuple[_Entry, ...] = ()
        self.room = SMALL - _numbers_of(program)

    def add(self, entry: _Entry) -> None:
        """Put it first, if it is small."""
        space = entry.space
        read = (space.first, space.inputs, space.rows, entry.chart.point, entry.chart.rows)
        if sum(map(_numbers, read)) <= self.room:
            # one assignment: of two threads that do it, one may lose what the other has kept
            self.entries = (entry, *self.entries[: DOMAINS - 1])


def space_of(program: Program, chart: Chart) -> SearchSpace:
    """`search_space`, or the one that was made for this chart or an equal one before.

    Parameters
    ----------
    program : Program
        With at least one layer.
    chart : Chart
        Of at least one dimension.

    Returns
    -------
    SearchSpace
        Not to be changed. Its ``chart`` may be another one of equal numbers.
    """
    spaces = _spaces(program)
    entries = spaces.entries
    for entry in entries:
        if entry.chart is chart:
            return entry.space
    for entry in entries:
        if _same_charts(entry.chart, chart):
            return entry.space
    space = search_space(program, chart)
    spaces.add(_Entry(chart, space))
    return space


def kept_for(program: Program, space: SearchSpace) -> Kept:
    """What is kept with a program for a space that `space_of` has given.

    Of a space that was made otherwise, is too large, or has been displaced by those of other
    domains, nothing is kept: what this returns is empty then, and goes with the caller.
    """
    for entry in _spaces(program).entries:
        if entry.space is space:
            return entry.kept
    return Kept()


def moderate(
    program: Program, space: SearchSpace
) -> tuple[Coordinates, tuple[Program, SearchSpace]]:
    """`Coordinates` of a space, and the program on them as `scaled` has it.

    Parameters
    ----------
    program : Program
        With at least one layer.
    space : SearchSpace

    Returns
    -------
    coordinates : Coordinates
        ``coordinates.space`` is what is searched; its rows are as large as they were.
    (program, space)
        With moderate numbers; the same objects where nothing was to be done.
    """

    def make() -> tuple[Coordinates, Program | None, SearchSpace]:
        coordinates = Coordinates(space)
        other, inner = scaled(program, coordinates.space)
        return coordinates, None if other is program else other, inner

    coordinates, other, inner = kept_for(program, space).of("moderate", make)
    return coordinates, (program if other is None else other, inner)


def _spaces(program: Program) -> _Spaces:
    found: _Spaces = program.kept.of("search spaces", lambda: _Spaces(program))
    return found


# ---------------------------------------------------------------------------- the same numbers
def _same_charts(a: Chart, b: Chart) -> bool:
    return (
        a.dim == b.dim
        and a.low == b.low
        and a.high == b.high
        and a.interior == b.interior
        and _same_forms(a.point, b.point)
        and _same_forms(a.rows, b.rows)
    )


def _same_forms(a: Forms, b: Forms) -> bool:
    pairs = (a.const, b.const), (a.data, b.data), (a.indices, b.indices), (a.indptr, b.indptr)
    return a.width == b.width and all(x is y or _same(x, y) for x, y in pairs)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two exact arrays, or arrays of integers, hold equal numbers."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes()


# ---------------------------------------------------------------------------------------- sizes
def _numbers(forms: Forms) -> int:
    return sum(len(v) * (_OBJECT if v.dtype == object else 1) for v in (forms.data, forms.const))


def _numbers_of(program: Program) -> int:
    layers = program.layers
    units = sum(len(column) for layer in layers for column in vars_of(layer.units))
    return units + sum(_numbers(forms) for forms in (*(x.members for x in layers), program.output))
