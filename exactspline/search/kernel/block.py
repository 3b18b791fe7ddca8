"""Named groups of arrays, handed to kernels as one pointer.

A call hands over every array of a named tuple by value, and each takes seven numbers: with a
hundred arrays that is most of what there is to compile, and it grows with the square. A `Block`
keeps a table of the addresses and shapes of its arrays; where the inside of Numba is known
(`block_types.py`), a kernel gets the table's address alone. Elsewhere, and where the environment
variable ``EXACTSPLINE_PLAIN_KERNELS`` is set, kernels get named tuples: they compute the same,
and take very long to compile.

Blocks may hold blocks. An array that is assigned takes the place of the one before it, for the
kernels too; every array is kept alive as long as its block.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections import namedtuple
from typing import Annotated, Any, ClassVar, NamedTuple, Self, cast, get_args, get_type_hints

import numba as nb
import numpy as np

from ...errors import UndecidedError
from ...kernels import inside_is_known

__all__ = [
    "BY_POINTER",
    "NOT_COMPILED",
    "Block",
    "Flags",
    "FloatTable",
    "Floats",
    "Hashes",
    "Int8s",
    "Int32Table",
    "Int32s",
    "IntTable",
    "Ints",
    "given",
]  # fmt: skip


class Kind(NamedTuple):
    """What an array of a block is: its type and dimensions; always contiguous, row by row."""

    dtype: np.dtype
    ndim: int


Floats = Annotated[np.ndarray, Kind(np.dtype(np.float64), 1)]
FloatTable = Annotated[np.ndarray, Kind(np.dtype(np.float64), 2)]
Ints = Annotated[np.ndarray, Kind(np.dtype(np.int64), 1)]
IntTable = Annotated[np.ndarray, Kind(np.dtype(np.int64), 2)]
Int32s = Annotated[np.ndarray, Kind(np.dtype(np.int32), 1)]
Int32Table = Annotated[np.ndarray, Kind(np.dtype(np.int32), 2)]
Int8s = Annotated[np.ndarray, Kind(np.dtype(np.int8), 1)]
Hashes = Annotated[np.ndarray, Kind(np.dtype(np.uint64), 1)]
Flags = Annotated[np.ndarray, Kind(np.dtype(np.bool_), 1)]


NOT_COMPILED = bool(getattr(nb.config, "DISABLE_JIT", False))  # kernels are plain functions
BY_POINTER = not NOT_COMPILED and inside_is_known()


class Block:
    """Arrays by name. A subclass lists them, as a dataclass does; each must be given.

    Parameters
    ----------
    **parts : array or Block
        By the names of the subclass, of the types that it says.
    """

    schema: ClassVar[dict[str, Any]]  # per name a Kind, or the class of a block
    places: ClassVar[dict[str, int]]  # where the words of a name begin in the table
    plain_type: ClassVar[Any]
    address_table: np.ndarray
    address: int  # of that table

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        names = [name for name in cls.__annotations__ if name not in Block.__annotations__]
        cls.schema, cls.places, at = {}, {}, 0
        for name in names:
            known = get_args(hints[name])
            cls.schema[name] = known[1] if known else hints[name]
            cls.places[name] = at
            at += 1 + (cls.schema[name].ndim if known else 0)
        cls.plain_type = namedtuple("plain_type", names)  # type: ignore[misc]
        cls.plain_type.__module__ = cls.__module__  # compiled kernels name it on disk
        cls.plain_type.__qualname__ = f"{cls.__qualname__}.plain_type"

    def __init__(self, **parts: Any) -> None:
        if parts.keys() != self.schema.keys():
            wrong = ", ".join(sorted(parts.keys() ^ self.schema.keys()))
            raise UndecidedError(f"block {type(self).__name__}: {wrong} {_DEFECT}")
        own = self.__dict__
        words: list[int] = []
        for name in self.schema:
            words += self._words(name, parts[name])
            own[name] = parts[name]
        own["address_table"] = table = np.array(words, dtype=np.int64)
        own["address"] = _address(table)

    def __setattr__(self, name: str, part: Any) -> None:
        words, at = self._words(name, part), self.places[name]
        self.__dict__[name] = part
        self.address_table[at : at + len(words)] = words

    def _words(self, name: str, part: Any) -> tuple[int, ...]:
        """What the table says of a part, which must be what the class asks for."""
        kind = self.schema.get(name)
        if isinstance(kind, Kind):
            if (
                isinstance(part, np.ndarray)
                and (part.dtype is kind.dtype or part.dtype == kind.dtype)
                and part.ndim == kind.ndim
                and part.flags.c_contiguous
            ):
                return (_address(part), *part.shape)
        elif kind is not None and type(part) is kind:
            return (part.address,)
        raise UndecidedError(
            f"block {type(self).__name__}: {name} is no contiguous array as it should be {_DEFECT}"
        )

    def like(self, **parts: Any) -> Self:
        """Another block of the same arrays but for those that are given."""
        out = object.__new__(type(self))
        own = out.__dict__
        own.update(self.__dict__)
        own["address_table"] = table = self.address_table.copy()
        own["address"] = _address(table)
        for name, part in parts.items():
            setattr(out, name, part)
        return out

    @classmethod
    def empty(cls) -> Any:
        """One with nothing in it, where kernels never look."""
        parts = {}
        for name, kind in cls.schema.items():
            if isinstance(kind, Kind):
                parts[name] = np.zeros((0,) * kind.ndim, dtype=kind.dtype)
            else:
                parts[name] = kind.empty()
        return cls(**parts)

    def plain(self) -> Any:
        """The same arrays as a named tuple, of named tuples where blocks hold blocks."""
        parts = (getattr(self, name) for name in self.schema)
        return self.plain_type(*(p.plain() if isinstance(p, Block) else p for p in parts))


def _address(array: np.ndarray) -> int:
    """Where its numbers begin; ``array.ctypes.data`` takes four times as long."""
    if array.nbytes and array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(cast(Any, array)))
    return array.ctypes.data


_DEFECT = "(this is a defect of exactspline, please report it with the network)"


def given(block: Any) -> Any:
    """What a kernel is called with: the block itself if it goes as a pointer."""
    as_it_is = BY_POINTER or (NOT_COMPILED and inside_is_known())
    return block if as_it_is else block.plain()


if BY_POINTER:
    # whatever is not as known there, named tuples do
    with contextlib.suppress(AttributeError, ImportError, TypeError):
        BY_POINTER = False
        from .block_types import type_of_block

        Block._numba_type_ = property(type_of_block)  # type: ignore[attr-defined]
        BY_POINTER = True
