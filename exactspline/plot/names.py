"""What axes and units are called in a picture: names from files are shown as texts, as they are."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..domain import Slice
from ..errors import ParameterError
from ..texts import plain

if TYPE_CHECKING:
    from ..network import Network
    from ..partition.partition import Partition

__all__ = ["axis_names", "input_name", "plain_text", "short", "unit_number"]

_LONG = 40  # characters of a name


def axis_names(partition: Partition) -> list[str]:
    """The domain's coordinates: inputs by their names, parameters of a slice as t0, t1, ..."""
    chart = partition.domain.chart
    names = [f"t{j}" for j in range(chart.dim)]
    if isinstance(partition.domain, Slice):
        return names
    known = [False] * chart.dim
    for i in range(len(chart.point)):
        indices, data, const = chart.point.row(i)
        if len(indices) != 1 or Fraction(data[0]) != 1 or const:
            continue
        j = int(indices[0])
        if not known[j]:
            names[j], known[j] = input_name(partition.network, i), True
    return names


def input_name(network: Network, i: int) -> str:
    """Input i as people know it: by the name of the model's input, if that is known."""
    for name, where in network.inputs.items():
        if where.start <= i < where.stop:
            own = short(name)
            return own if where.stop - where.start == 1 else f"{own}[{i - where.start}]"
    return f"x{i}"


def unit_number(network: Network, unit: Any) -> int:
    """A unit by its position in the code, or by its name."""
    units = network.units
    if isinstance(unit, str):
        for number in range(units):
            if str(network.unit_name(number)) == unit:
                return number
        example = f", such as {network.unit_name(0)}" if units else ""
        raise ParameterError(
            f"highlight: no unit is called {plain(unit)[:60]!r}; give its name{example}, or its "
            f"position in the code, below {units:,}"
        )
    try:
        number = int(unit)
        if number != unit:
            raise ValueError
    except (TypeError, ValueError):
        raise ParameterError(
            f"highlight: {plain(repr(unit))[:60]} is no unit; give its position in the code, or "
            "its name"
        ) from None
    if not 0 <= number < units:
        raise ParameterError(
            f"highlight: unit {number} of {units:,}; units are numbered from 0 to {units - 1:,}"
        )
    return number


def short(text: str) -> str:
    """A name that fits on an axis, with what is not simply seen written as escapes."""
    text = plain(text)
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def plain_text(artist: Any) -> Any:
    """Have a text shown as it is: no formulas between dollar signs, no TeX."""
    artist.set_parse_math(False)
    artist.set_usetex(False)
    return artist
