"""Who reads and writes files of which extension: a table that the formats' own files fill."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ..errors import FormatError, ParameterError
from ..network import Network
from .files import PathLike

__all__ = ["Read", "Write", "extensions", "hint", "reader", "reader_of", "writer", "writer_of"]

Read = Callable[..., Network]
Write = Callable[[Network, PathLike], None]
R = TypeVar("R", bound=Read)
W = TypeVar("W", bound=Write)


class _Reader(NamedTuple):
    read: Read
    holds: str


_READERS: dict[str, _Reader] = {}
_WRITERS: dict[str, Write] = {}
_HINTS: dict[tuple[str, str], str] = {}


def reader(*known: str, holds: str = "") -> Callable[[R], R]:
    """Register a function ``f(path) -> Network`` as the reader of files with an extension.

    Parameters
    ----------
    *known : str
        Extensions with their dots, in small letters: ``".nnet"``.
    holds : str
        A word on what such a file holds, for the command line's help, if that is no matter of
        course.

    Raises
    ------
    ParameterError
        If an extension has a reader.
    """

    def register(function: R) -> R:
        for extension in known:
            _free(extension, _READERS)
            _READERS[extension] = _Reader(function, holds)
        return function

    return register


def writer(*known: str) -> Callable[[W], W]:
    """Register a function ``f(network, path)`` as the writer of files with an extension."""

    def register(function: W) -> W:
        for extension in known:
            _free(extension, _WRITERS)
            _WRITERS[extension] = function
        return function

    return register


def hint(*known: str, reading: str = "", writing: str = "") -> None:
    """Say what to do with extensions that have no reader, or no writer, of their own."""
    for extension in known:
        if reading:
            _HINTS["read", extension] = reading
        if writing:
            _HINTS["written", extension] = writing


def reader_of(path: PathLike) -> Read:
    """The reader of a file, by its extension.

    Raises
    ------
    FormatError
        If there is none; the message lists those that are.
    """
    name = os.fspath(path)
    extension = os.path.splitext(name)[1].lower()
    if extension in _READERS:
        return _READERS[extension].read
    advice = f"networks are read from {_listed(sorted(_READERS))} files"
    raise FormatError(
        f"{name}: extension {extension!r} is not known; {advice}{_hinted('read', extension)}"
    )


def writer_of(path: PathLike) -> Write:
    """The writer of a file, by its extension. Raises as `reader_of`."""
    name = os.fspath(path)
    extension = os.path.splitext(name)[1].lower()
    if extension in _WRITERS:
        return _WRITERS[extension]
    advice = f"networks are written as {_listed(sorted(_WRITERS))}"
    raise FormatError(
        f"{name}: extension {extension!r} cannot be written here; {advice}"
        f"{_hinted('written', extension)}"
    )


def extensions() -> str:
    """What networks are read from, for a help: ".json, .nnet, .npz (W0, b0, W1, ...) or .onnx"."""
    words = [f"{key} ({r.holds})" if r.holds else key for key, r in sorted(_READERS.items())]
    return _listed(words, "or")


def _listed(words: list[str], last: str = "and") -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _hinted(what: str, extension: str) -> str:
    found = _HINTS.get((what, extension))
    return f"; {found}" if found else ""


def _free(extension: str, table: dict[str, Write] | dict[str, _Reader]) -> None:
    if not extension.startswith(".") or extension != extension.lower():
        raise ParameterError(
            f"format {extension!r}: give its extension in small letters, with the dot"
        )
    if extension in table:
        raise ParameterError(f"format {extension}: it is taken; one function reads or writes it")
