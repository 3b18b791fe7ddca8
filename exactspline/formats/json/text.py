"""Strict JSON: exact numbers, no NaN, no duplicate or unknown keys, limits on size and depth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from ...errors import FormatError, ParameterError
from ...rationals import to_fraction
from ..files import PathLike
from ..limits import MAX_TEXT_BYTES, MAX_TEXT_VALUES, Budget, write_number

__all__ = ["Fields", "json_numbers", "parse_json"]

_MAX_RANK = 32
_EXACT = 2**53  # every integer up to here is a float64


def parse_json(data: bytes, path: PathLike, budget: Budget) -> Any:
    """The JSON value of a file's bytes, numbers as int or Fraction; ``path`` is for messages.

    Raises
    ------
    FormatError
        If it has over 64 MiB or 2,097,152 values, is nested too deeply, or no JSON.
    ParameterError
        For a number with more than 20,000 digits, or NaN or Infinity.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise FormatError(f"{path}: JSON is read up to {MAX_TEXT_BYTES:,} bytes")
    # a parsed value takes some 100 bytes, however short its text is
    if data.count(b",") >= MAX_TEXT_VALUES:
        raise FormatError(f"{path}: holds more than {MAX_TEXT_VALUES:,} values; save it as .npz")

    def number(text: str) -> int | Fraction:
        if len(text) < 19 and text.lstrip("-").isdigit():
            return int(text)
        return budget.read(text, f"{path}")

    def constant(text: str) -> NoReturn:
        raise ParameterError(f"{path}: {text} is not a finite number; remove it")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(items)
        if len(out) != len(items):
            names = [key for key, _ in items]
            twice = next(key for key in names if names.count(key) > 1)
            raise FormatError(f"{path}: key {twice[:80]!r} stands twice in one object")
        return out

    try:
        return json.loads(
            data.decode("utf-8"),
            parse_float=number,
            parse_int=number,
            parse_constant=constant,
            object_pairs_hook=pairs,
        )
    except RecursionError:
        raise FormatError(f"{path}: the JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is no UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{path}: is no JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None


class Fields:
    """The keys of one JSON object: each is taken once, and none may be left over."""

    def __init__(self, value: Any, where: str, budget: Budget) -> None:
        if not isinstance(value, Mapping):
            raise FormatError(f"{where}: needs a JSON object {{...}}, not {_named(value)}")
        self.where = where
        self.budget = budget
        self._left = dict(value)

    def has(self, key: str) -> bool:
        """Whether the key is there and not taken yet."""
        return key in self._left

    def drop_null(self, key: str) -> bool:
        """Whether the key is there with a value; ``null`` counts as left out."""
        if key in self._left and self._left[key] is None:
            del self._left[key]
        return key in self._left

    def is_empty(self, key: str) -> bool:
        """Whether a key has an empty list, which is then taken."""
        if self._left.get(key) != []:
            return False
        del self._left[key]
        return True

    def take(self, key: str) -> Any:
        """The value of a key that must be there."""
        if key not in self._left:
            raise FormatError(f"{self.where}: key {key!r} is missing")
        return self._left.pop(key)

    def text(self, key: str) -> str:
        """A string."""
        value = self.take(key)
        if not isinstance(value, str):
            raise FormatError(f"{self.where}: {key!r} needs a string, not {_named(value)}")
        return value

    def integer(self, key: str) -> int:
        """An integer below 2^62 in magnitude."""
        return self._integer(self.take(key), key)

    def flag(self, key: str) -> bool:
        """true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise FormatError(f"{self.where}: {key!r} needs true or false, not {_named(value)}")
        return value

    def integers(self, key: str, most: int = _MAX_RANK) -> tuple[int, ...]:
        """A list of integers, at most ``most`` of them."""
        value = self.take(key)
        if not isinstance(value, list):
            raise FormatError(f"{self.where}: {key!r} needs a list of integers")
        if len(value) > most:
            raise FormatError(f"{self.where}: {key!r} has more than {most:,} entries")
        return tuple(self._integer(v, key) for v in value)

    def numbers(
        self,
        key: str,
        rank: int | None = None,
        special: Callable[[Any], float | None] | None = None,
    ) -> np.ndarray:
        """An exact array from nested lists; ``rank`` of them if given.

        Without a rank, an empty list is an array of no numbers. Integers up to 2^53 are
        float64, which take little memory; else all are Fractions. ``special`` may translate
        an entry that is no finite number (infinite bounds).
        """
        where = f"{self.where}: {key!r}"
        value = self.take(key)
        shape = _shape(value, where, rank)
        flat: list[Fraction | float | int] = []

        def collect(value: Any, depth: int) -> None:
            if depth < len(shape):
                if not isinstance(value, list) or len(value) != shape[depth]:
                    raise FormatError(f"{where}: the lists differ in length; they form no array")
                for item in value:
                    collect(item, depth + 1)
            else:
                flat.append(self._number(value, f"{where}, entry {len(flat)}", special))

        collect(value, 0)
        if special is None and all(type(v) is int and -_EXACT <= v <= _EXACT for v in flat):
            return np.array(flat, dtype=np.float64).reshape(shape)
        out = np.empty(len(flat), dtype=object)
        out[:] = [Fraction(v) if isinstance(v, int) else v for v in flat]
        return out.reshape(shape)

    def _number(
        self, value: Any, where: str, special: Callable[[Any], float | None] | None
    ) -> Fraction | float | int:
        translated = special(value) if special is not None else None
        if translated is not None:
            return translated
        if isinstance(value, str):
            return self.budget.read(value, where)
        if isinstance(value, int | Fraction) and not isinstance(value, bool):
            return value
        raise FormatError(f'{where}: {_named(value)} is no number; write a number or a text "p/q"')

    def _integer(self, value: Any, key: str) -> int:
        where = f"{self.where}: {key!r}"
        if isinstance(value, str):
            value = self.budget.read(value, where)
        if isinstance(value, bool) or not isinstance(value, int | Fraction):
            raise FormatError(f"{where}: needs an integer, not {_named(value)}")
        number = Fraction(value)
        if number.denominator != 1 or abs(number) >= 2**62:
            raise FormatError(f"{where}: needs an integer of at most 18 digits")
        return int(number)

    def done(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            names = ", ".join(repr(str(key)[:80]) for key in list(self._left)[:5])
            raise FormatError(f"{self.where}: unknown key(s) {names}; remove them")


def json_numbers(array: np.ndarray) -> Any:
    """Nested lists of integers and "p/q" texts for an array of exact numbers."""
    if array.ndim == 0:
        return write_number(to_fraction(array[()]))
    return [json_numbers(np.asarray(row)) for row in array]


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    return names.get(type(value), "a number")


def _shape(value: Any, where: str, rank: int | None) -> tuple[int, ...]:
    """Lengths along the first entries of nested lists."""
    shape: list[int] = []
    while isinstance(value, list):
        if not value:
            if not shape and rank is None:
                return (0,)
            raise FormatError(f"{where}: has an empty list")
        if len(shape) == _MAX_RANK:
            raise FormatError(f"{where}: is nested more than {_MAX_RANK} deep")
        shape.append(len(value))
        value = value[0]
    if rank is not None and len(shape) != rank:
        wanted = ["a number", "a list of numbers", "a list of lists of numbers"][rank]
        raise FormatError(f"{where}: needs {wanted}")
    if math.prod(shape) > MAX_TEXT_VALUES:
        raise FormatError(f"{where}: the lists differ in length; they form no array")
    return tuple(shape)
