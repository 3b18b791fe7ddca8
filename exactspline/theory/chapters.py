"""The chapters of the theory, loaded as a whole: every file of them registers what it offers.

A new file in a chapter needs no line here; a new chapter is a folder and its line.
"""

from __future__ import annotations

from functools import cache
from inspect import unwrap
from typing import Any

# not "from . import": that would ask the package for names that it has by this file
import exactspline.theory.constants
import exactspline.theory.counting
import exactspline.theory.filters
import exactspline.theory.gallery
import exactspline.theory.geometry
import exactspline.theory.learning
import exactspline.theory.operators
import exactspline.theory.perspectives
import exactspline.theory.report
import exactspline.theory.structure
import exactspline.theory.universality

from ..discovery import load_files
from ..mode import guarded
from .registry import EXPORTS, REGISTERED, Check

__all__ = ["check_function", "checks", "exports"]


@cache
@guarded
def _load() -> None:
    """Load all files; their constants are computed in standard mode."""
    load_files(exactspline.theory.constants)
    load_files(exactspline.theory.counting)
    load_files(exactspline.theory.filters)
    load_files(exactspline.theory.geometry)
    load_files(exactspline.theory.learning)
    load_files(exactspline.theory.operators)
    load_files(exactspline.theory.perspectives)
    load_files(exactspline.theory.structure)
    load_files(exactspline.theory.universality)


def checks() -> dict[str, Check]:
    """All checks by name, in the order of their statements."""
    _load()
    return dict(sorted(REGISTERED.items(), key=lambda item: _place(item[1])))


def _place(check: Check) -> tuple[int, bool, str, int]:
    """By number; of one statement those about a network first, then as they stand in files."""
    function = unwrap(check.function)
    return (
        check.number, not check.needs_network, function.__module__,
        function.__code__.co_firstlineno,
    )  # fmt: skip


def check_function(name: str) -> Any:
    """The function of a registered check.

    Examples
    --------
    >>> check_function("convexity").__name__
    'check_convexity'
    """
    _load()
    return REGISTERED[name].function


def exports() -> dict[str, Any]:
    """All public names of the theory."""
    _load()
    return EXPORTS
