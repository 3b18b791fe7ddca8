"""What colour the regions of a picture have, and the key to it: a scale, a legend, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..domain.rows import dense_fractions
from ..errors import ParameterError, ShapeError
from ..rationals import nearest_floats
from ..texts import plain
from .library import require_matplotlib
from .palette import LINES, fills_of, hashes, scale_of_numbers

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = [
    "Colours",
    "check_values",
    "colours_of",
    "outputs_at",
    "paint",
    "region_hashes",
    "slopes_of",
]

NAMES = ("piece", "region", "slope", "output", "active")
_LARGE = 1e200
_FEW = 8  # different values of an array that are told apart by single colours


@dataclass
class Colours:
    """The colours of some regions.

    Attributes
    ----------
    rgba : float64 array, shape (n, 4), or None
        None: the colours follow from ``values`` by a scale.
    values : float64 array, shape (n,), or None
    label : str
        What the values are; it may come from outside.
    keys : list of (colour, text)
        For a legend.
    """

    rgba: np.ndarray | None = None
    values: np.ndarray | None = None
    label: str = ""
    keys: list[tuple[Any, str]] | None = None


def colours_of(partition: Partition, color: Any, region: np.ndarray, at: np.ndarray) -> Colours:
    """The colours that ``color`` asks for.

    Parameters
    ----------
    partition : Partition
    color : str or array_like
        One of the names, "output 3", any colour of matplotlib, or a value for every region.
    region : int array, shape (n,)
        The regions that are drawn.
    at : float64 array, shape (n, k)
        A point inside each.
    """
    if isinstance(color, str):
        word, _, rest = color.strip().partition(" ")
        if word in ("piece", "region") and not rest:
            numbers = region_hashes(partition, merged=word == "piece")
            return Colours(rgba=fills_of(numbers[region]))
        if word == "slope" and not rest:
            return Colours(values=slopes_of(partition)[region], label="slope (spectral norm)")
        if word == "active" and not rest:
            return Colours(values=_active(partition)[region], label=_active_label(partition))
        if word == "output":
            number = _output_number(partition, rest)
            label = f"output {number} at the centroid"
            return Colours(values=outputs_at(partition, region, at)[:, number], label=label)
        return _single(color, len(region))
    return _given(partition, color, region)


def region_hashes(partition: Partition, *, merged: bool) -> np.ndarray:
    """A number of every region by its code; merged, by the least code of its affine piece.

    They depend on codes alone: what has the same code in another network has the same number.
    """
    numbers = [hashes(codes) for codes in partition.iter_codes()]
    out = np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.uint64)
    if merged and len(out):
        groups = partition.distinct_pieces()
        out = out[groups.representatives[groups.labels]]
    return out


def outputs_at(partition: Partition, region: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The outputs of regions' affine maps at points in the domain's coordinates, (n, C)."""
    count = len(partition.network.program.output)
    out = np.empty((len(partition), count))
    places = np.full((len(partition), at.shape[1]), np.nan)
    places[region] = at
    start = 0
    for slope, offset in maps_of(partition):
        stop = start + len(slope)
        with np.errstate(all="ignore"):
            out[start:stop] = np.einsum("nck,nk->nc", slope, places[start:stop]) + offset
        start = stop
    return out[region]


def maps_of(partition: Partition) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Affine maps over the domain's coordinates, in chunks: (n, C, k) and (n, C)."""
    directions, origin = (nearest_floats(v) for v in dense_fractions(partition.domain.chart.point))
    entries = len(partition.network.program.output) * (partition.network.program.input_dim + 1)
    for A, b in partition.iter_affine_pieces(max(1, min(1 << 16, (1 << 23) // max(1, entries)))):
        yield A @ directions, A @ origin + b


def slopes_of(partition: Partition) -> np.ndarray:
    """The spectral norms of the regions' affine maps along the domain."""
    out = []
    for slope, _ in maps_of(partition):
        gram = np.einsum("nck,ncl->nkl", slope, slope)  # k x k: small
        out.append(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[:, -1], 0)))
    return np.concatenate(out) if out else np.zeros(0)


def _active(partition: Partition) -> np.ndarray:
    """How many units are not on their lowest piece."""
    out = [np.count_nonzero(codes, axis=1) for codes in partition.iter_codes()]
    return np.concatenate(out).astype(np.float64) if out else np.zeros(0)


def _active_label(partition: Partition) -> str:
    two = all(bool(np.all(layer.units.pieces == 2)) for layer in partition.network.program.layers)
    return "active units" if two else "units above their lowest piece"


def _output_number(partition: Partition, rest: str) -> int:
    count = len(partition.network.program.output)
    number = 0 if not rest else int(rest) if rest.strip().isdigit() else -1
    if not 0 <= number < count:
        raise ParameterError(
            f"color: 'output {plain(rest)[:40]}' is no output; the network has {count}, numbered "
            f"from 0: 'output 0' to 'output {count - 1}'"
        )
    return number


def _single(color: str, count: int) -> Colours:
    """All in one colour of matplotlib."""
    try:
        rgba = require_matplotlib().colors.to_rgba(color)
    except ValueError:
        raise ParameterError(
            f"color: {plain(repr(color))[:60]} is not known; give one of {', '.join(NAMES)}, "
            "'output 3', a colour such as 'white', or an array with a value for every region"
        ) from None
    return Colours(rgba=np.tile(np.array(rgba), (count, 1)))


def _given(partition: Partition, color: Any, region: np.ndarray) -> Colours:
    """By an array with one value a region, or one colour."""
    values = np.asarray(color)
    n = len(partition)
    if values.shape in ((n, 3), (n, 4)) and values.dtype.kind == "f":
        rgba = np.ones((n, 4))
        rgba[:, : values.shape[1]] = values
        if not (np.isfinite(rgba).all() and rgba.min(initial=0) >= 0 and rgba.max(initial=1) <= 1):
            raise ParameterError("color: colours (red, green, blue) are numbers from 0 to 1")
        return Colours(rgba=rgba[region])
    if values.shape != (n,):
        raise ShapeError(
            f"color: an array of shape {values.shape}; give one value for each of the {n:,} "
            f"regions, shape ({n},), or one of {', '.join(NAMES)}"
        )
    if values.dtype.kind not in "fiubUS":
        raise ParameterError(
            f"color: an array of type {values.dtype}; give numbers, or texts for classes"
        )
    if values.dtype.kind != "f":
        names = np.unique(values)
        if len(names) <= _FEW or values.dtype.kind in "US":
            return _classes(values, names, region)
    return Colours(values=values[region].astype(np.float64), label="value of the region")


def _classes(values: np.ndarray, names: np.ndarray, region: np.ndarray) -> Colours:
    """A colour a class, with a legend."""
    if len(names) > _FEW:
        raise ParameterError(
            f"color: {len(names):,} different texts; {_FEW} can be told apart by colours"
        )
    own = [require_matplotlib().colors.to_rgba(c) for c in _class_colours(len(names))]
    at = np.searchsorted(names, values[region])
    rgba = np.array(own).reshape(-1, 4)[at] if len(names) else np.zeros((0, 4))
    return Colours(rgba=rgba, keys=[(c, plain(str(v))) for c, v in zip(own, names, strict=True)])


def _class_colours(count: int) -> list[str]:
    """Lighter colours of Okabe and Ito first, black last: lines are to be seen on them."""
    order = (6, 5, 3, 4, 7, 1, 2, 0)
    return [LINES[i] for i in order[:count]]


def check_values(values: np.ndarray, what: str) -> None:
    """Refuse numbers that matplotlib has no axis for.

    Raises
    ------
    ParameterError
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest > _LARGE:
        raise ParameterError(
            f"{what} reaches {largest:.3g}; numbers beyond {_LARGE:g} cannot be drawn: choose "
            "another colour, other outputs or a smaller window"
        )


def paint(artist: Any, colours: Colours) -> None:
    """Give a collection its colours."""
    if colours.rgba is not None:
        artist.set_facecolor(colours.rgba)
    elif colours.values is not None:
        check_values(colours.values, f"color: {colours.label}")
        artist.set_cmap(scale_of_numbers())
        artist.set_array(np.ma.masked_invalid(colours.values))
        artist.autoscale_None()
