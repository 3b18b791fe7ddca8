"""The files that --out asks for: their names, whether they can be written, and the writing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from ..driver.outcome import Outcome
from ..driver.progress import Progress
from ..errors import FormatError
from .report import Report
from .signals import Stopped
from .text import path_text

__all__ = ["paths_for", "write"]


def paths_for(
    out: str, parts: int, network: str, check: Callable[[str], None], option: str = "--out"
) -> list[str]:
    """A file for each of several domains, all found to be writable.

    Parameters
    ----------
    out : str
        As given; with several parts, the part's number goes before the extension.
    parts : int
    network : str
        The network's file, which is not to be overwritten.
    check : callable
        Raises an error for a path that cannot be written to.
    option : str
        Where the name was given.
    """
    stem, extension = os.path.splitext(out)
    width = len(str(parts))
    names = [f"{stem}-{i + 1:0{width}d}{extension}" for i in range(parts)] if parts > 1 else [out]
    for name in names:
        check(name)
        try:
            same = os.path.samefile(name, network)
        except (OSError, ValueError):
            same = False
        if same:
            raise FormatError(f"{option}: {name} is the network's own file; give another name")
    return names


def write(
    path: str, save: Callable[..., Any], outcome: Outcome, report: Report, label: str = ""
) -> None:
    """Write one file; an interrupt ends it, and leaves what was there.

    Parameters
    ----------
    path : str
    save : callable
        Takes the path and a ``progress`` callable.
    outcome : Outcome
        Gets the file's name, or the interrupt.
    report : Report
    label : str
        Tells one of several domains in the progress bar.
    """
    progress = Progress(sys.stderr, label)
    try:
        save(path, progress=progress.written)
    except KeyboardInterrupt as interrupt:
        outcome.interrupt = interrupt
        outcome.extra["file"] = None
        how = "TERMINATED" if isinstance(interrupt, Stopped) else "INTERRUPTED by Ctrl-C"
        report.block("file", [f"{how}, {path_text(path)} is as it was"])
        return
    finally:
        progress.clear()
    outcome.extra["file"] = path_text(path)
    report.block("file", [path_text(path)])
