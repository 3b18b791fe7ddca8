"""Faber and Schauder's hat functions as exact ReLU networks, wide and deep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...errors import LimitError, ParameterError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.region_maps import partition_of
from ..common.samples import exact_forward
from ..registry import check, exported
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...network.network import Network

__all__ = ["check_hats", "faber_schauder", "hat_network", "square_network"]

_MOST_LEVELS = 12

Coefficients = tuple[Fraction, Fraction, list[list[Fraction]]]


@exported
@guarded
def faber_schauder(values: Sequence[Any]) -> Coefficients:
    """The coefficients of dyadic values in Faber and Schauder's basis.

    Parameters
    ----------
    values : sequence of numbers
        f(i / 2^J) for i = 0, ..., 2^J.

    Returns
    -------
    left, right : Fraction
        f(0) and f(1), for 1 - x and x.
    levels : list of lists of Fraction
        levels[j][k] = f(m) - (f(a) + f(b)) / 2 for the interval [a, b] = [k, k + 1] / 2^j with the
        midpoint m: the coefficient of the hat that is 1 at m and 0 outside of [a, b].

    Raises
    ------
    ParameterError
        If there are not 2^J + 1 values.
    LimitError
        For J > 12.

    Examples
    --------
    >>> left, right, levels = faber_schauder([0, 1, 4, 9, 16])  # 16 x^2
    >>> [[int(v) for v in level] for level in levels]
    [[-4], [-1, -1]]
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ParameterError(f"faber_schauder: give a list of 2^J + 1 values, not {values!r}")
    f = [to_fraction(v, "faber_schauder: values") for v in values]
    levels = (len(f) - 1).bit_length() - 1
    if len(f) < 2 or len(f) != 2**levels + 1:
        raise ParameterError(f"faber_schauder: {len(f)} values; give 2^J + 1, at i / 2^J")
    if levels > _MOST_LEVELS:
        raise LimitError(f"faber_schauder: {levels} levels; at most {_MOST_LEVELS}")
    out = []
    for j in range(levels):
        step = 2 ** (levels - j)
        out.append([f[k * step + step // 2] - (f[k * step] + f[(k + 1) * step]) / 2
                    for k in range(2**j)])  # fmt: skip
    return f[0], f[-1], out


@exported
@guarded
def hat_network(values: Sequence[Any]) -> Network:
    """The sum of hats with the coefficients of dyadic values, as a ReLU network of one layer.

    Parameters
    ----------
    values : sequence of numbers
        f(i / 2^J) for i = 0, ..., 2^J.

    Returns
    -------
    Network
        On [0, 1] it is affine between the dyadic points and takes the values there. Three units a
        hat that is needed: (relu(t) - 2 relu(t - 1/2) + relu(t - 1)) 2 with t = 2^j x - k.

    Raises
    ------
    ParameterError, LimitError
        As `faber_schauder`.

    Examples
    --------
    >>> net = hat_network([0, 1, 0])
    >>> net.forward([[0.25], [0.5], [1.0]]).tolist(), net.units
    ([[0.5], [1.0], [0.0]], 4)
    """
    from ...network import Dense, Network, ReLU

    left, right, levels = faber_schauder(values)
    weights, biases, outer = [Fraction(1)], [Fraction(0)], [right - left]
    for j, level in enumerate(levels):
        for k, c in enumerate(level):
            if c:
                for shift, factor in ((0, 2), (Fraction(1, 2), -4), (1, 2)):
                    weights.append(Fraction(2**j))
                    biases.append(-k - Fraction(shift))
                    outer.append(factor * c)
    return Network([Dense([[w] for w in weights], biases), ReLU(), Dense([outer], [left])], (1,))


@exported
@guarded
def square_network(levels: int) -> Network:
    """x^2 on [0, 1] up to 4^-(levels + 1), as a deep network of four units a layer.

    Parameters
    ----------
    levels : int
        From 1 to 12.

    Returns
    -------
    Network
        x - sum_(s <= levels) g_s(x) / 4^s, g_s the hat composed s times with itself: 2^(s - 1)
        teeth. The coefficients of x^2 are equal on every level of hats, -4^-(j + 1), so a level is
        a sawtooth. It interpolates x^2 at i / 2^levels, exactly.

    References
    ----------
    D. Yarotsky, Error bounds for approximations with deep ReLU networks, 2017.

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> net = square_network(2)
    >>> net.forward([[0.25], [0.5], [0.75]]).tolist(), net.units
    ([[0.0625], [0.25], [0.5625]], 7)
    """
    from ...network import Dense, Network, ReLU
    from ...network.operator import one_integer

    levels = one_integer(levels, "square_network: levels")
    if not 1 <= levels <= _MOST_LEVELS:
        raise ParameterError(f"square_network: {levels!r} levels; give 1 to {_MOST_LEVELS}")
    half = Fraction(1, 2)
    # a layer holds relu of t, t - 1/2, t - 1 for the tooth before, and the sum so far (>= 0)
    tooth = [Fraction(2), Fraction(-4), Fraction(2)]
    operators: list[Any] = [Dense([[1], [1], [1]], [0, -half, -1]), ReLU()]
    for s in range(1, levels):
        share = [-v / 4**s for v in tooth]
        # x is t of the first layer; the sum of the last one follows as its last unit
        kept = [1 + share[0], share[1], share[2]] if s == 1 else [*share, 1]
        rows = [tooth, tooth, tooth] if s == 1 else [[*tooth, 0]] * 3
        operators += [Dense([*rows, kept], [0, -half, -1, 0]), ReLU()]
    share = [-v / 4**levels for v in tooth]
    last = [1 + share[0], share[1], share[2]] if levels == 1 else [*share, 1]
    return Network([*operators, Dense([last])], (1,))


Build = Callable[[Sequence[Any]], Any]


@check(number=18, name="hats", needs_network=False)
@guarded
def check_hats(build: Build = hat_network, square: Callable[[int], Any] = square_network) -> Report:
    """Check that sums of Faber and Schauder's hats are exact ReLU networks.

    Parameters
    ----------
    build, square : callable
        Networks to test in place of `hat_network` and `square_network`.

    Returns
    -------
    Report
        Values at the dyadic points by the exact forward, and that the network is affine between
        them (by its regions on [0, 1]: no break elsewhere); the deep network of x^2 with the hats
        of x^2, and its error, largest at the midpoints, with 4^-(levels + 1).

    References
    ----------
    G. Faber, 1910; J. Schauder, 1927; D. Yarotsky, 2017.

    Examples
    --------
    >>> check_hats().verdict
    'holds'
    """
    says = Statement(
        "check_hats",
        "A sum of Faber and Schauder's hats is a ReLU network that takes given values at dyadic "
        "points and is affine between them; x^2 up to 4^-(J + 1) takes 4 units a level, in depth.",
        "Faber 1910; Schauder 1927; Yarotsky 2017",
        ("the network's exact forward and its regions", "the dyadic values and affine functions"),
        "points",
    )
    bad, checked = None, 0
    cases: list[tuple[str, Any, list[Fraction]]] = []
    for levels in (1, 3, 4):
        n = 2**levels
        for name, f in (
            ("a cubic", lambda x: x**3 - x / 2 + 1), ("x (1 - x)", lambda x: x * (1 - x)),
            ("odd values", lambda x: Fraction((x.numerator * 37) % 11, 7)),
        ):  # fmt: skip
            values = [f(Fraction(i, n)) for i in range(n + 1)]
            cases.append((f"{name}, {levels} levels", build(values), values))
        values = [Fraction(i * i, n * n) for i in range(n + 1)]
        cases.append((f"x^2, {levels} levels, deep", square(levels), values))
    for name, net, values in cases:
        found, points = _wrong(net, values)
        checked += points
        if bad is None and found is not None:
            bad = {"function": name, **found}
    details = {"units of the deep square": [square(j).units for j in (1, 3, 4)],
               "units of its hats": [1 + 3 * (2**j - 1) for j in (1, 3, 4)]}  # fmt: skip
    return says.report(bad, "the network is another function", checked=checked, details=details)


def _wrong(net: Network, values: Sequence[Fraction]) -> tuple[dict[str, Any] | None, int]:
    """Where a network on [0, 1] is not affine between dyadic points with these values."""
    from ...domain import Box

    n = len(values) - 1
    omega = partition_of(net, Box([0], [1]))
    points = {Fraction(i, n): values[i] for i in range(n + 1)}
    for region in omega:  # both ends of every region, and the points between
        for (t,) in region.vertices().tolist():
            i = min(int(t * n), n - 1)
            points.setdefault(t, values[i] + (t * n - i) * (values[i + 1] - values[i]))
    xs = sorted(points)
    found = exact_forward(net, [[x] for x in xs])
    for x, (value,) in zip(xs, found, strict=True):
        if value != points[x]:
            return {"x": x, "value": value, "wanted": points[x]}, len(xs)
    return None, len(xs)
