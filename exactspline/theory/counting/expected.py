"""Expected numbers of regions of random networks: bounds with constants, and counts over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...bounds import montufar2017, serra2018
from ...errors import LimitError, ParameterError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.watch import watched
from ..registry import check, exported
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...network.network import Network

__all__ = [
    "RandomCounts", "check_expected_counts", "gaussian_constants", "hanin_rolnick", "plane_bound",
    "random_counts", "random_network",
]  # fmt: skip

_SOURCE = (
    "Hanin, Rolnick, Complexity of Linear Regions in Deep Networks, ICML 2019; Deep ReLU Networks "
    "Have Surprisingly Few Activation Patterns, NeurIPS 2019"
)


@exported
@guarded
def hanin_rolnick(
    units: int, inputs: int, side: Any, *, gradient: Any, bias: Any, factor: Any = 2,
    form: str = "faces",
) -> Fraction:  # fmt: skip
    """Hanin and Rolnick's upper bound on the mean number of activation regions in a cube.

    Parameters
    ----------
    units : int
        N, of all layers.
    inputs : int
        n.
    side : number
        Of the cube, delta.
    gradient : number
        C_grad: E |grad z(x)|^n <= C_grad^n for every unit's preactivation z and every x.
    bias : number
        C_bias: the density of any k biases, given all else, is at most C_bias^k.
    factor : number
        2 in the paper; of the form "faces".
    form : {"faces", "power"}
        "power": the theorem's own form, which is larger.

    Returns
    -------
    Fraction
        "faces": sum_{k <= n} C(n, k) 2^(n - k) C(N, k) (factor C_grad C_bias delta)^k, since
        regions are at most the points where k units vanish on k-faces of the cube, of which
        C(n, k) 2^(n - k) have the volume delta^k. "power": (T N delta)^n / n! with T = 2^5 C_grad
        C_bias.

    Raises
    ------
    ParameterError
        For numbers that are none, or not positive; for "power" also for fewer units than inputs
        and for cubes of a side below 1 / (2 C_grad C_bias), of which the theorem says nothing.
    LimitError
        For more than 1,000 inputs.

    Notes
    -----
    For N >= n and rate = factor C_grad C_bias delta >= 1 the sum is at most (3 rate N)^n / n!:
    rate^k <= rate^n, C(N, k) <= N^k / k! <= N^n / n! since n! / k! <= n^(n - k) <= N^(n - k), and
    the C(n, k) 2^(n - k) add up to 3^n. So with the factor 2 it implies the theorem with T = 6
    C_grad C_bias, too. The theorem's T is quoted from those who generalise it; its proof and that
    of the factor 2 were not checked here.

    References
    ----------
    B. Hanin, D. Rolnick, 2019 (both papers). H. Tseran, G. Montufar, "On the Expected Complexity of
    Maxout Networks", NeurIPS 2021: the same for maxout, with T = 2^5 C_grad C_bias.

    Examples
    --------
    >>> hanin_rolnick(1, 1, 2, gradient=1, bias="1/2")
    Fraction(4, 1)
    >>> hanin_rolnick(1, 1, 2, gradient=1, bias="1/2", form="power")
    Fraction(32, 1)
    """
    if form not in ("faces", "power"):
        raise ParameterError(f"hanin_rolnick: form {form!r}; give 'faces' or 'power'")
    n, N = _whole(inputs, "inputs"), _whole(units, "units")
    if n > _MOST_INPUTS:
        raise LimitError(f"hanin_rolnick: {n:,} inputs; the sum is for at most {_MOST_INPUTS:,}")
    rate = _positive(side, "side") * _positive(gradient, "gradient") * _positive(bias, "bias")
    if form == "power":
        if n > N or 2 * rate < 1:
            raise ParameterError(
                f"hanin_rolnick: the theorem is for at least as many units as inputs ({N}, {n}) "
                f"and sides of at least {float(_positive(side, 'side') / (2 * rate)):.6g}; take "
                "form='faces'"
            )
        return (_THEIRS * rate * N) ** n / math.factorial(n)
    rate *= _positive(factor, "factor")
    terms = (math.comb(n, k) * 2 ** (n - k) * math.comb(N, k) * rate**k for k in range(n + 1))
    return sum(terms, Fraction(0))


@exported
@guarded
def plane_bound(units: int, side: Any, *, gradient: Any, bias: Any) -> Fraction:
    """An upper bound on the mean number of regions in a square, sharper than `hanin_rolnick`.

    Parameters
    ----------
    units, side, gradient, bias
        As for `hanin_rolnick`, for two inputs, E |grad z|^2 <= C_grad^2, and weights that are
        independent, symmetric and of mean 0 with biases that are independent of them.

    Returns
    -------
    Fraction
        1 + 2 N r + C(N, 2) r^2 with r = C_grad C_bias delta.

    Notes
    -----
    By Euler's relation a square falls into 1 + V + B / 2 regions, V crossings inside and B on the
    border. Given all else, the biases for which two units vanish at x have a density of at most
    C_bias^2, and the area element is the determinant of their gradients. The gradient of a deeper
    unit along the line where an earlier one vanishes is the same on both sides, so it is that of
    the network without it, whose second moment is no larger. Hence no factor 2.

    Examples
    --------
    >>> plane_bound(2, 1, gradient=1, bias=1)
    Fraction(6, 1)
    """
    N = _whole(units, "units")
    rate = _positive(side, "side") * _positive(gradient, "gradient") * _positive(bias, "bias")
    return 1 + 2 * N * rate + math.comb(N, 2) * rate**2


@exported
@guarded
def gaussian_constants(bias: Any) -> tuple[Fraction, Fraction]:
    """C_grad and C_bias of `random_network`: upper rationals of sqrt(2) and 1 / (sigma sqrt(2 pi)).

    Parameters
    ----------
    bias : number
        Standard deviation of the biases; positive.

    Notes
    -----
    With weights of variance 2 / fan-in E |grad z(x)|^2 = 2 in every layer: it is 2 in the first;
    behind it every unit is on with probability 1/2, by symmetry and independent of the length of
    its gradient, so E |grad z|^2 = sum_j (2 / n) (1/2) E |grad z_j|^2. It bounds first and second
    moments, so it serves up to two inputs.

    Examples
    --------
    >>> [round(float(v), 6) for v in gaussian_constants(1)]
    [1.414214, 0.398942]
    """
    sigma = _positive(bias, "bias")
    density = Fraction(1 / math.sqrt(2 * math.pi)) * (1 + Fraction(1, 10**12))  # rounded up
    return Fraction(math.nextafter(math.sqrt(2), 2)), density / sigma


@exported
@guarded
def random_network(widths: Sequence[int], seed: int, *, bias: float = 1.0) -> Network:
    """A dense ReLU network as it is initialised: independent normal weights and biases.

    Parameters
    ----------
    widths : sequence of int
        The number of inputs, then the units of every layer.
    seed : int
    bias : float
        Standard deviation of the biases; weights have the variance 2 / fan-in.

    Returns
    -------
    Network
        Its parameters are the float64 that were drawn, exactly.

    Examples
    --------
    >>> random_network([2, 8, 8], 0).units
    16
    """
    from ...network import Dense, Network, ReLU

    sizes = [_whole(w, "widths") for w in widths]
    if len(sizes) < 2 or min(sizes) < 1:
        raise ParameterError(f"random_network: widths {list(widths)}; give inputs and layers")
    sigma = float(_positive(bias, "bias"))
    rng = np.random.default_rng(seed)
    operators: list[Any] = []
    for n, m in pairwise(sizes):
        weight = rng.normal(size=(m, n)) * math.sqrt(2 / n)
        operators += [Dense(weight, rng.normal(size=m) * sigma), ReLU()]
    return Network(operators, (sizes[0],))


@dataclass(frozen=True)
class RandomCounts:
    """Exact numbers of regions of random networks of one kind in one box, seed by seed.

    Attributes
    ----------
    widths : tuple of int
    counts : tuple of int
        One a seed.
    mean, deviation : float
        Of the counts; the deviation of one of them (n - 1).
    """

    widths: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def mean(self) -> float:
        """The mean count."""
        return float(np.mean(self.counts))

    @property
    def deviation(self) -> float:
        """The standard deviation of one count."""
        return float(np.std(self.counts, ddof=1))

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.deviation / math.sqrt(len(self.counts))


@exported
@guarded
def random_counts(
    widths: Sequence[int], seeds: int = 100, *, side: Any = 2, bias: float = 1.0
) -> RandomCounts:
    """Exact counts of `random_network` in the cube [-side / 2, side / 2]^n, for seeds 0, 1, ...

    Parameters
    ----------
    widths : sequence of int
    seeds : int
        How many; at least 2.
    side, bias : number

    Returns
    -------
    RandomCounts

    Examples
    --------
    >>> found = random_counts([1, 8], 10)
    >>> len(found.counts), min(found.counts) >= 1
    (10, True)
    """
    from ...clock import Clock
    from ...domain import Box
    from ...driver.driver import Driver
    from ...driver.request import Request

    half = _positive(side, "side") / 2
    if _whole(seeds, "seeds") < 2:
        raise ParameterError("random_counts: give at least two seeds")
    box = Box([-half] * int(widths[0]), [half] * int(widths[0]))
    counts = []
    for seed in watched(range(seeds), seeds, "networks"):
        net = random_network(widths, seed, bias=bias)
        outcome = Driver(Request(net, box, keep=False), Clock()).go()
        if outcome.interrupt is not None:
            raise outcome.interrupt
        counts.append(int(outcome.regions))
    return RandomCounts(tuple(int(w) for w in widths), tuple(counts))


_THEIRS = 2**5  # T / (C_grad C_bias) of the theorem
MeanBound = Callable[[Sequence[int]], Any]
_MOST_INPUTS = 1_000
_KINDS = ((2, 8), (2, 6, 6), (2, 4, 4, 4))
_SEEDS = 40


def bound_of(widths: Sequence[int]) -> Fraction:
    """`plane_bound` for the square of side 2 and biases of deviation 1."""
    gradient, bias = gaussian_constants(1)
    return plane_bound(sum(widths[1:]), 2, gradient=gradient, bias=bias)


def line_mean(units: int) -> float:
    """The mean number of regions of one layer on [-1, 1], one input, deviations sqrt(2) and 1.

    The break -b / w of a unit is Cauchy of scale 1 / sqrt(2): 1 + N (2 / pi) arctan(sqrt(2)).
    """
    return 1 + units * 2 / math.pi * math.atan(math.sqrt(2))


@check(number=13, name="expected counts", needs_network=False)
@guarded
def check_expected_counts(
    bound: MeanBound = bound_of, *, mean: Callable[[int], float] = line_mean, seeds: int = _SEEDS
) -> Report:
    """Check mean numbers of regions of random networks against Hanin and Rolnick's bound.

    Parameters
    ----------
    bound : callable
        Widths to a bound of the mean in the square [-1, 1]^2, to test in place of `plane_bound`.
    mean : callable
        Units of one layer to the mean number of regions on [-1, 1], to test in place of
        1 + N (2 / pi) arctan(sqrt(2)).
    seeds : int

    Returns
    -------
    Report
        Counts are exact. Every one is at most the combinatorial bounds; the means of three kinds
        of two inputs are below the bound, and that of one layer of one input is what the formula
        says, both up to four standard errors of the mean: a verdict to that tolerance.

    References
    ----------
    B. Hanin, D. Rolnick, 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> es.theory.check_expected_counts(seeds=4).verdict
    'holds'
    """
    says = Statement(
        "check_expected_counts",
        "The mean number of regions of a ReLU network at initialisation in a square of side d is "
        "at most 1 + 2 N r + C(N, 2) r^2, r = C_grad C_bias d, whatever its depth.",
        _SOURCE,
        (f"exact counts of {seeds} random networks of every kind", "the bounds and the formula"),
        "networks",
    )
    bad: dict[str, Any] | None = None
    details: dict[str, Any] = {}
    checked = 0
    for widths in _KINDS:
        found, most = random_counts(widths, seeds), bound(widths)
        worst = min(montufar2017(widths[1:], widths[0]), serra2018(widths[1:], widths[0]))
        checked += seeds
        details[f"widths {list(widths)}"] = (
            f"mean {found.mean:.1f} +- {found.error:.1f}, bound {float(most):.1f}, "
            f"combinatorial bound {worst}"
        )
        if bad is None and (
            found.mean - 4 * found.error > float(most) or max(found.counts) > worst
        ):
            bad = {"widths": list(widths), "mean": found.mean, "bound": float(most),
                   "largest count": max(found.counts), "combinatorial bound": worst}  # fmt: skip
    line, formula = random_counts((1, 12), seeds), mean(12)
    checked += seeds
    details["one layer of 12, one input"] = (
        f"mean {line.mean:.2f} +- {line.error:.2f}, formula {formula:.2f}"
    )
    if bad is None and abs(line.mean - formula) > 4 * line.error:
        bad = {"widths": [1, 12], "mean": line.mean, "formula": formula}
    return replace(
        says.report(bad, "the mean is not what it should be", checked=checked, details=details),
        exact=False,
    )


def _whole(value: Any, what: str) -> int:
    try:
        out = int(value)
        good = out == value and not isinstance(value, bool) and out >= 0
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise ParameterError(f"{what}: {value!r}; give a whole number of at least 0")
    return out


def _positive(value: Any, what: str) -> Fraction:
    out = to_fraction(value, what)
    if out <= 0:
        raise ParameterError(f"{what}: {value!r}; give a positive number")
    return out
