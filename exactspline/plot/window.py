"""The window of a picture, in exact numbers: as it is given, or one that shows every vertex."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..domain import Box
from ..errors import DomainError, ExactSplineError
from ..rationals import format_rational, nearest_float

if TYPE_CHECKING:
    from ..domain import Chart
    from ..partition.partition import Partition

__all__ = ["Window", "around", "both", "check_reached", "read_window"]

_NARROW = Fraction(1, 10**10)  # of the numbers on an axis: below, float64 has no room for pixels
_LARGE = Fraction(10) ** 100  # beyond, products of coordinates leave float64
_MARGIN = Fraction(1, 12)  # of the extent, on each side


@dataclass(frozen=True)
class Window:
    """What of the domain a picture shows: low <= t <= high.

    Attributes
    ----------
    low, high : tuples of Fraction
    note : str
        How it was chosen, if it was not given; else empty.
    hint : str
        What may be a better one.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU()], (2,))
    >>> picture = es.enumerate_regions(net).plot(pyplot=False)
    >>> picture.window.low, picture.window.high
    ((Fraction(-8, 5), Fraction(-1, 1)), (Fraction(4, 5), Fraction(7, 5)))
    """

    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]
    note: str = ""
    hint: str = ""

    @property
    def limits(self) -> list[tuple[float, float]]:
        """The ends of the axes in float64."""
        return [
            (nearest_float(a), nearest_float(b)) for a, b in zip(self.low, self.high, strict=True)
        ]

    @property
    def area(self) -> Fraction:
        """Its area, or its length."""
        return math.prod(
            (b - a for a, b in zip(self.low, self.high, strict=True)), start=Fraction(1)
        )

    def holds(self, chart: Chart) -> bool:
        """Whether the whole domain lies inside, told by its bounds alone."""
        return all(
            a is not None and b is not None and low <= a and b <= high
            for a, b, low, high in zip(chart.low, chart.high, self.low, self.high, strict=True)
        )

    def describe(self) -> str:
        """The window in short decimals."""
        return " x ".join(f"[{a:.6g}, {b:.6g}]" for a, b in self.limits)


def read_window(value: Any, dim: int, example: str = "") -> Window:
    """A window as users give it: a Box, or its two ends; ``example`` is how one is written.

    Raises
    ------
    DomainError
        If it is none, a side is infinite or empty, or too narrow for a picture in float64.

    Examples
    --------
    >>> read_window(([-1, "1/3"], [1, 2]), 2).area
    Fraction(10, 3)
    """
    example = example or ("window=([-1, -1], [1, 1])" if dim == 2 else "window=(-1, 1)")
    if not isinstance(value, Box):
        if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
            raise DomainError(
                f"window: {_brief(value)} is no window; write its two ends, {example}, or a Box"
            )
        try:
            value = Box(value[0], value[1], dim=dim)
        except ExactSplineError as error:
            text = str(error).removeprefix("box: ")
            raise DomainError(f"window: {text}; write its two ends, {example}") from None
    if value.dim != dim:
        raise DomainError(
            f"window: has {value.dim} coordinates, but the picture has {dim}; write {example}"
        )
    low, high = [], []
    for i, (a, b) in enumerate(zip(value.low, value.high, strict=True)):
        if a is None or b is None:
            raise DomainError(
                f"window: coordinate {i} is unbounded; write finite ends, {example}, or no window "
                "at all: then one is chosen that shows every vertex"
            )
        if a == b:
            raise DomainError(
                f"window: coordinate {i} goes from {format_rational(a)[:40]} to itself; give it "
                f"some width, as {example}"
            )
        low.append(a)
        high.append(b)
    return checked(Window(tuple(low), tuple(high)))


def checked(window: Window) -> Window:
    """The window, if float64 can draw it."""
    for i, (a, b) in enumerate(zip(window.low, window.high, strict=True)):
        size = max(abs(a), abs(b))
        if size > _LARGE or b - a < _NARROW * size or b - a < 1 / _LARGE:
            raise DomainError(
                f"window: coordinate {i} goes from {nearest_float(a):.17g} to "
                f"{nearest_float(b):.17g}, which no picture in float64 can show; take a larger "
                "window, or a Slice whose origin lies there and whose directions are that short"
            )
    return window


def check_reached(partition: Partition, shown: int, window: Window) -> None:
    """Refuse a window in which none of the regions lies.

    Raises
    ------
    DomainError
    """
    if len(partition) and not shown:
        raise DomainError(
            f"window: {window.describe()} and the regions of the partition have no inner points in "
            f"common; the domain is {partition.domain.describe()[:200]}"
        )


def around(
    points: Sequence[tuple[Sequence[float], Sequence[float]]], chart: Chart, note: str
) -> Window:
    """A window around boxes that hold the points to be shown, with a margin and round ends.

    Parameters
    ----------
    points : sequence of (low, high)
        Boxes, in float64.
    chart : Chart
        Of the domain, whose bounds the window does not pass.
    note : str
        What is shown.

    Raises
    ------
    DomainError
        If they lie beyond what float64 can draw.
    """
    dim = chart.dim
    if not all(math.isfinite(v) for ends in points for end in ends for v in end):
        raise DomainError(
            "window: a vertex or line lies beyond what float64 holds; say what to show, as "
            f"{'window=([-1, -1], [1, 1])' if dim == 2 else 'window=(-1, 1)'}"
        )
    lows = [Fraction(min(low[j] for low, _ in points)) for j in range(dim)]
    highs = [Fraction(max(high[j] for _, high in points)) for j in range(dim)]
    extents = [b - a for a, b in zip(lows, highs, strict=True)]
    widest = max(extents)
    low, high = [], []
    for j, extent in enumerate(extents):
        size = max(abs(lows[j]), abs(highs[j]))
        if extent <= _NARROW * size:  # one vertex, or some in a line
            extent = widest / 2 if widest > _NARROW * size else max(size / 4, Fraction(2))
            lows[j], highs[j] = lows[j] - extent / 2, highs[j] + extent / 2
        step = Fraction(10) ** (_digits(extent) - 1)
        a = step * math.floor((lows[j] - extent * _MARGIN) / step)
        b = step * math.ceil((highs[j] + extent * _MARGIN) / step)
        bound_a, bound_b = chart.low[j], chart.high[j]
        low.append(a if bound_a is None else max(a, bound_a))
        high.append(b if bound_b is None else min(b, bound_b))
    window = Window(tuple(low), tuple(high))
    return checked(Window(window.low, window.high, f"window {window.describe()}: {note}"))


def _digits(value: Fraction) -> int:
    """About log10, of any positive rational."""
    bits = value.numerator.bit_length() - value.denominator.bit_length()
    return math.floor(bits * math.log10(2))


def both(a: Window, b: Window) -> Window:
    """The least window that holds two, with what was said of the second one."""
    low = tuple(min(x, y) for x, y in zip(a.low, b.low, strict=True))
    high = tuple(max(x, y) for x, y in zip(a.high, b.high, strict=True))
    return checked(Window(low, high, b.note, b.hint))


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
