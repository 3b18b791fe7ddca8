"""Models with several inputs and outputs: where every input stands, and which output is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import ExactSplineError, FormatError, ParameterError, UnsupportedOperatorError

__all__ = [
    "MOST_INPUTS",
    "Input",
    "Output",
    "chosen_output",
    "is_alone",
    "named_slices",
    "shape_of_all",
    "slices_of",
]

Shape = tuple[int, ...]
Output = str | int | None  # which output is wanted: its name, its position, or the only one
T = TypeVar("T")

MOST_INPUTS = 1_000
_MOST_TRIED = 64  # outputs, where none is named
_MOST_SHOWN = 8


@dataclass(frozen=True)
class Input:
    """One input of a model, for a batch of one.

    ``batch``: whether the first axis is the batch axis. ``kind``: the format's data type.
    """

    name: str
    shape: Shape
    batch: bool
    kind: Any = None

    @property
    def inner(self) -> Shape:
        """The shape without the batch axis."""
        return self.shape[1:] if self.batch else self.shape


def slices_of(inputs: Sequence[Input]) -> dict[str, slice]:
    """Where every input stands among the coordinates, one after the other."""
    out, at = {}, 0
    for x in inputs:
        out[x.name] = slice(at, at + math.prod(x.shape))
        at += math.prod(x.shape)
    return out


def is_alone(inputs: Sequence[Input]) -> bool:
    """Whether there is one input, which is the network's in its own shape; others are cut out."""
    return len(inputs) == 1 and inputs[0].shape != ()


def shape_of_all(inputs: Sequence[Input]) -> Shape:
    """The shape of the network's input: several are one vector."""
    return inputs[0].inner if is_alone(inputs) else (sum(math.prod(x.shape) for x in inputs),)


def named_slices(inputs: Sequence[Input]) -> Mapping[str, slice]:
    """As `slices_of`; none for a single input, which has no other beside it."""
    return slices_of(inputs) if len(inputs) > 1 else {}


def chosen_output(
    names: Sequence[str], wanted: Output, candidates: Iterable[int], read: Callable[[int], T]
) -> T:
    """Read one of the outputs: the one that is wanted, or the only one that can be read.

    Parameters
    ----------
    names : sequence of str
        Of all outputs, in order.
    wanted : str or int, optional
        A name, or a position (also as a text, where no output has that name).
    candidates : iterable of int
        Positions of those that may be meant where none is named: float tensors that depend on
        the input.
    read : callable
        Reads the output at a position, or raises an ``UnsupportedOperatorError``.

    Raises
    ------
    FormatError
        If there is no such output, or several could be meant.
    ParameterError
        If what is wanted is neither a name nor a position.
    UnsupportedOperatorError
        What reading the output raises.

    Examples
    --------
    >>> chosen_output(["labels", "scores"], "scores", [1], lambda k: k)
    1
    """
    if wanted is not None:
        return read(_position(names, wanted))
    if not names:
        raise FormatError("has no outputs")
    if len(names) == 1:
        return read(0)
    found: list[tuple[int, T]] = []
    reason: ExactSplineError | None = None
    for k in candidates:
        if len(found) > 1 or k >= _MOST_TRIED:
            break
        try:
            found.append((k, read(k)))
        except UnsupportedOperatorError as error:
            reason = reason or error
    if len(found) == 1:
        return found[0][1]
    all_ = f"has {len(names)} outputs, {_shown(names)}"
    if reason and not found:
        raise UnsupportedOperatorError(f"{all_}, none of which can be read; the first: {reason}")
    several = "several can be read" if found else "none is a float tensor that depends on the input"
    example = names[found[0][0] if found else 0]
    raise FormatError(
        f"{all_}, of which {several}; choose one by its name or position: "
        f'output="{example[:80]}", on the command line --output'
    )


def _position(names: Sequence[str], wanted: str | int) -> int:
    if isinstance(wanted, bool) or not isinstance(wanted, str | int):
        raise ParameterError(f"output={wanted!r:.80}: give the name of an output, or its position")
    if isinstance(wanted, str) and names.count(wanted) == 1:
        return names.index(wanted)
    if isinstance(wanted, str) and wanted in names:
        raise FormatError(
            f"has several outputs {wanted[:80]!r}; choose one by its position: output="
            f"{names.index(wanted)}"
        )
    digits = isinstance(wanted, str) and wanted.isascii() and wanted.isdigit() and len(wanted) < 9
    if (isinstance(wanted, int) or digits) and 0 <= int(wanted) < len(names):
        return int(wanted)
    shown = repr(wanted[:80]) if isinstance(wanted, str) else str(wanted)
    raise FormatError(f"has no output {shown}; it has {_shown(names)}")


def _shown(names: Sequence[str]) -> str:
    texts = [repr(name[:80]) for name in names[:_MOST_SHOWN]]
    return ", ".join([*texts, *["..."] * (len(names) > _MOST_SHOWN)]) or "none"
