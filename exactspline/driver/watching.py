"""Who watches a search: a function of the caller's, a bar, or a line while kernels are compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import ParameterError
from .compile_note import CompileNote
from .progress import Progress

__all__ = ["Watch", "watched"]

Watch: TypeAlias = Callable[[Any], None] | bool | None


def watched(progress: Watch) -> tuple[Callable[[Any], None], Callable[[], None]]:
    """What is called with the run after every batch, and what ends it.

    Parameters
    ----------
    progress : callable, bool or None
        True: a bar on standard error, if that is a terminal. None or False: only a line while
        kernels are compiled.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    if progress is None or progress is False:
        note = CompileNote()
        return note, note.clear
    if progress is True:
        bar = Progress(sys.stderr)
        return bar.update, bar.clear
    if not callable(progress):
        raise ParameterError(
            f"progress {progress!r}: give True for a bar, or a function of the run"
        )
    return progress, lambda: None
