"""Which set a surface is the border of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..rationals import format_rational, to_fraction

if TYPE_CHECKING:
    from ..network.network import Network

__all__ = ["Wanted", "wanted_of"]

_LONG = 50  # of a level, as text


@dataclass(frozen=True)
class Wanted:
    """Which set: where all ``rows`` of f, each less ``level``, are positive."""

    rows: list[dict[int, int]]
    level: Fraction
    what: str


def wanted_of(
    network: Network, level: Any, output: int | None, pair: Sequence[int] | None,
    winner: int | None, below: bool,
) -> Wanted:  # fmt: skip
    """What `Partition.surface` is asked for, checked.

    Raises
    ------
    ParameterError
        If an output does not exist or is not named, or options exclude each other.
    """
    n = network.output_dim
    given = [
        name
        for name, value in (("output", output), ("pair", pair), ("winner", winner))
        if value is not None
    ]
    if len(given) > 1:
        raise ParameterError(f"surface: {' and '.join(given)}: give one of them")
    if not given and n > 1:
        raise ParameterError(
            f"surface: the network has {n} outputs; say which with output=0, between which two "
            "with pair=(0, 1), or which class with winner=0 (on the command line --class 0, "
            "--pair 0,1, --winner 0)"
        )
    c = to_fraction(level, "surface: level")
    sign = -1 if below else 1
    relation = "<" if below else ">"
    bound = format_rational(c)
    if len(bound) > _LONG:
        bound = f"{bound[: _LONG - 20]}... ({len(bound):,} characters)"
    if winner is not None:
        i = _output(winner, n)
        if n < 2:
            raise ParameterError("surface: winner needs a network of two outputs or more")
        if below:
            raise ParameterError("surface: winner and below: the other classes' borders are theirs")
        rows = [{i: 1, j: -1} for j in range(n) if j != i]
        more = f" + {bound}" if c else ""
        return Wanted(rows, c, f"f[{i}] > all other outputs{more}")
    if pair is not None:
        try:
            i, j = (_output(v, n) for v in pair)
        except (TypeError, ValueError):
            raise ParameterError(f"surface: pair {pair!r}: give two outputs, as (0, 1)") from None
        if i == j:
            raise ParameterError(f"surface: pair {pair!r}: give two different outputs")
        return Wanted([{i: sign, j: -sign}], sign * c, f"f[{i}] - f[{j}] {relation} {bound}")
    i = _output(0 if output is None else output, n)
    name = f"f[{i}]" if n > 1 else "f"
    return Wanted([{i: sign}], sign * c, f"{name} {relation} {bound}")


def _output(value: Any, n: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ParameterError(f"surface: {value!r} is no number of an output; give 0 to {n - 1}")
    if not 0 <= value < n:
        raise ParameterError(f"surface: output {value}: the network has {n}; give 0 to {n - 1}")
    return int(value)
