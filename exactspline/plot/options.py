"""What `Partition.plot` was asked for, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import ParameterError
from ..texts import plain

__all__ = ["Options", "check_choice"]

EDGES = ("layer", "plain", "none")
LABELS = ("none", "region", "code")


@dataclass(frozen=True)
class Options:
    """The options of a picture; see `Partition.plot`."""

    color: Any = "piece"
    edges: str = "layer"
    labels: Any = "none"
    outputs: Any = None
    boundary: bool = False
    graph: bool = False
    witnesses: bool = False
    points: Any = None
    highlight: Any = None
    legend: bool = True
    rasterised: bool = False


def check_choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """One of some words; False and None are "none", and True is the first that is not.

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> check_choice("labels", True, ("none", "region", "code"))
    'region'
    """
    if value is None or value is False:
        return "none"
    if value is True:
        return next(word for word in known if word != "none")
    if not isinstance(value, str) or value not in known:
        raise ParameterError(
            f"{name}: {plain(repr(value))[:60]} is not known; give one of {', '.join(known)}"
        )
    return value
