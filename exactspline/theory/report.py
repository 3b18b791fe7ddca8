"""What a check of the theory says: a verdict, what stands behind it, and a counterexample."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..mode import guarded
from ..rationals import format_rational
from .registry import exported

__all__ = [
    "FAILS", "GEOMETRY", "HOLDS", "MAD_MAX", "NOT_APPLICABLE", "SPLINE_THEORY",
    "UNDECIDED", "Report", "Statement", "plain",
]  # fmt: skip

SPLINE_THEORY = "Balestriero, Baraniuk, A Spline Theory of Deep Networks, ICML 2018"
MAD_MAX = "Balestriero, Baraniuk, Mad Max: Affine Spline Insights into Deep Learning, 2018"
GEOMETRY = (
    "Balestriero, Cosentino, Aazhang, Baraniuk, The Geometry of Deep Networks: Power Diagram "
    "Subdivision, NeurIPS 2019"
)

HOLDS = "holds"
FAILS = "fails"
NOT_APPLICABLE = "not applicable"
UNDECIDED = "undecided"
_VERDICTS = HOLDS, FAILS, NOT_APPLICABLE, UNDECIDED

_LONG = 20  # digits of a rational that is shown as a decimal
_SHOWN = 15  # digits of that decimal
_BITS = 4096  # of numerator and denominator that go into it


@exported
@guarded
@dataclass(frozen=True)
class Report:
    """The verdict on one statement of the theory, for one network or in general.

    Attributes
    ----------
    name : str
        The check: the name of its function, such as "check_convexity".
    statement : str
        What was checked, in one or two sentences.
    source : str
        The paper the statement is from, with the theorem where it has a number.
    verdict : {"holds", "fails", "not applicable", "undecided"}
        "not applicable": the statement says nothing about this network. "undecided": it does,
        but a limit was reached, a sign has no proof, or a package is missing.
    exact : bool
        The verdict stands on rational arithmetic, or on floats with a proved error bound.
    symbolic : bool
        Weights stayed symbols: the statement holds for all of them.
    checked : int
        How many ``unit`` were compared; where it fails, up to the counterexample. "holds" with 0
        of them is refused, since it would say nothing.
    unit : str
        What was counted: "regions", "pieces", "facets", "units", ...
    routes : tuple of two str
        How the two sides that were compared were computed.
    counterexample : dict or None
        Where the statement fails; numbers are exact rationals.
    details : dict
        What else was found.
    reason : str
        Why the verdict is "fails", "not applicable" or "undecided", in words.
    notes : tuple of str
        What else the verdict rests on; such as that a softmax at the output is no part of it.

    Examples
    --------
    >>> report = Report("sum", "1 + 1 = 2", "arithmetic", "holds", checked=1, unit="sums")
    >>> bool(report), report.to_json()["verdict"]
    (True, 'holds')
    """

    name: str
    statement: str
    source: str
    verdict: str
    exact: bool = True
    symbolic: bool = False
    checked: int = 0
    unit: str = "regions"
    routes: tuple[str, str] = ("", "")
    counterexample: dict[str, Any] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in _VERDICTS:
            raise ParameterError(
                f"report {self.name}: verdict {self.verdict!r} is none of "
                f"{', '.join(map(repr, _VERDICTS))}"
            )
        if self.verdict == HOLDS and self.checked < 1:
            raise ParameterError(f"report {self.name}: holds, but nothing was checked")

    @property
    def holds(self) -> bool:
        """The statement was checked and holds; "not applicable" and "undecided" are not that.

        Examples
        --------
        >>> [Report("r", "s", "", v, checked=1).holds for v in (HOLDS, FAILS, NOT_APPLICABLE)]
        [True, False, False]
        """
        return self.verdict == HOLDS

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.text()

    def text(self, *, exact: bool = False) -> str:
        """The report in words, as it prints.

        Parameters
        ----------
        exact : bool
            True writes every number as a fraction; else those of more than 20 digits are
            decimals, rounded to 15 digits and marked by "~". `to_json` is always exact.

        Examples
        --------
        >>> small = Fraction(1, 3**50)
        >>> report = Report("r", "s", "", FAILS, counterexample={"x": small, "y": Fraction(1, 3)})
        >>> print(report.text())
        r: fails
          s
          counterexample:
            x: ~1.39295556909854e-24
            y: 1/3
        >>> "1/717897987691852588770249" in report.text(exact=True)
        True
        """
        manner = "symbolic" if self.symbolic else "exact" if self.exact else "to a tolerance"
        head = f"{self.name}: {self.verdict}"
        if self.checked:
            head += f" ({manner}, {self.checked:,} {self.unit})"
        lines = [head, *_wrapped(self.statement)]
        for note in self.notes:
            lines += _wrapped(f"note: {note}")
        if self.source:
            lines += _wrapped(f"source: {self.source}")
        if self.reason:
            lines += _wrapped(f"why: {self.reason}")
        if any(self.routes):
            lines += _wrapped(f"compared: {self.routes[0]}")
            lines += _wrapped(f"    with: {self.routes[1]}")
        if self.counterexample is not None:
            lines.append("  counterexample:")
            lines += _entries(self.counterexample, 4, exact=exact)
        lines += _entries(self.details, 2, exact=exact)
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """A dict of what JSON knows; rationals are exact strings such as "1/3".

        Examples
        --------
        >>> report = Report("half", "1/2 = 1/3", "", FAILS, counterexample={"left": Fraction(1, 2)})
        >>> report.to_json()["counterexample"]
        {'left': '1/2'}
        """
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {key: plain(value) for key, value in values.items()}


@dataclass(frozen=True)
class Statement:
    """What a check is about: what its reports say whatever comes out.

    Attributes
    ----------
    name, statement, source, unit, routes, symbolic
        As a `Report` has them.
    """

    name: str
    statement: str
    source: str
    routes: tuple[str, str] = ("", "")
    unit: str = "regions"
    symbolic: bool = False

    def not_applicable(self, reason: str, details: Mapping[str, Any] | None = None) -> Report:
        """The report that there is nothing to check."""
        return Report(
            self.name, self.statement, self.source, NOT_APPLICABLE, unit=self.unit,
            details=dict(details or {}), reason=reason,
        )  # fmt: skip

    def undecided(self, reason: str, details: Mapping[str, Any] | None = None) -> Report:
        """The report that it could not be told whether the statement holds."""
        return Report(
            self.name, self.statement, self.source, UNDECIDED, unit=self.unit, routes=self.routes,
            details=dict(details or {}), reason=reason,
        )  # fmt: skip

    def report(
        self, wrong: Mapping[str, Any] | None, why: str, *, checked: int,
        details: Mapping[str, Any] | None = None,
    ) -> Report:  # fmt: skip
        """The report that the statement holds; with a counterexample that it fails, and why."""
        return Report(
            self.name, self.statement, self.source, HOLDS if wrong is None else FAILS,
            symbolic=self.symbolic, checked=checked, unit=self.unit, routes=self.routes,
            counterexample=None if wrong is None else dict(wrong), details=dict(details or {}),
            reason="" if wrong is None else why,
        )  # fmt: skip


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="  ", subsequent_indent="      ")


def _entries(entries: Mapping[str, Any], indent: int, *, exact: bool) -> list[str]:
    lines = []
    for key, value in entries.items():
        text = f"{key}: {_shown(value, exact=exact)}"
        if not exact:
            text = textwrap.shorten(text, 400, placeholder=" ...")
        lines.append(" " * indent + text)
    return lines


def _shown(value: Any, *, exact: bool) -> str:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return "(" + ", ".join(_shown(v, exact=exact) for v in value) + ")"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_shown(v, exact=exact)}" for k, v in value.items()) + "}"
    if isinstance(value, (Fraction, int)) and not isinstance(value, bool):
        return _rational(Fraction(value), exact=exact)
    return str(plain(value))


def _rational(value: Fraction, *, exact: bool) -> str:
    """A rational as p/q, or as a decimal if that has many digits."""
    bits = value.numerator.bit_length() + value.denominator.bit_length()
    if exact or bits <= 3 * _LONG:  # fewer than 20 digits, without making them
        return format_rational(value)
    text = format_rational(value) if bits <= 4 * _LONG else ""
    if text and sum(c.isdigit() for c in text) <= _LONG:
        return text
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = _SHOWN, MAX_EMAX, MIN_EMIN
        # integers are cut to what the digits need: all of their own would take long
        above = max(0, value.numerator.bit_length() - _BITS)
        below = max(0, value.denominator.bit_length() - _BITS)
        top, bottom = abs(value.numerator) >> above, value.denominator >> below
        quotient = Decimal(top) / Decimal(bottom) * Decimal(2) ** (above - below)
        return f"~{'-' if value < 0 else ''}{quotient.normalize():g}".replace("e+", "e")


def plain(value: Any) -> Any:
    """A value as JSON knows it: rationals and what else is exact become strings.

    Floats that are whole or dyadic stay JSON numbers; arrays become lists.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return plain(value.item())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, Fraction):
        return format_rational(value)
    if isinstance(value, Report):
        return value.to_json()
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value] if value.ndim else plain(value.item())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [plain(v) for v in value]
    return str(value)
