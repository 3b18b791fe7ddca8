"""Activations that are splines and no MASOs: which statements of the theory survive, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...errors import ParameterError, ShapeError, UnsupportedOperatorError
from ...mode import guarded
from ...rationals import format_rational, nearest_float
from ..common.region_maps import partition_of
from ..constants.constants import check_lipschitz
from ..counting.counts import check_counts
from ..counting.sweeps import check_bias_sweep
from ..filters.gradients import check_templates
from ..geometry.whole import check_whole_partition
from ..learning.vq import check_vq
from ..registry import check, exported
from ..report import Report, Statement
from ..structure.convexity import check_convexity
from ..structure.structure import check_piecewise_affine

if TYPE_CHECKING:
    from ...network.network import Network
    from ...network.operator import Operator

__all__ = ["Survival", "check_nonconvex", "nonconvex_activations", "nonconvex_networks", "survival"]

# checks of whole networks whose statements ask for no convexity
_WHOLE: dict[str, Callable[..., Report]] = {
    "regions are convex and carry one affine map each": check_piecewise_affine,
    "rows of A[x] are the gradients": check_templates,
    "the whole partition is a power diagram, of weighted sums": check_whole_partition,
    "counts are at most Raghu's bound": check_counts,
    "the Lipschitz constant is the largest slope": check_lipschitz,
    "the code is a vector quantisation with a metric": check_vq,
    "counts over a bias are a step function": check_bias_sweep,
}


@exported
@guarded
def nonconvex_activations() -> dict[str, Operator]:
    """The activations of the gallery: scalar splines that are no maxima of their pieces.

    Returns
    -------
    dict of str to Operator
        Hard tanh, leaky ReLU of slope 2 (concave), and the spline that `exactspline.approximate`
        puts in the place of tanh.

    Examples
    --------
    >>> list(nonconvex_activations())
    ['hard tanh', 'leaky ReLU of slope 2', 'spline of tanh']
    """
    from ...approximation import approximate
    from ...domain import Box
    from ...network import Clip, Dense, LeakyReLU, Network, Tanh

    smooth = approximate(Network([Tanh(), Dense([[1]])], (1,)), Fraction(1, 5), Box([-3], [3]))
    return {
        "hard tanh": Clip(-1, 1), "leaky ReLU of slope 2": LeakyReLU(2),
        "spline of tanh": smooth.network.operators[0],
    }  # fmt: skip


@exported
@guarded
def nonconvex_networks() -> dict[str, Network]:
    """The gallery of networks of such activations: two inputs, two layers.

    Examples
    --------
    >>> [net.units for net in nonconvex_networks().values()]
    [4, 4, 4]
    """
    return {name: _network(act) for name, act in nonconvex_activations().items()}


def _network(activation: Operator) -> Network:
    from ...network import Dense, Network

    return Network(
        [Dense([[1, 0], ["1/2", 1]], [0, "1/2"]), activation,
         Dense([[1, -1], ["1/2", 1]], ["1/3", 0]), activation, Dense([[1, -2]])], (2,),
    )  # fmt: skip


@exported
@guarded
@dataclass(frozen=True)
class Survival:
    """What becomes of a statement for an activation that is no MASO.

    Attributes
    ----------
    statement : str
    survives : bool
    because : str
        The proof in words, or what the counterexample shows.
    counterexample : dict or None
        In exact rationals.

    Examples
    --------
    >>> str(Survival("s", True, "it does"))
    's: survives (it does)'
    """

    statement: str
    survives: bool
    because: str
    counterexample: dict[str, Any] | None = None

    def __str__(self) -> str:
        verdict = "survives" if self.survives else "fails"
        return f"{self.statement}: {verdict} ({self.because})"


@dataclass(frozen=True)
class _Pieces:
    """A continuous scalar spline: piece r is slopes[r] u + offsets[r] up to breaks[r]."""

    breaks: list[Fraction]
    slopes: list[Fraction]
    offsets: list[Fraction]

    def at(self, u: Fraction) -> int:
        return sum(b < u for b in self.breaks)

    def value(self, u: Fraction) -> Fraction:
        r = self.at(u)
        return self.slopes[r] * u + self.offsets[r]

    def all(self, u: Fraction) -> list[Fraction]:
        return [s * u + o for s, o in zip(self.slopes, self.offsets, strict=True)]

    def samples(self) -> list[Fraction]:
        """A point inside of every piece, and every break."""
        ends = [self.breaks[0] - 1, *self.breaks, self.breaks[-1] + 1]
        return [*((a + b) / 2 for a, b in pairwise(ends)), *ends]


def _pieces(activation: Operator) -> _Pieces:
    from ...compile import compile_operator
    from ...network.operator import Operator

    if not isinstance(activation, Operator):
        raise ParameterError(f"survival: give an operator, not a {type(activation).__name__}")

    try:
        program = compile_operator(activation, [(1,)])
    except (ShapeError, UnsupportedOperatorError) as error:
        raise ParameterError(f"survival: {activation.kind} is no scalar spline ({error})") from None
    if len(program.layers) == 0:
        raise ParameterError(f"survival: {activation.kind} is affine")
    if len(program.layers) != 1 or len(program.layers[0].units) != 1:
        raise ParameterError(f"survival: {activation.kind} is no scalar activation of one unit")
    units = program.layers[0].units
    if units.compares:
        raise ParameterError(f"survival: {activation.kind} compares inputs; give a scalar spline")
    as_list = [[Fraction(v) for v in array.tolist()] for array in
               (units.piece_shift, units.piece_slope, units.piece_offset)]  # fmt: skip
    return _Pieces([-v for v in as_list[0][:-1]], as_list[1], as_list[2])


@exported
@guarded
def survival(activation: Operator, *, networks: bool = True) -> list[Survival]:
    """Which statements of the theory hold for a scalar piecewise-affine activation.

    Parameters
    ----------
    activation : Operator
        Of one scalar input: a clip, a leaky ReLU of any slope, a `ScalarSpline`.
    networks : bool
        Whether the statements about networks are checked, too: seconds.

    Returns
    -------
    list of Survival
        Those about one unit by its pieces, in rationals; those about networks by the checks, on a
        network of two layers of it.

    Raises
    ------
    ParameterError
        For an operator that is no scalar spline.

    Examples
    --------
    >>> from exactspline import Clip
    >>> for entry in survival(Clip(-1, 1), networks=False)[:3]:
    ...     print(entry.survives, entry.because)
    False at u = -3/2 the largest piece is 1, the value -1
    False at u = -3/2 the smallest piece is -3/2, the value -1
    False at the midpoint of u = 0 and 2 it is above the mean of its values
    """
    spline = _pieces(activation)
    if not spline.breaks:
        raise ParameterError(f"survival: {activation.kind} is affine")
    out = [
        _extreme(spline, largest=True), _extreme(spline, largest=False), _convex(spline),
        _formula(spline), _some_diagram(spline), _soft(spline), _difference(spline),
        _like_relu(spline),
    ]  # fmt: skip
    if not networks:
        return out
    omega = partition_of(_network(activation))
    for statement, function in _WHOLE.items():
        report = function(omega)
        words = f"{report.name}: {report.verdict}, {report.checked} {report.unit}"
        out.append(Survival(statement, report.holds, words, report.counterexample))
    return out


def _extreme(spline: _Pieces, *, largest: bool) -> Survival:
    word = "largest" if largest else "smallest"
    statement = f"the value is the {word} of all pieces" + (" (MASO)" if largest else "")
    best = max if largest else min
    for u in spline.samples():
        found, value = best(spline.all(u)), spline.value(u)
        if found != value:
            return Survival(
                statement, False, f"at u = {_text(u)} the {word} piece is {_text(found)}, "
                f"the value {_text(value)}", {"u": u, f"{word} piece": found, "value": value},
            )  # fmt: skip
    # where a slope falls, the piece behind is larger all through the piece before: a point inside
    # of every piece would have shown it, so slopes only grow, and pieces are largest on their cells
    return Survival(statement, True, "slopes only " + ("grow" if largest else "fall"))


def _convex(spline: _Pieces) -> Survival:
    for r, b in enumerate(spline.breaks):
        if spline.slopes[r + 1] < spline.slopes[r]:
            left = spline.breaks[r - 1] if r else b - 1
            right = spline.breaks[r + 1] if r + 1 < len(spline.breaks) else b + 1
            step = min(b - left, right - b)
            a, c = b - step, b + step
            return Survival(
                "the unit is convex", False,
                f"at the midpoint of u = {_text(a)} and {_text(c)} it is above the mean of its "
                "values",
                {"u": (a, c), "values": (spline.value(a), spline.value(c)),
                 "at the midpoint": spline.value(b)},
            )  # fmt: skip
    return Survival("the unit is convex", True, "slopes only grow")


def _formula(spline: _Pieces) -> Survival:
    """x belongs to the piece of least |x - mu|^2 - rad with mu = slope, rad = mu^2 + 2 offset."""
    statement = "cells are those of the power diagram mu = A, rad = |A|^2 + 2 B"
    for u in spline.samples():
        powers = [(u - s) ** 2 - s * s - 2 * o
                  for s, o in zip(spline.slopes, spline.offsets, strict=True)]  # fmt: skip
        own = spline.at(u)
        if powers[own] > min(powers):
            other = powers.index(min(powers))
            return Survival(
                statement, False,
                f"u = {_text(u)} lies in piece {own}, but centroid {other} is nearer",
                {"u": u, "piece": own, "power distances": tuple(powers)},
            )  # fmt: skip
    return Survival(statement, True, "largest pieces are least power distances")


def _some_diagram(spline: _Pieces) -> Survival:
    """Put slopes 0, 1, 2, ... in the place of the spline's: convex, with the same breaks."""
    offsets = [Fraction(0)]
    for b in spline.breaks:
        offsets.append(offsets[-1] - b)
    turned = _Pieces(spline.breaks, [Fraction(r) for r in range(len(offsets))], offsets)
    good = all(turned.all(u)[turned.at(u)] == max(turned.all(u)) for u in spline.samples())
    return Survival(
        "cells are those of some power diagram", good and _formula(turned).survives,
        "slopes 0, 1, 2, ... have the same breaks and are convex",
    )  # fmt: skip


def _soft(spline: _Pieces) -> Survival:
    """Softmax over the pieces tends to the largest one."""
    statement = "the soft selection of the pieces tends to the unit, or to minus that of minus it"
    if _extreme(spline, largest=True).survives or _extreme(spline, largest=False).survives:
        return Survival(statement, True, "it tends to the largest, or the smallest, piece")
    low, high = _extreme(spline, largest=False), _extreme(spline, largest=True)
    return Survival(
        statement, False, "it tends to the largest piece: " + high.because,
        {"largest": high.counterexample, "smallest": low.counterexample},
    )  # fmt: skip


def _difference(spline: _Pieces) -> Survival:
    """phi = p - q: p bends up as phi does, q up where phi bends down; both are convex."""
    up, down = [spline.slopes[0]], [Fraction(0)]
    offsets = [spline.offsets[0]], [Fraction(0)]
    for r, b in enumerate(spline.breaks):
        bend = spline.slopes[r + 1] - spline.slopes[r]
        for slopes, offset, part in ((up, offsets[0], max(bend, Fraction(0))),
                                     (down, offsets[1], max(-bend, Fraction(0)))):  # fmt: skip
            slopes.append(slopes[-1] + part)
            offset.append(offset[-1] - part * b)
    p, q = _Pieces(spline.breaks, up, offsets[0]), _Pieces(spline.breaks, down, offsets[1])
    good = all(max(p.all(u)) - max(q.all(u)) == spline.value(u) for u in spline.samples())
    return Survival(
        "the unit is a difference of two MASOs", good, "bends up and bends down, apart",
    )  # fmt: skip


def _like_relu(spline: _Pieces) -> Survival:
    statement = "it cuts as ReLU does"
    if spline.breaks == [Fraction(0)]:
        return Survival(statement, True, "one break, at 0")
    return Survival(
        statement, False, f"breaks at {', '.join(map(_text, spline.breaks))}",
        {"pieces": len(spline.slopes), "breaks": tuple(spline.breaks)},
    )  # fmt: skip


def _text(value: Fraction) -> str:
    return format_rational(value) if value.denominator < 10**6 else f"{nearest_float(value):.6g}"


EXPECTED = {
    "hard tanh": (False, False, False, False, True, False, True, False),
    "leaky ReLU of slope 2": (False, True, False, False, True, True, True, True),
    "spline of tanh": (False, False, False, False, True, False, True, False),
}

Survives = Callable[[Any], list[Survival]]


@check(number=18, name="no MASOs", needs_network=False)
@guarded
def check_nonconvex(
    expected: Mapping[str, tuple[bool, ...]] | None = None, *, survives: Survives = survival
) -> Report:
    """Check which statements survive for splines that are no MASOs, with counterexamples.

    Parameters
    ----------
    expected : mapping of str to tuple of bool, optional
        For an activation of the gallery, which of the statements about one unit survive.
    survives : callable
        An activation to a list of `Survival`, to test in place of `survival`.

    Returns
    -------
    Report
        For hard tanh, leaky ReLU of slope 2 and a spline of tanh: what is expected of every
        statement with what comes out; every counterexample evaluated anew by the operator's exact
        forward; convexity by `check_convexity`; statements that ask for no convexity by their own
        checks on networks.

    Examples
    --------
    >>> check_nonconvex().verdict
    'holds'
    """
    wanted = dict(EXPECTED if expected is None else expected)
    activations = nonconvex_activations()
    if not set(wanted) <= set(activations):
        raise ParameterError(f"expected: give some of {sorted(activations)}")
    says = Statement(
        "check_nonconvex",
        "For affine splines that are no max-affine ones, statements that select pieces by their "
        "values fail; those about cells, maps, counts, slopes and codes survive.",
        "Balestriero, Baraniuk, A Spline Theory of Deep Networks, ICML 2018: ASOs and MASOs",
        ("what is proved or refuted by pieces and checks", "forward, check_convexity, expectation"),
        "statements",
    )
    bad, checked = None, 0
    details: dict[str, Any] = {}
    for name, truth in wanted.items():
        entries = survives(activations[name])
        verdicts = tuple(e.survives for e in entries)
        truth = (*truth, *[True] * (len(entries) - len(truth)))
        details[name] = "; ".join(str(e) for e in entries if not e.survives)
        convex = check_convexity(_single(activations[name])).holds
        for entry, own, right in zip(entries, verdicts, truth, strict=True):
            checked += 1
            wrong = own != right or (entry.statement == "the unit is convex" and own != convex)
            if bad is None and (wrong or not _is_so(activations[name], entry)):
                bad = {"activation": name, "statement": entry.statement, "survives": own}
    return says.report(bad, "a verdict is another one", checked=checked, details=details)


def _single(activation: Operator) -> Network:
    from ...network import Network

    return Network([activation], (1,))


def _is_so(activation: Operator, entry: Survival) -> bool:
    """Whether the values that a counterexample states are the operator's."""
    import numpy as np

    found = entry.counterexample or {}
    pairs = []
    if "value" in found:
        pairs = [(found["u"], found["value"])]
        pieces = [v for k, v in found.items() if k.endswith("piece")]
        if pieces == [found["value"]]:
            return False
    if "at the midpoint" in found:
        (a, b), (fa, fb) = found["u"], found["values"]
        middle = found["at the midpoint"]
        pairs = [(a, fa), (b, fb), ((a + b) / 2, middle)]
        if not 2 * middle > fa + fb:
            return False
    return all(
        activation.forward(np.array([[u]], dtype=object))[0, 0] == value for u, value in pairs
    )
