"""Numbers and names as people read them."""

from __future__ import annotations

import math
import os
from typing import TextIO

__all__ = ["big", "path_text", "printable", "shape_text"]


def printable(text: str, stream: TextIO) -> str:
    """Text that a stream can take: what its encoding lacks is written as an escape."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def path_text(path: str) -> str:
    """A file name as text, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it."""
    return "x".join(str(n) for n in shape) if shape else "1"


def big(value: int) -> str:
    """A number with separators, or in scientific form (rounded up) if it is long."""
    if value < 10**15:
        return f"{value:,}"
    exponent = int(math.log10(value))
    mantissa = math.ceil(10 ** (math.log10(value) - exponent) * 100 - 1e-6) / 100
    if mantissa >= 10:
        mantissa, exponent = 1.0, exponent + 1
    return f"{mantissa:.2f}e+{exponent}"
