"""``exactspline completion``: a script with which a shell completes what is typed."""

from __future__ import annotations

import argparse

from ..errors import ExactSplineError
from .arguments import parser
from .streams import results

__all__ = ["completion"]


def completion(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises
    ------
    ExactSplineError
        Without shtab, which writes the script.
    """
    try:
        import shtab
    except ImportError:
        raise ExactSplineError(
            "completion: shtab writes the script; install it: pip install 'exactspline[completion]'"
        ) from None
    own = parser()
    for command in [own, *_commands(own)]:
        for action in command._actions:
            if action.metavar in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    results().write(shtab.complete(own, shell=arguments.shell) + "\n")
    return 0


_FILES = ("FILE", "NETWORK", "PROPERTY", "DATA", "FOLDER")


def _commands(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action.choices.values())
    return []
