"""Checks of users: what a file of theirs registers, and what their functions give, as reports."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, overload

from ..errors import FormatError, ParameterError
from ..mode import guarded
from ..texts import plain
from .chapters import checks
from .registry import REGISTERED, Check
from .registry import check as registered
from .report import FAILS, HOLDS, UNDECIDED, Report

__all__ = ["as_reports", "check", "failed", "load_checks", "statement_of"]

Function = TypeVar("Function", bound=Callable[..., Any])

_MOST_BYTES = 10_000_000  # of a file of checks


@overload
def check(function: Function, /) -> Function: ...


@overload
def check(*, name: str = "", number: int | None = None) -> Callable[[Function], Function]: ...


@guarded
def check(
    function: Callable[..., Any] | None = None, /, *, name: str = "", number: int | None = None
) -> Any:
    """Register a statement of yours: a decorator, with or without arguments.

    ``exactspline theorems my_checks.py NETWORK`` runs the checks of a file with those of the
    theory, which are registered in the same table; so does ``theory.run_checks``.

    Parameters
    ----------
    function : callable
        Takes ``(network, domain)``, ``(network)``, or nothing if the statement is about no
        network. It gives what ``exactspline.prove`` gives, a `theory.Report` or a list of them,
        or True, False or None (undecided); a failed ``assert`` is a refutation in words. The
        first line of its docstring is the statement.
    name : str
        As ``exactspline theorems --check`` knows it; by default the function's name with blanks
        for underlines.
    number : int, optional
        Checks run in the order of their numbers; the next free one by default.

    Returns
    -------
    callable
        The function, as it was.

    Raises
    ------
    ParameterError
        If a check of the theory has this name, or what is registered is no function of at most
        two arguments. A check of yours of the same name is replaced.

    Examples
    --------
    >>> import exactspline as es
    >>> from exactspline import theory
    >>> @es.check
    ... def few_regions(network, domain):
    ...     "The network has at most three regions."
    ...     return es.count_regions(network, domain) <= 3
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> [f.report.verdict for f in theory.run_checks(net, names=["few regions"])]
    ['holds']
    """
    checks()  # those of the theory first: they have the first numbers, and keep their names
    register = registered(name=name, number=number, own=True)
    return register if function is None else register(function)


@guarded
def load_checks(path: str | os.PathLike[str]) -> list[str]:
    """Run a Python file of yours and give the names of the checks that it registers.

    Parameters
    ----------
    path : path-like
        A file with functions under ``@exactspline.check``. It is run as any program is: only
        take files that you trust.

    Raises
    ------
    FormatError
        If it cannot be read, is no Python, ends in an error, or registers no check; with the
        line.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.py")
    ...     text = "import exactspline as es\\n@es.check\\ndef two(f): return f.input_dim == 2"
    ...     _ = open(path, "w").write(text)
    ...     load_checks(path)
    ['two']
    """
    name = os.fspath(path)
    try:
        if os.path.getsize(name) > _MOST_BYTES:
            raise FormatError(f"{name}: is too large for a file of checks; take another")
        source = Path(name).read_bytes()
        code = compile(source, name, "exec")
    except OSError as error:
        raise FormatError(f"{name}: {error.strerror or error}") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise FormatError(f"{name}: {line}is no Python file ({what})") from None
    before = dict(REGISTERED)
    module = ModuleType(Path(name).stem)
    module.__file__ = name
    folder = str(Path(name).resolve().parent)
    sys.path.insert(0, folder)  # a file may have helpers beside it
    try:
        exec(code, module.__dict__)
    except Exception as error:
        raise FormatError(f"{name}: {failed(error, name)}") from None
    except SystemExit:
        raise FormatError(f"{name}: ends the program; a file of checks only defines them") from None
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    found = [label for label, line in REGISTERED.items() if line is not before.get(label)]
    if not found:
        raise FormatError(
            f"{name}: registers no check; write @exactspline.check above a function of "
            "(network, domain)"
        )
    return found


def failed(error: BaseException, name: str = "") -> str:
    """An error of somebody's code in a line: what it is, and the last line of theirs."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if f.filename == name] if name else frames
    where = f"line {theirs[-1].lineno}: " if theirs else ""
    text = " ".join(str(error).split())
    return f"{where}{type(error).__name__}: {text}" if text else f"{where}{type(error).__name__}"


def as_reports(found: Any, label: str, line: Check) -> list[Report]:
    """What a check gives, as reports.

    Raises
    ------
    ParameterError
        If it is none of a report, a verdict and a truth value.
    """
    if isinstance(found, Report):
        return [found]
    if isinstance(found, (list, tuple)) and all(isinstance(v, Report) for v in found):
        return list(found)
    if found is None or isinstance(found, bool):
        return [_of_truth(found, label, line)]
    holds = getattr(found, "holds", found)
    if holds is not None and not isinstance(holds, bool):
        raise ParameterError(
            f"check {label!r}: gave a {plain(type(found).__name__)}; return what "
            "exactspline.prove(...) gives, a Report, or True, False or None"
        )
    return [_of_verdict(found, holds, label, line)]


def statement_of(label: str, line: Check) -> str:
    """What a check of a user's states: the first line of its docstring, or its name."""
    first = (line.function.__doc__ or "").strip().partition("\n")[0]
    return first or label


def _of_truth(value: bool | None, label: str, line: Check) -> Report:
    return Report(
        label, statement_of(label, line), "", _verdict(value), checked=int(value is not None),
        unit="truth value", reason=_REASONS[value],
        notes=() if value is None else (_TRUTH,),
    )  # fmt: skip


_TRUTH = "the check gave a truth value; how that was found is its own affair"
_REASONS = {True: "", False: "the check gave False", None: "the check gave None"}


# what a verdict may say of itself, by the names of its attributes
_TOLD = (
    "values", "code", "region", "witness", "float_point", "vacuous", "inside_only", "method",
    "decisions", "pruned", "seconds",
)  # fmt: skip


def _of_verdict(verdict: Any, holds: bool | None, label: str, line: Check) -> Report:
    """The report of a proof or refutation: only what it says of itself is told."""
    details: dict[str, Any] = {}
    for name in _TOLD:
        value = getattr(verdict, name, None)
        if value is not None and value is not False and value != "" and not callable(value):
            details[name.replace("_", " ")] = value
    at = getattr(verdict, "counterexample", None)
    point = None if at is None else dict(at) if isinstance(at, Mapping) else {"point": at}
    regions = getattr(verdict, "regions", None)
    counted = isinstance(regions, int) and not isinstance(regions, bool) and regions > 0
    reason = str(getattr(verdict, "reason", "") or getattr(verdict, "stopped", "") or "")
    if not reason and holds is not True:
        reason = "there is a counterexample" if holds is False else "no proof was found"
    return Report(
        label, statement_of(label, line), "", _verdict(holds),
        exact=bool(getattr(verdict, "exact", True)),
        # where bounds decided all of it, no region was looked at: one verdict was reached
        checked=int(regions) if counted and regions is not None else int(holds is not None),
        unit="regions" if counted else "verdict", counterexample=point, details=details,
        reason=reason, notes=tuple(map(str, getattr(verdict, "notes", ()))),
    )  # fmt: skip


def _verdict(holds: bool | None) -> str:
    return UNDECIDED if holds is None else HOLDS if holds else FAILS
