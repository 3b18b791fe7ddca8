"""Checks of soft networks: the entropy problem solved by others, named forms, distance to hard."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, UndecidedError, UnsupportedOperatorError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.region_maps import partition_of
from ..common.samples import exact_forward
from ..registry import check
from ..report import Report, Statement
from .soft_network import SoftNetwork
from .soft_units import FORMS, above, ball, precise, soft_layers

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["check_soft_forms", "check_soft_network", "check_soft_selection"]

_SOURCE = "Balestriero, Baraniuk, From Hard to Soft, ICLR 2019"
_BETAS = ("1/4", "1/2", "3/4", "9/10", "99/100", "999/1000")
_POINTS = 40
_SELECTIONS = 60
_ROUNDED = Fraction(1, 2**30)  # by which bounds that are rounded up may differ
_NARROW = 1e-4  # how far the solver's bracket of the optimum may be open

Selection = Callable[[Sequence[float], float], Sequence[float]]


def closed_form(z: Sequence[float], beta: float) -> list[float]:
    """The theory's selection, softmax(beta z / (1 - beta))."""
    top = max(z)
    powers = [math.exp(beta / (1 - beta) * (v - top)) for v in z]
    return [p / sum(powers) for p in powers]


@check(number=16, name="soft selection", needs_network=True)
@guarded
def check_soft_selection(
    network: Network | Partition, domain: Domain | None = None, *, beta: Any = "1/2",
    selection: Selection = closed_form,
) -> Report:  # fmt: skip
    """Check the soft selection of a network's units against a solver's.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    beta : number
        Strictly between 0 and 1.
    selection : callable
        (z, beta) to the weights of the pieces, to test in place of the softmax.

    Returns
    -------
    Report
        The pieces' values z of up to 60 units at witnesses of regions; cvxpy maximises
        beta <t, z> + (1 - beta) H(t) over the simplex. Its t, and its multiplier l by weak
        duality (max <= l + (1 - beta) sum exp((beta z - l) / (1 - beta) - 1)), are put into balls:
        they bracket the maximum, whatever the solver did. By the curvature of H the weights can be
        off by |t - t*|_1^2 <= 2 gap / (1 - beta); those of ``selection``, in float64, must be
        within that and 1e-9: a verdict to a tolerance.
        Undecided where the bracket is wide.

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> layers = [es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU(), es.Dense([[1, -1]])]
    >>> net = es.Network(layers, (2,))
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.theory.check_soft_selection(net, box).verdict
    'holds'
    """
    exact = to_fraction(beta, "check_soft_selection: beta")
    if not 0 < exact < 1:
        raise ParameterError(f"check_soft_selection: beta {beta}; give a number between 0 and 1")
    partition = partition_of(network, domain)
    says = Statement(
        "check_soft_selection",
        "The soft selection of a unit with pieces z, the maximum of beta <t, z> + (1 - beta) H(t) "
        "over the simplex, is t = softmax(beta z / (1 - beta)).",
        _SOURCE,
        (
            "the maximum that cvxpy finds, bracketed by its primal and dual values in balls",
            "the softmax at the values of the units' pieces",
        ),
        "selections",
    )
    try:
        problems = _piece_values(partition)
    except UnsupportedOperatorError as error:
        return says.not_applicable(str(error))
    if not problems:
        return says.not_applicable("no unit has two pieces or more")
    bad, widest = None, 0.0
    try:
        near = [[float(v) for v in z] for z in problems]
    except OverflowError:
        return says.undecided("values of pieces are beyond float64, which the solver takes")
    found = _solved(near, float(exact))
    for z, (t, multiplier) in zip(problems, found, strict=True):
        with precise():
            low, high = _bracket(z, t, multiplier, exact)
            gap = float(above(high - low))
        widest = max(widest, gap)
        if gap > _NARROW:
            return says.undecided(f"cvxpy's bracket of the maximum is {gap:.1e} wide")
        claimed = selection([float(v) for v in z], float(exact))
        apart = sum(abs(a - float(b)) for a, b in zip(claimed, t, strict=True))
        if apart > math.sqrt(2 * gap / float(1 - exact)) + 1e-9:
            bad = {"z": list(z), "claimed": list(claimed), "solved": [float(v) for v in t]}
            break
    details = {"beta": exact, "widest bracket of the maximum": widest}
    report = says.report(bad, "the weights differ", checked=len(problems), details=details)
    return replace(report, exact=False)  # to what the bracket leaves open


def _piece_values(partition: Partition) -> list[list[Fraction]]:
    """The values of all pieces of units at witnesses, turned so that the largest is selected."""
    from ...cells.point import code_at

    layers = soft_layers(partition.network.program)
    out: list[list[Fraction]] = []
    count = sum(len(layer.sign) for layer in layers)
    step = max(1, -(-len(partition) * count // _SELECTIONS))
    at = 0
    for region in range(len(partition)):
        x = partition.domain.chart.lift(partition.witness(region))
        code, state = code_at(partition.network.program, x)[0], list(x)
        unit = 0
        for layer in layers:
            members = [_value(row, state) for row in layer.rows]
            values = []
            for k in range(len(layer.sign)):
                sign = int(layer.sign[k])
                z = [layer.slope[r] * members[layer.member[r]] + layer.offset[r]
                     for r in layer.pieces(k)]  # fmt: skip
                values.append(z[int(code[unit + k])])
                if at % step == 0 and len(z) > 1:
                    out.append([sign * v for v in z])
                at += 1
            unit += len(layer.sign)
            state = values + [state[j] for j in layer.keep.tolist()]
    return out


def _value(row: tuple[Fraction, list[tuple[int, Fraction]]], state: Sequence[Fraction]) -> Fraction:
    return row[0] + sum((v * state[j] for j, v in row[1]), Fraction(0))


def _solved(
    problems: Sequence[Sequence[float]], beta: float
) -> list[tuple[list[Fraction], Fraction]]:
    """For every z the solver's t, made to add up to 1 exactly, and its multiplier."""
    import cvxpy

    sizes = [len(z) for z in problems]
    start = np.concatenate([[0], np.cumsum(sizes)])
    t = cvxpy.Variable(int(start[-1]))
    ones = np.zeros((len(sizes), int(start[-1])))
    for k in range(len(sizes)):
        ones[k, start[k] : start[k + 1]] = 1
    flat = np.concatenate([np.asarray(z) for z in problems])
    total = ones @ t == 1
    value = beta * flat @ t + (1 - beta) * cvxpy.sum(cvxpy.entr(t))
    problem = cvxpy.Problem(cvxpy.Maximize(value), [total])
    try:
        problem.solve()
    except (cvxpy.error.SolverError, TypeError) as error:
        raise UndecidedError(f"check_soft_selection: cvxpy found no optimum ({error})") from None
    if t.value is None or total.dual_value is None:
        raise UndecidedError(f"check_soft_selection: cvxpy ended as {problem.status}")
    out = []
    for k in range(len(sizes)):
        raw = [Fraction(max(float(v), 0.0)) for v in t.value[start[k] : start[k + 1]]]
        whole = sum(raw, Fraction(0))
        out.append(([v / whole for v in raw], Fraction(abs(float(total.dual_value[k])))))
    return out


def _bracket(
    z: Sequence[Fraction], t: Sequence[Fraction], multiplier: Fraction, beta: Fraction
) -> tuple[Any, Any]:
    """Balls below and above the maximum: the value at t, and the dual's.

    Any multiplier gives a bound; the solver's sign is a matter of taste, so both are tried, and
    the best shift of each is that where the sum of the exponentials is 1.
    """
    low = ball(sum((beta * a * b for a, b in zip(t, z, strict=True)), Fraction(0)))
    for share in t:
        if share:
            low = low - ball(1 - beta) * ball(share) * ball(share).log()
    bounds = []
    for sign in (1, -1):
        dual = sign * multiplier
        powers = [((ball(beta * v - dual) / ball(1 - beta)) - 1).exp() for v in z]
        bounds.append(ball(dual) + ball(1 - beta) * sum(powers[1:], powers[0]))
    high = min(bounds, key=lambda v: float(v.mid()) if v.is_finite() else math.inf)
    return low, high


# --- named forms --------------------------------------------------------------------------------

Named = Callable[[Sequence[Any], Any], Any]  # balls of the inputs, beta / (1 - beta) -> a ball


def _sigmoid(v: Any) -> Any:
    return 1 / (1 + (-v).exp())


def _pooling(z: Sequence[Any], c: Any) -> Any:
    powers = [(c * v).exp() for v in z]
    parts = [p * v for p, v in zip(powers, z, strict=True)]
    return sum(parts[1:], parts[0]) / sum(powers[1:], powers[0])


def _log_pooling(z: Sequence[Any], c: Any) -> Any:
    powers = [(c * v).exp() for v in z]
    return sum(powers[1:], powers[0]).log() / c


def _forms() -> dict[tuple[str, str], tuple[Any, tuple[int, ...], str, Named]]:
    """(operator, form) to the operator, its input shape, the name, and the formula."""
    from ... import network as ops

    relu, absolute, pool = ops.ReLU(), ops.Abs(), ops.MaxPool((3,))
    leaky, least = ops.LeakyReLU("1/10"), ops.ReduceMin()
    mean, lse = FORMS
    return {
        ("ReLU", mean): (relu, (1,), "swish, u s(c u); SiLU at beta = 1/2",
                         lambda z, c: z[0] * _sigmoid(c * z[0])),
        ("ReLU", lse): (relu, (1,), "softplus, log(1 + exp(c u)) / c",
                        lambda z, c: (1 + (c * z[0]).exp()).log() / c),
        ("leaky ReLU", mean): (leaky, (1,), "eta u + (1 - eta) u s((1 - eta) c u)",
                              lambda z, c: z[0] / 10 + 9 * z[0] / 10 * _sigmoid(9 * c * z[0] / 10)),
        ("leaky ReLU", lse): (leaky, (1,), "eta u + softplus((1 - eta) u)",
                              lambda z, c: z[0] / 10 + (1 + (c * z[0] * 9 / 10).exp()).log() / c),
        ("absolute value", mean): (absolute, (1,), "u tanh(c u)",
                                   lambda z, c: z[0] * (c * z[0]).tanh()),
        ("absolute value", lse): (absolute, (1,), "log(2 cosh(c u)) / c",
                                  lambda z, c: (2 * (c * z[0]).cosh()).log() / c),
        ("max-pooling", mean): (pool, (1, 3), "softmax-pooling, sum z exp(c z) / sum exp(c z)",
                                _pooling),
        ("max-pooling", lse): (pool, (1, 3), "log-sum-exp pooling, log(sum exp(c z)) / c",
                               _log_pooling),
        ("minimum", mean): (least, (3,), "softmin, sum z exp(-c z) / sum exp(-c z)",
                            lambda z, c: _pooling(z, -c)),
        ("minimum", lse): (least, (3,), "-log(sum exp(-c z)) / c",
                           lambda z, c: _log_pooling(z, -c)),
    }  # fmt: skip


@check(number=16, name="soft forms", needs_network=False)
@guarded
def check_soft_forms(forms: Mapping[tuple[str, str], Named] | None = None) -> Report:
    """Check what operators become under soft selection, form by form, by name.

    Parameters
    ----------
    forms : mapping of (str, str) to callable, optional
        For an operator ("ReLU", "leaky ReLU", "absolute value", "max-pooling", "minimum") and a
        form ("mean", "log-sum-exp") a function (z, beta / (1 - beta)) of balls, to test in place
        of the named one.

    Returns
    -------
    Report
        The soft network of the operator alone with the named formula, in balls of 192 bits at
        rational points and betas. The names: swish, softplus, softmax-pooling and their relatives.

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> check_soft_forms().verdict
    'holds'
    """
    from ...network.network import Network

    known = _forms()
    given = dict(forms or {})
    if not set(given) <= set(known):
        raise ParameterError(f"forms: give some of {sorted(known)}")
    says = Statement(
        "check_soft_forms",
        "With c = beta / (1 - beta) the mean of soft-selected pieces is swish for ReLU, "
        "u tanh(c u) for the absolute value and softmax-pooling for max-pooling; the value of the "
        "problem over beta is softplus, log(2 cosh(c u)) / c and log-sum-exp pooling.",
        _SOURCE,
        ("the soft network of one operator, from its compiled pieces", "the named formula"),
        "values",
    )
    numbers = [Fraction(v) for v in ("-7/3", "-1/2", "0", "2/5", "3")]
    bad, checked = None, 0
    for key, (operator, shape, _, formula) in known.items():
        formula = given.get(key, formula)
        size = math.prod(shape)
        for beta in ("1/5", "1/2", "9/10"):
            soft = SoftNetwork(Network([operator], shape), beta, form=key[1])
            for i in range(len(numbers)):
                x = [numbers[(i + 2 * j) % len(numbers)] for j in range(size)]
                checked += 1
                with precise():
                    claimed = formula([ball(v) for v in x], ball(soft.beta / (1 - soft.beta)))
                    (own,) = soft.balls(x)
                    apart = own - claimed
                if bad is None and not (apart.contains(0) and float(apart.rad()) < 1e-30):
                    bad = {"operator": key[0], "form": key[1], "x": x, "beta": soft.beta}
    names = {f"{op}, {form}": entry[2] for (op, form), entry in known.items()}
    return says.report(bad, "the formula has another value", checked=checked, details=names)


# --- soft against hard --------------------------------------------------------------------------

Bound = Callable[[SoftNetwork, Any], Sequence[Fraction]]


def proved_bound(soft: SoftNetwork, domain: Any) -> Sequence[Fraction]:
    """`SoftNetwork.error_bound` on all of space."""
    return soft.error_bound()


@check(number=16, name="soft network", needs_network=True)
@guarded
def check_soft_network(
    network: Network | Partition, domain: Domain | None = None, *, betas: Sequence[Any] = _BETAS,
    bound: Bound = proved_bound,
) -> Report:  # fmt: skip
    """Check how far the soft network is from the hard one, for betas that go to 1.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    betas : sequence of numbers
        Increasing, strictly between 0 and 1.
    bound : callable
        (`SoftNetwork`, domain) to one bound an output, to test in place of `error_bound`.

    Returns
    -------
    Report
        At up to 40 points (witnesses, and points halfway between witnesses, near walls) the soft
        network in balls and the exact forward differ by at most the bound, for both forms; and the
        bounds are in the ratio of their (1 - beta) / beta, so that they go to 0. Not applicable for
        units that are neither convex nor concave.

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> layers = [es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU(), es.Dense([[1, -1]])]
    >>> net = es.Network(layers, (2,))
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.theory.check_soft_network(net, box).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    net = partition.network
    says = Statement(
        "check_soft_network",
        "The soft network differs from the hard one by at most a number of the weights times "
        "(1 - beta) / beta, everywhere: W((R - 1) / e) a unit of R pieces, log R for log-sum-exp.",
        _SOURCE + "; the constants: docs/soft.md",
        ("the soft network in balls, at points", "the exact forward, and the proved bound"),
        "values",
    )
    exact = [to_fraction(b, "check_soft_network: beta") for b in betas]
    if not exact or any(not 0 < b < 1 for b in exact):
        raise ParameterError("check_soft_network: give betas between 0 and 1")
    try:
        soft_layers(net.program)
    except UnsupportedOperatorError as error:
        return says.not_applicable(str(error))
    points = _near_walls(partition)
    hard = exact_forward(net, points)
    bad, checked, share = None, 0, 0.0
    scaled: dict[str, set[Fraction]] = {form: set() for form in FORMS}
    for form in FORMS:
        for beta in exact:
            soft = SoftNetwork(net, beta, form=form)
            most = bound(soft, partition.domain)
            scaled[form].add(sum(most, Fraction(0)) * beta / (1 - beta))
            for x, values in zip(points, hard, strict=True):
                for found, value, limit in zip(soft.balls(x), values, most, strict=True):
                    checked += 1
                    with precise():
                        gap = abs(found - ball(value))
                        over = gap > ball(limit)
                        share = max(share, float((gap / ball(limit)).mid()) if limit else 0.0)
                    if over and bad is None:
                        bad = {"x": x, "beta": beta, "form": form, "bound": limit, "hard": value,
                               "soft, about": float(found.mid())}  # fmt: skip
    if bad is None and any(max(v) - min(v) > _ROUNDED * (1 + max(v)) for v in scaled.values()):
        bad = {"bounds times beta / (1 - beta)": {k: sorted(v) for k, v in scaled.items()}}
    details = {"points": len(points), "betas": exact, "largest share of the bound": round(share, 4)}
    return says.report(bad, "the soft network is farther away", checked=checked, details=details)


def _near_walls(partition: Partition) -> list[list[Fraction]]:
    """Witnesses, and points halfway between those of regions that stand next to each other."""
    step = max(1, -(-len(partition) // (_POINTS // 2)))
    chart = partition.domain.chart
    inside = [partition.witness(i) for i in range(0, len(partition), step)]
    halfway = [tuple((a + b) / 2 for a, b in zip(p, q, strict=True))
               for p, q in pairwise(inside)]  # fmt: skip
    return [chart.lift(t) for t in (*inside, *halfway)]
