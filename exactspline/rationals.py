"""What an exact number is: parsing, arrays of exact numbers, and rounding with a bound.

A parameter array is kept in one of two forms, both exact: a ``float64`` array, when every
value is a float64 (float32, float64 and small integers are), or an object array of
``fractions.Fraction``. Nothing else is used for parameters anywhere in the package.
"""

from __future__ import annotations

import math
import re
import sys
from fractions import Fraction
from typing import Any

import numpy as np

from .clock import watched
from .errors import ParameterError

__all__ = [
    "as_float",
    "as_fractions",
    "exact_array",
    "format_rational",
    "nearest_float",
    "parse_rational",
    "round_up",
    "rounded",
    "to_fraction",
]

_MAX_DIGITS = 20_000  # of a number in a text; 1e-400 is fine, 1e999999999 is an attack
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE]([+-]?\d+))?\Z")
_RATIO = re.compile(r"[+-]?\d+/\d+\Z")


def parse_rational(text: str, where: str = "number", *, limit: int = _MAX_DIGITS) -> Fraction:
    """Read a decimal (``0.1``, ``-1e-3``) or a ratio (``-1/3``) exactly.

    Parameters
    ----------
    text : str
        The number; blanks around it are allowed.
    where : str
        Where it stands, for the message of an error.
    limit : int
        Characters that the text may have.

    Raises
    ------
    ParameterError
        If the text is no finite number, or has more than ``limit`` characters.

    Examples
    --------
    >>> parse_rational("0.1"), parse_rational("-1/3")
    (Fraction(1, 10), Fraction(-1, 3))
    """
    text = text.strip()
    if len(text) > limit:
        raise ParameterError(f"{where}: a number of {len(text)} characters is too long")
    match = _NUMBER.match(text)
    if match:
        exponent = match.group(4)
        if exponent and (len(exponent) > 7 or abs(int(exponent)) > _MAX_DIGITS):
            raise ParameterError(
                f"{where}: the exponent of {text[:40]!r} is beyond {_MAX_DIGITS}; rescale the data"
            )
        mantissa, _, power = text.lower().partition("e")
        whole, _, decimals = mantissa.partition(".")
        shift = int(power or 0) - len(decimals)
        digits = _integer(whole + decimals)
        return Fraction(digits * 10**shift) if shift >= 0 else Fraction(digits, 10**-shift)
    if _RATIO.match(text):
        numerator, denominator = text.split("/")
        if _integer(denominator) == 0:
            raise ParameterError(f"{where}: {text[:40]!r} divides by zero")
        return Fraction(_integer(numerator), _integer(denominator))
    raise ParameterError(
        f"{where}: {text[:40]!r} is not a finite number; write a decimal or a ratio p/q"
    )


def _integer(text: str) -> int:
    """An integer of any length; Python itself refuses more than 4,300 digits."""
    if len(text) < 4000:
        return int(text)
    import flint

    return int(flint.fmpz(text.lstrip("+")))


def _digits(value: int) -> str:
    if value.bit_length() < 12_000:
        return str(value)
    import flint

    return str(flint.fmpz(value))


def to_fraction(value: Any, where: str = "value") -> Fraction:
    """One exact number from an int, float, NumPy scalar, Fraction, flint number or text."""
    if isinstance(value, Fraction):
        if type(value.numerator) is int and type(value.denominator) is int:
            return value
        # Fraction(numpy.int64(1)) computes in 64 bits
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, str):
        return parse_rational(value, where)
    if isinstance(value, bool | np.bool_):
        return Fraction(int(value))
    if isinstance(value, int | np.integer):
        return Fraction(int(value))
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            raise ParameterError(f"{where}: {value} is not a finite number; remove it")
        if isinstance(value, np.longdouble) and not isinstance(value, float):
            return Fraction(*value.as_integer_ratio())
        return Fraction(float(value))
    numerator, denominator = getattr(value, "p", None), getattr(value, "q", None)
    if numerator is not None and denominator is not None:  # flint.fmpq, sympy.Rational
        return Fraction(int(numerator), int(denominator))
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return Fraction(int(value.numerator), int(value.denominator))
    if hasattr(value, "__index__"):
        return Fraction(value.__index__())
    raise ParameterError(f"{where}: {value!r} of type {type(value).__name__} is not a number")


def format_rational(value: Fraction) -> str:
    """Write a rational as ``p`` or ``p/q``."""
    if value.denominator == 1:
        return _digits(value.numerator)
    return f"{_digits(value.numerator)}/{_digits(value.denominator)}"


def _is_float(value: Fraction) -> bool:
    """Whether a rational is exactly a float64."""
    try:
        return Fraction(float(value)) == value
    except OverflowError:
        return False


def exact_array(values: Any, where: str = "parameter") -> np.ndarray:
    """An array of exact numbers: float64 if every value is one, else Fractions.

    Parameters
    ----------
    values : array_like
        Floats of at most 64 bits, integers, Fractions, or texts.
    where : str
        Named in error messages.

    Raises
    ------
    ParameterError
        For NaN, an infinity, a ragged nesting or something that is no number.

    Examples
    --------
    >>> exact_array([1, 2.5]).dtype, exact_array([Fraction(1, 3)]).dtype
    (dtype('float64'), dtype('O'))
    """
    if hasattr(values, "detach"):  # a torch tensor, without importing torch
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ParameterError(f"{where}: the values do not form an array ({error})") from None
    kind = array.dtype.kind
    if kind == "f" and array.dtype.itemsize <= 8:
        if not np.all(np.isfinite(array)):
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ParameterError(
                f"{where}: entry {at} is {array[at]}, not a finite number; "
                "a network with NaN or infinite parameters is no function"
            )
        return np.array(array, dtype=np.float64)
    if kind in "iub" and (array.size == 0 or _fits_53_bits(array)):
        return array.astype(np.float64)
    if kind == "c":
        raise ParameterError(f"{where}: complex numbers are not supported")
    flat = [to_fraction(v, where) for v in array.reshape(-1).tolist()] if kind != "f" else [
        to_fraction(v, where) for v in array.reshape(-1)
    ]
    return compact(_object_array(flat, array.shape))


def _fits_53_bits(array: np.ndarray) -> bool:
    return int(array.max()) <= 2**53 and int(array.min()) >= -(2**53)


def _object_array(flat: list[Fraction], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(shape)


def compact(array: np.ndarray) -> np.ndarray:
    """Turn an object array of Fractions into float64 where that loses nothing."""
    if array.dtype != object:
        return array
    if all(_is_float(v) for v in watched(array.reshape(-1))):
        out = np.array([float(v) for v in array.reshape(-1)], dtype=np.float64)
        return out.reshape(array.shape)
    return array


def as_fractions(array: np.ndarray) -> np.ndarray:
    """The same exact numbers as an object array of Fractions."""
    if array.dtype == object:
        return array
    return _object_array([Fraction(v) for v in array.reshape(-1).tolist()], array.shape)


def round_up(value: Fraction) -> float:
    """The least convenient float64 at or above a nonnegative rational (infinity if none)."""
    try:
        out = float(value)
    except OverflowError:
        return math.inf
    return out if Fraction(out) >= value else math.nextafter(out, math.inf)


def nearest_float(value: Fraction) -> float:
    """The float64 nearest to a rational; the largest ones beyond the range."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def rounded(value: Fraction) -> tuple[float, float]:
    """The float64 nearest to a rational and an upper bound on its error.

    A rational beyond the range of float64 gives ``(0.0, inf)``: nothing can be concluded
    from it in floating point, and what depends on it goes to rational arithmetic.
    """
    try:
        out = float(value)
    except OverflowError:
        return 0.0, math.inf
    return out, round_up(abs(value - Fraction(out)))


def as_float(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Float64 values of an exact array and their error bounds (``None`` if all exact)."""
    if array.dtype != object:
        return array, None
    entries = array.reshape(-1).tolist()
    once = {id(v): v for v in entries}  # equal objects are rounded once
    known = {key: rounded(v) for key, v in watched(once.items())}
    pairs = [known[id(v)] for v in entries]
    values = np.array([p[0] for p in pairs], dtype=np.float64).reshape(array.shape)
    errors = np.array([p[1] for p in pairs], dtype=np.float64).reshape(array.shape)
    return values, errors
