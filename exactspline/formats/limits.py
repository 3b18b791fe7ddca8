"""The stated limits of what a file may make us hold or compute, checked beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..errors import FormatError, ParameterError, ShapeError
from ..network import Network, Operator
from ..rationals import format_rational, parse_rational
from ..room import MOST_MEMBERS

__all__ = [
    "MAX_BINARY_BYTES",
    "MAX_ENTRIES",
    "MAX_PARAMETERS",
    "MAX_TEXT_BYTES",
    "MAX_TEXT_VALUES",
    "Budget",
    "build_network",
    "check_entries",
    "write_number",
]

MAX_BINARY_BYTES = 1 << 30  # of an .onnx or .npz file, and of the arrays an .npz unpacks to
MAX_TEXT_BYTES = 1 << 26  # of a .json or .vnnlib file
MAX_TEXT_VALUES = 1 << 21  # numbers and texts in a .json file
MAX_ENTRIES = 1 << 22  # of one value inside a network
MAX_PARAMETERS = 1 << 28  # of one network; as float64 they take 2 GiB

_MAX_ALL_ENTRIES = 1 << 26  # of all values inside one network
_MAX_COMPUTED = 1 << 21  # constants that are computed from others while a file is read
_MAX_BITS = 70_000  # of a numerator or denominator: a little more than 20,000 decimal digits
_USUAL_BITS = 1_100  # every float64 has fewer
_MAX_LONG_BITS = 1 << 26  # of all numbers together, beyond the usual


def check_entries(shape: Sequence[int], where: str) -> None:
    """Refuse a shape without entries, or with so many that a short file could exhaust memory."""
    size = math.prod(shape)
    if size < 1 or any(n < 0 for n in shape):
        raise FormatError(f"{where}: shape {tuple(shape)} has no entries")
    if size > MAX_ENTRIES:
        raise FormatError(
            f"{where}: shape {tuple(shape)} has {size:,} entries; "
            f"values inside a network are read up to {MAX_ENTRIES:,}"
        )


class Budget:
    """What one file has used up of the limits that hold for all of its parts together.

    A few bytes can ask for a lot: ``1e20000`` is a number of 8 kB, an initializer that a
    thousand operators share is stored once, repeated squaring doubles the digits.
    """

    def __init__(self, file_bytes: int | None = None) -> None:
        self._entries = 0
        self._parameters = 0
        self._members = 0
        # a file's numbers may be shared by several operators, but not without end
        self._max_parameters = MAX_PARAMETERS
        if file_bytes is not None:
            self.holds(file_bytes)
        self._computed = 0
        self._long_bits = 0

    def holds(self, file_bytes: int) -> None:
        """How many bytes the file has, with those that belong to it."""
        self._max_parameters = min(MAX_PARAMETERS, MAX_ENTRIES + 4 * file_bytes)

    def value(self, shape: Sequence[int], where: str) -> None:
        """Account for one value inside the network."""
        check_entries(shape, where)
        self._entries += math.prod(shape)
        if self._entries > _MAX_ALL_ENTRIES:
            raise FormatError(
                f"{where}: all values inside the network have more than {_MAX_ALL_ENTRIES:,} "
                "entries together"
            )

    def parameters(self, count: int, where: str) -> None:
        """Account for the parameters of one operator."""
        self._parameters += count
        if self._parameters > self._max_parameters:
            raise FormatError(
                f"{where}: the network has more than {self._max_parameters:,} parameters, "
                "which is the limit for a file of this size"
            )

    def members(self, count: int, where: str) -> None:
        """Account for the entries that the windows or maxima of one operator read together."""
        self._members += count
        if self._members > MOST_MEMBERS:
            raise FormatError(
                f"{where}: windows and maxima would read {self._members:,} entries together; up "
                f"to {MOST_MEMBERS:,} are read"
            )

    def about_to_compute(self, count: int, where: str) -> None:
        """Account for constants that are about to be computed from others."""
        self._computed += count
        if self._computed > _MAX_COMPUTED:
            raise FormatError(
                f"{where}: more than {_MAX_COMPUTED:,} constants are to be computed; "
                "simplify the model (constant folding) before it is saved"
            )

    def number(self, value: Fraction, where: str) -> Fraction:
        """Account for one exact number, and give it back."""
        bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        if bits > _USUAL_BITS:
            self._long_bits += bits
            if bits > _MAX_BITS:
                raise ParameterError(f"{where}: a number has more than 20,000 digits; rescale it")
            if self._long_bits > _MAX_LONG_BITS:
                raise ParameterError(
                    f"{where}: too many numbers with more than 300 digits; rescale the data"
                )
        return value

    def array(self, values: np.ndarray, where: str) -> None:
        """Account for an array of exact numbers."""
        if values.dtype == object:
            for value in values.reshape(-1).tolist():
                self.number(value, where)

    def read(self, text: str, where: str) -> Fraction:
        """Read a number from a text, as `parse_rational` does, and account for it."""
        try:
            value = parse_rational(text, where)
        except ValueError as error:  # Python's own limit on the digits of an integer
            raise ParameterError(f"{where}: {text[:40]!r} cannot be read ({error})") from None
        return self.number(value, where)


def write_number(value: Fraction) -> int | str:
    """A JSON integer where every reader keeps it exact, else the text ``p`` or ``p/q``."""
    if value.denominator == 1 and abs(value.numerator) <= 2**53:
        return int(value)
    try:
        return format_rational(value)
    except ValueError as error:  # Python's own limit on the digits of an integer
        raise ParameterError(f"a number is too long to be written ({error})") from None


def build_network(
    operators: Sequence[Operator], input_shape: Sequence[int], sha256: str, path: object
) -> Network:
    """A network from a file, with the size of every value inside it checked first."""
    budget = Budget()
    shape = tuple(input_shape)
    budget.value(shape, f"{path}: input")
    for position, operator in enumerate(operators):
        try:
            shape = operator.output_shape(shape)
        except ShapeError:
            break  # Network words it, with the operator's position
        budget.value(shape, f"{path}: operator {position} ({operator.kind})")
    try:
        return Network(operators, input_shape, sha256=sha256)
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from None
