"""Resampling along an axis (resize, upsample, interpolate) as an exact linear map.

An output entry i is read at a position x of the input's axis, which may lie between two entries
or outside; its value is the sum of k((j - x) s) times entry j, where k is the kernel of the mode
and s = 1, or the scale below 1 for antialiasing. Entries outside are those of the border. With
rational scales positions and weights are rational, so that nothing is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ..errors import ParameterError, ShapeError
from ..rationals import exact_array
from .arrange import Select
from .operator import Operator
from .sparse import SparseLinear
from .windows import check_windows

__all__ = ["COORDINATES", "NEAREST", "Resampling"]

COORDINATES = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
    "tf_crop_and_resize", "tf_half_pixel_for_nn",
)  # fmt: skip
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Resampling:
    """What values between two entries are, in ONNX's terms.

    Attributes
    ----------
    mode : {"nearest", "linear", "cubic"}
    coordinates : str
        Where an output entry lies in the input; one of `COORDINATES`.
    nearest : str
        Which of two entries is taken by the mode "nearest"; one of `NEAREST`.
    cubic : Fraction
        The slope a of the cubic kernel at 1.
    exclude_outside : bool
        Entries outside get no weight, the others weights with the sum 1; else an entry outside is
        that of the border.
    antialias : bool
        A smaller output is read by a kernel that is wider by the same factor.
    """

    mode: str = "linear"
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic: Fraction = Fraction(-3, 4)
    exclude_outside: bool = False
    antialias: bool = False

    def __post_init__(self) -> None:
        for what, value, known in (
            ("mode", self.mode, ("nearest", "linear", "cubic")),
            ("coordinates", self.coordinates, COORDINATES),
            ("nearest", self.nearest, NEAREST),
        ):
            if value not in known:
                raise ParameterError(
                    f"resampling: {what} {value!r} is not known; use {', '.join(known)}"
                )
        if self.antialias and self.mode == "nearest":
            raise ParameterError("resampling: the mode nearest has no antialiasing; turn it off")

    def along(
        self,
        size: int,
        wanted: int,
        *,
        axis: int = -1,
        scale: Fraction | None = None,
        start: Fraction = Fraction(0),
        end: Fraction = Fraction(1),
    ) -> tuple[Operator, tuple[int, ...]]:
        """The operator that resamples an axis, and which outputs lie outside.

        Parameters
        ----------
        size, wanted : int
            Length of the axis before and after.
        axis : int
        scale : Fraction, optional
            wanted / size by default; what is stated may differ from it, as lengths are rounded.
        start, end : Fraction
            The part of the axis that is read, for the coordinates "tf_crop_and_resize".

        Returns
        -------
        operator : Operator
            A `Select` where every output is one entry, else a `SparseLinear`.
        outside : tuple of int
            Outputs of "tf_crop_and_resize" that lie outside: their value is another one, which
            the caller adds. The operator gives 0, or any entry if it is a `Select`.

        Raises
        ------
        ShapeError
            If a length or the scale is not positive.

        Examples
        --------
        >>> import numpy as np
        >>> twice, _ = Resampling("linear").along(2, 4)
        >>> twice.forward(np.array([[0.0, 4.0]])).tolist()
        [[0.0, 1.0, 3.0, 4.0]]
        """
        if size < 1 or wanted < 1 or (scale is not None and scale <= 0):
            raise ShapeError(
                f"an axis of {size} entries cannot be resampled to {wanted} with the scale {scale}"
            )
        ratio = Fraction(wanted, size) if scale is None else scale
        reach = 2 * (2 if self.mode == "cubic" else 1) / min(ratio, Fraction(1))
        check_windows(wanted * min(math.ceil(reach) if self.antialias else 4, 2 * size + 8))
        rows: list[dict[int, Fraction]] = []
        outside: list[int] = []
        for i in range(wanted):
            x = self._position(i, size, wanted, ratio, start, end)
            if self.coordinates == "tf_crop_and_resize" and not 0 <= x <= size - 1:
                outside.append(i)
                rows.append({})
            else:
                rows.append(self._row(x, size, ratio))
        if all(list(row.values()) == [1] for row in rows):
            return Select([next(iter(row)) for row in rows], axis=axis), tuple(outside)
        operator = SparseLinear(
            size, [len(row) for row in rows], [j for row in rows for j in row],
            exact_array([w for row in rows for w in row.values()]), axis=axis,
        )  # fmt: skip
        return operator, tuple(outside)

    def _position(
        self, i: int, size: int, wanted: int, scale: Fraction, start: Fraction, end: Fraction
    ) -> Fraction:
        """Where output i lies in the input."""
        if self.coordinates == "align_corners":
            return Fraction(i * (size - 1), wanted - 1) if wanted > 1 else Fraction(0)
        if self.coordinates == "asymmetric":
            return i / scale
        if self.coordinates == "tf_crop_and_resize":
            if wanted == 1:
                return (start + end) * (size - 1) / 2
            return start * (size - 1) + i * (end - start) * Fraction(size - 1, wanted - 1)
        if self.coordinates == "pytorch_half_pixel" and wanted == 1:
            return Fraction(0)
        if self.coordinates == "tf_half_pixel_for_nn":
            return (i + _HALF) / scale
        x = (i + _HALF) / scale - _HALF
        if self.coordinates == "half_pixel_symmetric":  # the centres of both axes coincide
            x += Fraction(size, 2) * (1 - wanted / (scale * size))
        return x

    def _row(self, x: Fraction, size: int, scale: Fraction) -> dict[int, Fraction]:
        """The entries that are read for the position x, and their weights."""
        if self.mode == "nearest":
            return {min(max(self._nearest(x), 0), size - 1): Fraction(1)}
        kernel: Callable[[Fraction], Fraction] = self._cubic
        if self.mode == "linear":
            kernel = _triangle
        s = min(scale, Fraction(1)) if self.antialias else Fraction(1)
        half_width = (2 if self.mode == "cubic" else 1) / s
        first, last = math.ceil(x - half_width), math.floor(x + half_width)
        if self.exclude_outside:
            first, last = max(first, 0), min(last, size - 1)
        found = {j: kernel(abs(j - x) * s) for j in range(first, last + 1)}
        total = sum(found.values(), Fraction(0))
        if total == 0:
            raise ShapeError(f"the position {x} lies outside of {size} entries: it has no weights")
        row: dict[int, Fraction] = {}
        for j, weight in found.items():
            at = min(max(j, 0), size - 1)
            row[at] = row.get(at, Fraction(0)) + weight / total
        return {j: weight for j, weight in sorted(row.items()) if weight}

    def _nearest(self, x: Fraction) -> int:
        if self.nearest == "floor":
            return math.floor(x)
        if self.nearest == "ceil":
            return math.ceil(x)
        if self.nearest == "round_prefer_floor":
            return math.ceil(x - _HALF)
        return math.floor(x + _HALF)

    def _cubic(self, u: Fraction) -> Fraction:
        a = self.cubic
        if u <= 1:
            return ((a + 2) * u - (a + 3)) * u * u + 1
        return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a


def _triangle(u: Fraction) -> Fraction:
    return 1 - u
