"""What an exact number is: parsing, arrays of exact numbers, and rounding with a bound.

A parameter array is kept in one of two forms, both exact: a ``float64`` array, when every
value is a float64 (float32, float64 and small integers are), or an object array of
``fractions.Fraction``. Nothing else is used for parameters anywhere in the package.
"""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from .clock import watched
from .errors import ParameterError
from .mode import guarded

__all__ = [
    "as_float",
    "as_fractions",
    "as_given",
    "bounded_floats",
    "exact_array",
    "exact_products",
    "format_rational",
    "fraction",
    "fractions",
    "nearest_float",
    "nearest_floats",
    "parse_rational",
    "root_of",
    "round_up",
    "rounded",
    "rounded_twice",
    "to_fraction",
]

TINY = 1e-150  # the product of two such numbers is still a normal float64
_MAX_DIGITS = 20_000  # of a number in a text; 1e-400 is fine, 1e999999999 is an attack
_LEAST = 2.0**-1022  # of the normal float64, whose arithmetic is the same in every mode
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
        if isinstance(value, np.float32):  # to be converted is arithmetic, too
            return _of_bits(int(value.view(np.uint32)), 23, 8)
        if abs(value) < _LEAST:
            return _of_bits(int.from_bytes(struct.pack(">d", value), "big"), 52, 11)
        return Fraction(float(value))
    numerator, denominator = getattr(value, "p", None), getattr(value, "q", None)
    if numerator is not None and denominator is not None:  # flint.fmpq, sympy.Rational
        return Fraction(int(numerator), int(denominator))
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return Fraction(int(value.numerator), int(value.denominator))
    if hasattr(value, "__index__"):
        return Fraction(value.__index__())
    raise ParameterError(f"{where}: {value!r} of type {type(value).__name__} is not a number")


def _of_bits(bits: int, digits: int, width: int) -> Fraction:
    """A binary float from its bits: arithmetic may take small ones as 0.

    ``digits`` of the mantissa stand below ``width`` bits of the exponent and the sign.
    """
    exponent, mantissa = (bits >> digits) & ((1 << width) - 1), bits & ((1 << digits) - 1)
    if exponent:
        mantissa += 1 << digits
    power = max(exponent, 1) + 1 - (1 << (width - 1)) - digits
    if bits >> (digits + width):
        mantissa = -mantissa
    return Fraction(mantissa << power) if power >= 0 else Fraction(mantissa, 1 << -power)


def _has_subnormals(array: np.ndarray) -> bool:
    """Whether a float64 array has nonzero numbers below the normal ones, by their bits."""
    bits = array.view(np.int64) & (2**63 - 1)
    return bool(np.any((bits > 0) & (bits < 1 << 52)))


def format_rational(value: Fraction) -> str:
    """Write a rational as ``p`` or ``p/q``."""
    if value.denominator == 1:
        return _digits(value.numerator)
    return f"{_digits(value.numerator)}/{_digits(value.denominator)}"


def _is_float(value: Fraction) -> bool:
    """Whether a rational is exactly a float64."""
    try:
        return to_fraction(float(value)) == value
    except OverflowError:
        return False


@guarded
def exact_array(values: Any, where: str = "parameter") -> np.ndarray:
    """An array of exact numbers: float64 if every value is one, else Fractions.

    There is one zero: -0.0 becomes 0.0.

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
        array = as_given(values)
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
        return _without_signed_zero(np.array(array, dtype=np.float64))
    if kind in "iub" and (array.size == 0 or _fits_53_bits(array)):
        return array.astype(np.float64)
    if kind == "c":
        raise ParameterError(f"{where}: complex numbers are not supported")
    flat = (
        [to_fraction(v, where) for v in array.reshape(-1).tolist()]
        if kind != "f"
        else [to_fraction(v, where) for v in array.reshape(-1)]
    )
    return compact(_object_array(flat, array.shape))


def as_given(values: Any) -> np.ndarray:
    """An array that holds every number as it was given.

    NumPy makes one type of all entries of a list: beside a float, an integer beyond 2^53 is
    rounded, and beside a text, a float becomes its shortest decimal, another number. Lists in
    which that may happen become arrays of objects.

    Raises
    ------
    ValueError
        If the values do not form an array.

    Examples
    --------
    >>> as_given([2**53 + 1, 0.5]).tolist(), as_given(["1/3", 0.1]).tolist()
    ([9007199254740993, 0.5], ['1/3', 0.1])
    """
    array = np.asarray(values)
    if isinstance(values, np.ndarray | np.generic) or array.dtype.kind not in "fUS":
        return array
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            if not np.all(np.isfinite(array)) or not np.any(np.abs(array) >= 2.0**53):
                return array
    each = np.array(values, dtype=object)
    return each if each.shape == array.shape else array


def _without_signed_zero(array: np.ndarray) -> np.ndarray:
    """Put 0.0 in the place of -0.0, in place; by the bits, whatever the processor's mode is.

    Both are the number 0. Here, where floats become exact numbers, is the only place where a
    sign could come in: what is computed from two networks with the same numbers is then the
    same to the last bit, and so are their hashes, however the networks were written down.
    """
    bits = np.atleast_1d(array).view(np.int64)
    bits[bits == np.iinfo(np.int64).min] = 0
    return array


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


def fraction(value: Any) -> Fraction:
    """A flint rational as a Fraction."""
    return Fraction(int(value.p), int(value.q))


def fractions(values: Iterable[Any]) -> tuple[Fraction, ...]:
    """Flint rationals, of a point or a row, as Fractions."""
    return tuple(Fraction(int(v.p), int(v.q)) for v in values)


def as_fractions(array: np.ndarray) -> np.ndarray:
    """The same exact numbers as an object array of Fractions."""
    if array.dtype == object:
        return array
    small = array.dtype == np.float64 and _has_subnormals(array)
    convert = to_fraction if small else Fraction
    return _object_array([convert(v) for v in array.reshape(-1).tolist()], array.shape)


def exact_products(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x @ weight.T in exact arithmetic, by integers: one fraction an entry of the result.

    Parameters
    ----------
    x : object array of Fractions, shape (..., n)
    weight : float64 array, shape (m, n)
        Finite.

    Returns
    -------
    object array of Fractions, shape (..., m)
    """
    if _has_subnormals(weight):
        return np.asarray(x @ as_fractions(weight).T)
    m, n = weight.shape
    mantissa, exponent = np.frexp(weight)
    integers = np.ldexp(mantissa, 53).astype(np.int64)
    there = integers != 0
    if not there.any():
        return _object_array([Fraction(0)] * (x.size // max(1, n) * m), (*x.shape[:-1], m))
    # all weights are integers times one power of two, as small as they can be
    low_bits = int(np.bitwise_or.reduce(integers[there] & -integers[there]))
    zeros = (low_bits & -low_bits).bit_length() - 1
    integers >>= zeros
    lowest = int(exponent[there].min())
    shift = np.where(there, exponent - lowest, 0).astype(object)
    columns = (integers.astype(object) * 2**shift).T
    power = lowest - 53 + zeros
    out = []
    for row in x.reshape(-1, n):
        common = math.lcm(*(v.denominator for v in row))
        own = _object_array([v.numerator * (common // v.denominator) for v in row], (n,))
        for total in own @ columns:
            top, bottom = int(total), common
            if power >= 0:
                out.append(Fraction(top << power, bottom))
            else:
                out.append(Fraction(top, bottom << -power))
    return _object_array(out, (*x.shape[:-1], m))


def round_up(value: Fraction) -> float:
    """The least convenient float64 at or above a nonnegative rational (infinity if none)."""
    return _quotient_up(value.numerator, value.denominator)


def _quotient_up(top: int, bottom: int) -> float:
    """A float64 at or above top / bottom, in integers: fractions take five times as long."""
    try:
        out = top / bottom
    except (OverflowError, ZeroDivisionError):
        return math.inf
    a, b = out.as_integer_ratio()
    return out if a * bottom >= top * b else math.nextafter(out, math.inf)


def nearest_float(value: Fraction) -> float:
    """The float64 nearest to a rational; the largest ones beyond the range."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def nearest_floats(values: np.ndarray) -> np.ndarray:
    """The float64 numbers nearest to an array of rationals."""
    flat = [nearest_float(v) for v in values.reshape(-1).tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


def root_of(value: Fraction, bits: int = 60, *, up: bool = False) -> Fraction:
    """The square root of a rational of at least 0, rounded down or up to about ``bits`` bits.

    Examples
    --------
    >>> root_of(Fraction(9, 4)), root_of(Fraction(2)) ** 2 < 2 < root_of(Fraction(2), up=True) ** 2
    (Fraction(3, 2), True)
    """
    exact = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if exact[0] ** 2 == value.numerator and exact[1] ** 2 == value.denominator:
        return Fraction(*exact)
    size = value.numerator.bit_length() - value.denominator.bit_length()
    shift = max(0, bits - size // 2)
    scaled = value * 4**shift
    root = math.isqrt(scaled.numerator // scaled.denominator)
    if up and Fraction(root) ** 2 < scaled:
        root += 1
    return Fraction(root, 2**shift)


def rounded(value: Fraction) -> tuple[float, float]:
    """The float64 nearest to a rational and an upper bound on its error.

    A rational beyond the range of float64 gives ``(0.0, inf)``: nothing can be concluded
    from it in floating point, and what depends on it goes to rational arithmetic.
    """
    out, left, bottom = _without_float(value.numerator, value.denominator)
    return out, _quotient_up(abs(left), bottom)


def rounded_twice(value: Fraction) -> tuple[float, float, float]:
    """The float64 nearest to a rational, the one nearest to what is left, and a bound on the rest.

    The rational must be within the range of float64.
    """
    first, left, bottom = _without_float(value.numerator, value.denominator)
    second, left, bottom = _without_float(left, bottom)
    return first, second, _quotient_up(abs(left), bottom)


def _without_float(top: int, bottom: int) -> tuple[float, int, int]:
    """The float64 nearest to top / bottom, and the quotient that is left without it.

    Beyond the range of float64 what is left is 1 / 0, and the float 0.0.
    """
    try:
        out = top / bottom
    except OverflowError:
        return 0.0, 1, 0
    a, b = out.as_integer_ratio()
    return out, top * b - a * bottom, bottom * b


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


def bounded_floats(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Float64 values of an exact array, with error bounds that products cannot lose.

    Parameters
    ----------
    array : exact array

    Returns
    -------
    values, errors : float64 arrays
        An error is 0 only where the value is exact, and zero or at least `TINY` in size; else
        it is `TINY` or more, also where a number that is not zero is rounded to 0.0. Infinite
        beyond the range of float64, where the value is 0.0.

    Notes
    -----
    A bound of 2^-1074 is correct for 1e-400, but times a coefficient of 0.1 it is 0.0, and a
    form that is not zero is taken for one that vanishes. With these bounds the product of an
    error and a size of at least `TINY` is not lost.

    Examples
    --------
    >>> values, errors = bounded_floats(exact_array([1.0, 0.0, 1e-200, "1e-400", "1e400"]))
    >>> values.tolist(), errors.tolist()
    ([1.0, 0.0, 1e-200, 0.0, 0.0], [0.0, 0.0, 1e-150, 1e-150, inf])
    """
    values, errors = as_float(array)
    values = np.ascontiguousarray(values, dtype=np.float64)
    errors = np.zeros(values.shape) if errors is None else errors
    open_ = (errors != 0) | ((values != 0) & (np.abs(values) < TINY))
    return values, np.where(open_, np.maximum(errors, TINY), 0.0)
