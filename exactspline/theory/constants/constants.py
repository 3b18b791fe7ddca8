"""The Lipschitz constant of a network: exact, over all regions, against the product bound."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError, UndecidedError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.region_maps import dense, dot, partition_of
from ..common.samples import maps_of
from ..common.spectral import LargestRoot, compare, gram_root, square_root
from ..common.watch import watched
from ..geometry.geometry import inside_step
from ..registry import check, exported
from ..report import Report, Statement
from .product import product_bound

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["Lipschitz", "check_lipschitz", "lipschitz"]

_BITS = 40  # of the enclosure that is reported
_MOST_KEYS = 20_000  # matrices that are known to have no largest norm


@dataclass(frozen=True)
class Lipschitz:
    """The Lipschitz constants of a network on a convex domain.

    Attributes
    ----------
    one, infinity : Fraction or None
        max over regions of |A|_1 (largest column sum) and |A|_inf (largest row sum), exactly.
        None on a domain that is neither of full dimension nor a box with fixed coordinates.
    two : tuple of two Fractions
        An enclosure of max |A|_2, narrow to 2^-40; both ends are equal where it is rational.
    two_squared : tuple of two Fractions
        An enclosure of its square, an algebraic number; both ends equal where that is rational.
    regions : dict of str to tuple of int
        For "1", "2" and "inf" all regions where the maximum is attained; ties are proved.
    """

    one: Fraction | None
    infinity: Fraction | None
    two: tuple[Fraction, Fraction]
    two_squared: tuple[Fraction, Fraction]
    regions: dict[str, tuple[int, ...]]


@exported
@guarded
def lipschitz(network: Network | Partition, domain: Domain | None = None) -> Lipschitz:
    """The exact Lipschitz constants on a domain, for the norms 1, 2 and infinity.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Convex, as all domains are, so that the constant is the maximum over its regions.

    Returns
    -------
    Lipschitz

    Raises
    ------
    LimitError
        For matrices whose smaller side is over 64.

    Notes
    -----
    |A|_2 is the root of an algebraic number: characteristic polynomials in rationals, their
    largest roots isolated, and compared by narrowing, or by their greatest common divisor where
    they are equal. Regions with one polynomial are settled at once.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [3, 4]]), es.ReLU()], (2,))
    >>> found = lipschitz(net)
    >>> int(found.one), int(found.infinity), [round(float(v), 6) for v in found.two]
    (6, 7, [5.464986, 5.464986])
    """
    return _constants(partition_of(network, domain))[0]


def _constants(partition: Partition) -> tuple[Lipschitz, LargestRoot]:
    """The constants; and the square of that for the 2-norm as an algebraic number."""
    maps, coordinate, inner = _maps(partition)
    largest = _Largest(inner, coordinate=coordinate)
    for region, A in enumerate(watched(maps, len(partition), "regions")):
        largest.take(region, A)
    one = largest.one if coordinate else None
    infinity = largest.infinity if coordinate else None
    root = largest.root
    assert root is not None
    root.narrow_to(_BITS + 2)
    found = Lipschitz(
        one, infinity, square_root(root.low, root.high), (root.low, root.high), largest.regions()
    )
    return found, root


Matrix = list[list[Fraction]]


def _maps(partition: Partition) -> tuple[Iterable[Matrix], bool, Any]:
    """The matrices of all regions over the domain's directions.

    Returns
    -------
    maps
        Over coordinates t with x = P t + p; one after the other.
    coordinate : bool
        Whether t are coordinates of x, so that every norm of t is that of x.
    inner
        (P^T P)^-1 as a flint matrix where they are not; else None.
    """
    from ...polyhedra.linear import matrix_of

    P, _ = dense(partition.domain.chart.point, "the domain's chart")
    k = P.shape[1]
    maps = (A.tolist() for A in maps_of(partition).over_t)
    columns = [[(i, v) for i, v in enumerate(P[:, j]) if v] for j in range(k)]
    used = [column[0][0] for column in columns if len(column) == 1 and column[0][1] == 1]
    coordinate = len(used) == k and len(set(used)) == k
    if coordinate:
        return maps, True, None
    gram = [[dot(P[:, i], P[:, j]) for j in range(k)] for i in range(k)]
    return maps, False, matrix_of(gram).inv()


def _row_norm(A: Sequence[Sequence[Fraction]]) -> Fraction:
    return max((sum(map(abs, row), Fraction(0)) for row in A), default=Fraction(0))


def _column_norm(A: Sequence[Sequence[Fraction]]) -> Fraction:
    columns = zip(*A, strict=True)
    return max((sum(map(abs, column), Fraction(0)) for column in columns), default=Fraction(0))


class _Largest:
    """The largest norms so far, and every region where they are attained."""

    def __init__(self, inner: Any, *, coordinate: bool) -> None:
        self.inner, self.coordinate = inner, coordinate
        self.one, self.infinity = Fraction(-1), Fraction(-1)
        self.root: LargestRoot | None = None
        self.found: dict[str, list[int]] = {"1": [], "inf": [], "2": []}
        self.orders: dict[tuple[Any, ...], int] = {}  # matrices compared with the root: -1 or 0

    def take(self, region: int, A: Matrix) -> None:
        """Compare the norms of a region's matrix with the largest ones."""
        if self.coordinate:
            one, infinity = _column_norm(A), _row_norm(A)
            if one > self.one:
                self.one, self.found["1"] = one, []
            if one == self.one:
                self.found["1"].append(region)
            if infinity > self.infinity:
                self.infinity, self.found["inf"] = infinity, []
            if infinity == self.infinity:
                self.found["inf"].append(region)
            # |A|_2^2 <= |A|_1 |A|_inf: most regions are settled by that
            if self.root is not None and one * infinity < self.root.low:
                return
        key = _up_to_signs(A)
        order = self.orders.get(key)
        if order is None:
            order = self._order(A)
            if order > 0:
                self.orders, self.found["2"] = {}, []
            elif len(self.orders) >= _MOST_KEYS:
                self.orders.clear()
            self.orders[key] = min(order, 0)
        if order >= 0:
            self.found["2"].append(region)

    def _order(self, A: Matrix) -> int:
        """How a squared 2-norm compares with the largest so far; a larger one takes its place."""
        if any(any(row) for row in A):
            root = gram_root(A, self.inner)
        else:
            import flint

            root = LargestRoot(flint.fmpq_poly([0, 1]), Fraction(0))
        order = 1 if self.root is None else compare(root, self.root)
        if order > 0:
            self.root = root
        return order

    def regions(self) -> dict[str, tuple[int, ...]]:
        """By norm, all regions where the largest one is attained."""
        norms = ("1", "inf", "2") if self.coordinate else ("2",)
        return {norm: tuple(self.found[norm]) for norm in norms}


def _up_to_signs(A: Matrix) -> tuple[Any, ...]:
    """A matrix up to the signs and the order of its rows: the 2-norm is the same."""
    rows = []
    for row in A:
        lead = next((v for v in row if v), Fraction(1))
        rows.append(tuple(row) if lead > 0 else tuple(-v for v in row))
    return tuple(sorted(rows))


# --- The check ----------------------------------------------------------------------------------


@check(number=14, name="Lipschitz", needs_network=True)
@guarded
def check_lipschitz(
    network: Network | Partition,
    domain: Domain | None = None,
    *,
    constant: Mapping[str, Any] | None = None,
    at_most: Mapping[str, Any] | None = None,
    claim: Mapping[str, Any] | None = None,
) -> Report:
    """Check the Lipschitz constants: attained in a region, never exceeded, below the product.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    constant : mapping of str to number, optional
        For "1", "2" or "inf" what the Lipschitz constant is said to be: it must be that number.
        The constant for "2" is irrational in general, and then no rational number is it.
    at_most : mapping of str to number, optional
        What it is said not to exceed.
    claim : mapping of str to number, optional
        The older name of ``constant``.

    Returns
    -------
    Report
        The maxima over the regions' matrices against quotients |f(x) - f(y)| / |x - y| of
        exact values: in the maximising region two points reach them (for the 2-norm: come
        within 2^-20), and between the witnesses of all pairs of regions (up to 300 of them)
        none exceeds them. Then what is said of them, decided exactly: where that is too small,
        two points exceed it.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[3, 4]]), es.ReLU()], (2,))
    >>> check_lipschitz(net, constant={"2": 5, "inf": 7}).verdict
    'holds'
    >>> check_lipschitz(net, at_most={"2": 6}).verdict
    'holds'
    >>> check_lipschitz(net, constant={"2": 6}).verdict
    'fails'
    """
    if claim is not None:
        warnings.warn(
            "check_lipschitz: claim= is called constant= now; at_most= is for upper bounds",
            DeprecationWarning,
            stacklevel=2,
        )
        constant = {**claim, **(constant or {})}
    partition = partition_of(network, domain)
    says = Statement(
        "check_lipschitz",
        "The Lipschitz constant on a convex domain is the maximum over the regions "
        "of |A| (norms 1, 2, infinity), and at most the product of the layers' norms with "
        "max(1, |slope|), and sqrt(overlap) for overlapping maxima.",
        "Balestriero, Baraniuk, Mad Max, 2018 (the network is affine on regions); "
        "Szegedy et al. 2014, section 4.3 (product)",
        (
            "the regions' matrices, exact norms and largest eigenvalues",
            "quotients of the network's exact values at points of the domain",
        ),
    )
    if partition.domain.chart.dim == 0:
        return says.not_applicable("the domain is one point")
    found, root = _constants(partition)
    constants: dict[str, tuple[Fraction, Fraction]] = {"2": found.two}
    if found.one is not None and found.infinity is not None:
        constants["1"] = found.one, found.one
        constants["inf"] = found.infinity, found.infinity
    said = _said(constant, "constant", constants), _said(at_most, "at_most", constants)
    points = _Points(partition)
    bad, checked = None, 0
    product = product_bound(partition.network)
    details: dict[str, Any] = {}
    for norm, (low, high) in sorted(constants.items()):
        name = f"|A|_{norm}"
        details[name] = low if low == high else [low, high]
        details[f"product bound, {name}"] = product[norm]
        details[f"regions where {name} is largest"] = found.regions[norm][:20]
        checked += 1
        steepest = found.regions[norm][0]
        bad = (
            points.exceeds(norm, high, steepest)
            or points.reaches(norm, low, steepest)
            or points.pairs(norm, high)
        )
        if bad is None and low > product[norm]:
            bad = {"norm": norm, "constant": low, "product bound": product[norm]}
        for meant, values in zip(("constant", "at_most"), said, strict=True):
            if bad is None and norm in values:
                details[f"{name}, said to be"] = [meant, values[norm]]
                order = _order(norm, values[norm], high, root)
                if order < 0 or (order > 0 and meant == "constant"):
                    bad = points.against(norm, values[norm], steepest, order, [low, high])
        if bad is not None:
            break
    why = "" if bad is None else bad.pop("why", "the constant exceeds the product bound")
    return says.report(
        bad, why, checked=len(partition),
        details={**details, "norms": checked, "pairs of points": points.compared},
    )  # fmt: skip


def _said(
    given: Mapping[str, Any] | None, name: str, constants: Mapping[str, Any]
) -> dict[str, Fraction]:
    """What is said of the constants, by norm, as Fractions."""
    if given is not None and not isinstance(given, Mapping):
        raise ParameterError(f"{name}: give a mapping such as {{'2': 5}}, by norm")
    values = {str(k): to_fraction(v, name) for k, v in (given or {}).items()}
    if not set(values) <= set(constants):
        raise ParameterError(f"{name}: give some of {sorted(constants)}")
    return values


def _order(norm: str, value: Fraction, exact: Fraction, root: LargestRoot) -> int:
    """-1, 0 or 1 as a number is below, equal to or above a constant, exactly."""
    if norm != "2":
        return (value > exact) - (value < exact)
    if value < 0:
        return -1
    return -root.side(value * value)


_MOST_PAIRS = 300


class _Points:
    """Exact quotients of the network's values."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.compared = 0

    def value(self, t: Sequence[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
        x = list(self.partition.domain.chart.lift(t))
        flat = np.array(x, dtype=object)
        return x, list(self.partition.network.forward(flat, exact=True).reshape(-1))

    def _quotient(
        self, norm: str, t: Sequence[Fraction], s: Sequence[Fraction]
    ) -> tuple[Fraction, dict[str, Any]]:
        """|f(x) - f(y)| / |x - y|; its square for the 2-norm."""
        (x, fx), (y, fy) = self.value(t), self.value(s)
        self.compared += 1
        size: Callable[[list[Fraction]], Fraction] = _SIZES[norm]
        rise = size([a - b for a, b in zip(fx, fy, strict=True)])
        run = size([a - b for a, b in zip(x, y, strict=True)])
        return rise / run, {"norm": norm, "x": x, "y": y}

    def _steepest(self, norm: str, region: int) -> tuple[list[Fraction], list[Fraction]]:
        """Two points of a region in a direction in which its matrix stretches most."""
        t = list(self.partition.witness(region))
        A = self.partition[region].affine(exact=True)[0]
        P, _ = dense(self.partition.domain.chart.point, "the domain's chart")
        along = [[dot(row, P[:, j]) for j in range(P.shape[1])] for row in A]
        if norm == "1":
            sums = [sum((abs(row[j]) for row in along), Fraction(0)) for j in range(len(t))]
            direction = [Fraction(j == sums.index(max(sums))) for j in range(len(t))]
        elif norm == "inf":
            sums = [sum(map(abs, row), Fraction(0)) for row in along]
            best = along[sums.index(max(sums))] if sums else [Fraction(0)] * len(t)
            direction = [Fraction(1 if v >= 0 else -1) for v in best]
        else:
            direction = _top_direction(along, P)
        step = inside_step(self.partition, region, t)
        length = sum(map(abs, direction), Fraction(0))
        moved = [a + step * v / length for a, v in zip(t, direction, strict=True)]
        return t, moved

    def exceeds(self, norm: str, high: Fraction, region: int) -> dict[str, Any] | None:
        """Two points of the steepest region whose quotient is above a constant."""
        quotient, where = self._quotient(norm, *self._steepest(norm, region))
        if quotient > (high * high if norm == "2" else high):
            return {**where, "quotient" + (" squared" if norm == "2" else ""): quotient,
                    "constant": high, "why": "two points exceed the constant"}  # fmt: skip
        return None

    def against(
        self, norm: str, value: Fraction, region: int, order: int, true: list[Fraction]
    ) -> dict[str, Any]:
        """What shows that a constant is another one than is said: points where they tell."""
        found = None
        if order < 0:
            found = self.exceeds(norm, value, region) or self.pairs(norm, value)
        else:
            quotient, where = self._quotient(norm, *self._steepest(norm, region))
            name = "quotient" + (" squared" if norm == "2" else "")
            found = {**where, name: quotient, "constant": value,
                     "why": "the constant is not reached, wherever"}  # fmt: skip
        if found is None:  # it is closer than the points tell
            found = {"norm": norm, "constant": value, "why": "the constant is larger"}
        return {**found, "the Lipschitz constant is between": true}

    def reaches(self, norm: str, low: Fraction, region: int) -> dict[str, Any] | None:
        """None if two points of the steepest region reach a constant."""
        quotient, where = self._quotient(norm, *self._steepest(norm, region))
        goal = low * low * (1 - Fraction(1, 2**20)) if norm == "2" else low
        if quotient < goal:
            if norm == "2":  # the direction was a poor guess
                raise UndecidedError(
                    f"check_lipschitz: no direction found in region {region} that is stretched "
                    "enough; rescale the network"
                )
            name = "quotient" + (" squared" if norm == "2" else "")
            return {**where, name: quotient, "constant": low,
                    "why": "the constant is not reached in its region"}  # fmt: skip
        return None

    def pairs(self, norm: str, high: Fraction) -> dict[str, Any] | None:
        """Two witnesses whose quotient is above a constant."""
        count = len(self.partition)
        for n in range(min(count - 1, _MOST_PAIRS)):
            i, j = n, (n * 7 + 1) % count
            if i == j:
                continue
            quotient, where = self._quotient(
                norm, self.partition.witness(i), self.partition.witness(j)
            )
            if quotient > (high * high if norm == "2" else high):
                return {**where, "quotient": quotient, "constant": high,
                        "why": "two points exceed the constant"}  # fmt: skip
        return None


_SIZES: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "1": lambda v: sum(map(abs, v), Fraction(0)),
    "inf": lambda v: max(map(abs, v), default=Fraction(0)),
    "2": lambda v: dot(v, v),  # squared
}


def _scaled(rows: Sequence[Sequence[Fraction]]) -> np.ndarray:
    """A matrix divided by its largest entry, in float64."""
    size = max((abs(v) for row in rows for v in row), default=Fraction(1)) or Fraction(1)
    return np.array([[float(v / size) for v in row] for row in rows])


def _top_direction(along: Matrix, P: np.ndarray) -> list[Fraction]:
    """A rational direction near the one that is stretched most; only a guess.

    In steps of one size along every column of the chart, however short the column is.
    """
    sizes = [max(map(abs, P[:, j].tolist())) for j in range(P.shape[1])]
    rows = [[v / c for v, c in zip(row, sizes, strict=True)] for row in along]
    A = _scaled(rows).reshape(len(along), P.shape[1])
    base = _scaled((P / np.array(sizes, dtype=object)).tolist()).reshape(P.shape)
    gram = base.T @ base
    try:
        values, vectors = np.linalg.eig(np.linalg.solve(gram, A.T @ A))
        best = np.real(vectors[:, int(np.argmax(np.real(values)))])
        best = best / np.abs(best).max()
    except np.linalg.LinAlgError:  # columns that float64 cannot tell apart
        best = np.ones(P.shape[1])
    steps = zip(best.tolist(), sizes, strict=True)
    return [Fraction(round(v * 2**40), 2**40) / c for v, c in steps]
