"""What an approximation is, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..mode import guarded
from ..network.network import Network
from ..rationals import format_rational

__all__ = ["Approximation", "Replaced"]


@guarded
@dataclass(frozen=True)
class Replaced:
    """One smooth operator and the spline that took its place.

    Attributes
    ----------
    operator : str
        Its name, as the names of units have it.
    kind : str
        "Tanh", "GELU" and so on.
    units : int
        How many entries it acts on; all have the same spline.
    low, high : Fraction or None
        The interval that holds every pre-activation, in the network and in its approximation;
        None: without end.
    pieces : int
    bound : Fraction
        Proved: the spline is off by no more on that interval; at most the requested error.
    slope : Fraction
        Proved: the operator's largest absolute slope there.
    convex : bool
        True: the spline is a maximum of affine functions, a MASO. False: an ASO.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Softplus()], (1,))
    >>> spline = es.approximate(net, error="1/10", domain=es.Box([0], [1]))
    >>> (one,) = spline.units
    >>> one.kind, one.convex, one.bound <= one.slope
    ('Softplus', True, True)
    """

    operator: str
    kind: str
    units: int
    low: Fraction | None
    high: Fraction | None
    pieces: int
    bound: Fraction
    slope: Fraction
    convex: bool

    def __str__(self) -> str:
        kind = "MASO" if self.convex else "ASO"
        pieces = f"{self.pieces} piece{'s' if self.pieces > 1 else ''}"
        name = self.operator if self.operator == self.kind else f"{self.operator} ({self.kind})"
        left = "(-inf" if self.low is None else f"[{_short(self.low)}"
        right = "inf)" if self.high is None else f"{_short(self.high)}]"
        return (
            f"{name}: {self.units:,} unit{'s' if self.units > 1 else ''} on {left}, {right}, "
            f"{kind} of {pieces}, error at most {_short(self.bound)}"
        )

    def to_json(self) -> dict[str, Any]:
        """A dictionary for JSON, with rationals as exact texts.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Tanh()], (1,))
        >>> spline = es.approximate(net, error="1/10", domain=es.Box([0], [1]))
        >>> spline.units[0].to_json()["high"]
        '1'
        """
        return {
            "operator": self.operator,
            "kind": self.kind,
            "units": self.units,
            "low": _text(self.low),
            "high": _text(self.high),
            "pieces": self.pieces,
            "bound": _text(self.bound),
            "slope": _text(self.slope),
            "spline": "MASO" if self.convex else "ASO",
        }


@guarded
@dataclass(frozen=True)
class Approximation:
    """A piecewise-affine network that stands in for a smooth one, with proved errors.

    Attributes
    ----------
    network : Network
        The approximation, ready to be counted.
    units : tuple of Replaced
        One report an operator that was replaced, in the network's order.
    requested : Fraction
        The error that every spline was allowed.
    errors : tuple of Fraction or None
        Proved: how far each output coordinate can be off on the domain (of the affine spline
        f; an operator g at the output stays as it is). None: no finite bound.
    reason : str
        Why a bound is missing; empty if none is.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[2]]), es.Tanh()], (1,))
    >>> spline = es.approximate(net, error="1/10", domain=es.Box([-1], [1]))
    >>> print(spline)
    1 smooth operator replaced, error 0.1 each; the output is off by at most 0.0352554
      Tanh: 1 unit on [-2, 2], ASO of 3 pieces, error at most 0.0352554
    >>> es.count_regions(spline.network, es.Box([-1], [1])), len(spline.units)
    (3, 1)
    """

    network: Network
    units: tuple[Replaced, ...]
    requested: Fraction
    errors: tuple[Fraction | None, ...]
    reason: str = ""

    @property
    def error(self) -> Fraction | None:
        """Proved: how far any output coordinate can be off on the domain.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Sigmoid(), es.Dense([[1, -2]])], (2,))
        >>> spline = es.approximate(net, error="1/20", domain=es.Box(-1, 1, dim=2))
        >>> spline.error <= 3 * spline.requested  # the output adds up what both units may be off
        True
        """
        worst = Fraction(0)
        for e in self.errors:
            if e is None:
                return None
            worst = max(worst, e)
        return worst

    def __str__(self) -> str:
        if not self.units:
            return "nothing was smooth: the network is unchanged, error 0"
        error = self.error
        total = (
            f"the output is off by at most {_short(error)}"
            if error is not None
            else f"no bound for the output: {self.reason}"
        )
        head = f"{len(self.units)} smooth operator{'s' if len(self.units) > 1 else ''} replaced"
        lines = [f"{head}, error {_short(self.requested)} each; {total}"]
        return "\n".join([*lines, *(f"  {unit}" for unit in self.units)])

    def to_json(self) -> dict[str, Any]:
        """A dictionary for JSON, with rationals as exact texts.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Tanh()], (1,))
        >>> spline = es.approximate(net, error="1/10", domain=es.Box([0], [1]))
        >>> out = spline.to_json()
        >>> out["requested"], out["units"][0]["spline"]
        ('1/10', 'MASO')
        """
        return {
            "requested": _text(self.requested),
            "error": _text(self.error),
            "errors": [_text(e) for e in self.errors],
            "reason": self.reason,
            "units": [unit.to_json() for unit in self.units],
        }


def _text(value: Fraction | None) -> str | None:
    return None if value is None else format_rational(value)


def _short(value: Fraction) -> str:
    power = value.numerator.bit_length() - value.denominator.bit_length()
    if value and abs(power) > 1000:  # near the ends of float64, or beyond: nothing becomes 0
        return f"about {'-' if value < 0 else ''}2^{power}"
    return f"{float(value):.6g}"
