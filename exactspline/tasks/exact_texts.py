"""Rational points as text: ``{"7": ["1/3", ...]}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction

from ..errors import LimitError
from ..rationals import format_rational, parse_rational
from .malformed import damaged

__all__ = ["exact_text", "exact_values"]

_MOST_DIGITS = 200_000  # of a number
_MOST = 1 << 28  # bytes of all of them


def exact_text(points: Mapping[int, tuple[Fraction, ...]]) -> bytes:
    """Points by number as JSON; empty if there are none.

    Raises
    ------
    LimitError
        If `exact_values` would not read it back.
    """
    if not points:
        return b""
    texts = {str(i): [format_rational(v) for v in point] for i, point in sorted(points.items())}
    longest = max((len(text) for point in texts.values() for text in point), default=0)
    out = json.dumps(texts).encode()
    if longest > _MOST_DIGITS or len(out) > _MOST:
        raise LimitError(
            f"rational points of {longest:,} digits, {len(out):,} bytes: up to "
            f"{_MOST_DIGITS:,} and {_MOST:,} are stored and sent to workers; search in memory, "
            "in one process"
        )
    return out


def exact_values(text: bytes, end: int) -> dict[int, tuple[Fraction, ...]]:
    """The inverse: points of numbers below ``end``.

    Raises
    ------
    StoreError
        For whatever else there is.
    """
    if not text:
        return {}
    if len(text) > _MOST:
        raise damaged("its rational points are too long")
    try:
        out = {
            int(key): tuple(parse_rational(v, "a point", limit=_MOST_DIGITS) for v in values)
            for key, values in json.loads(text).items()
        }
    except Exception as error:  # whatever bytes from elsewhere do to a parser
        raise damaged(f"a rational point cannot be read ({error})") from None
    if any(not 0 <= i < end for i in out):
        raise damaged("a rational point is of no region or facet")
    return out
