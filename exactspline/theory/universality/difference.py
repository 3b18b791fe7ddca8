"""Every continuous piecewise-affine function is a difference of two convex ones, constructed.

G, the weighted sum of all units' convex functions (`geometry/whole.py`), is affine on every region
and bends upward across every facet. Across a facet f bends by some amount, upward or downward, so
f + c G bends downward across none of them once c is at least the largest -bend(f) / bend(G). A
function that bends downward nowhere is convex, hence the maximum of its pieces:

    f = (f + c G) - c G = max_r <a_r, x> + b_r - max_r <a'_r, x> + b'_r.

Every piece that is left is the largest on a region of its own, since the pieces are distinct.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError, UndecidedError
from ...later import in_later_room
from ...mode import guarded
from ...network.affine import Dense
from ...network.arrange import Concat
from ...network.graph import Branches
from ...network.maso import MASO
from ...network.network import Network
from ...network.operator import one_integer
from ...partition.regions.coordinates import Coordinates
from ...rationals import to_fraction
from ..common.region_maps import partition_of
from ..common.samples import Maps, exact_forward, maps_of, simplices
from ..common.watch import watched
from ..geometry.whole import ConvexSum, convex_sum
from ..registry import check, exported
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...partition.partition import Partition

__all__ = ["DifferenceOfConvex", "check_difference_of_convex", "difference_of_convex"]

_MOST_PIECES = 2_000  # of one max-affine spline
_MOST_VALUES = 20_000_000  # numbers that a check multiplies

SOURCE = (
    "Kripfganz, Schulze, Piecewise affine functions as a difference of two convex functions, 1987; "
    "Hartman, On functions representable as a difference of convex functions, 1959; for G "
    "Aurenhammer 1987"
)


@exported
@guarded
@dataclass(frozen=True)
class DifferenceOfConvex:
    """An output of a network as the difference of two max-affine splines, on a domain.

    Attributes
    ----------
    original : Network
    domain : Domain
    output : int
        Which output, flattened.
    convex, subtracted : MASO
        f + c G and c G, over the flattened inputs, of one output each; no piece is redundant.
    factor : Fraction
        c: the least one with this G; 0 where the output is convex.
    weights : tuple of Fraction
        Of the layers in G.
    facets : int
        Between regions.

    Examples
    --------
    >>> import exactspline as es
    >>> ramps, mix = es.Dense([[1]] * 3, [0, -1, -2]), es.Dense([[1, -2, 1]])
    >>> hat = es.Network([ramps, es.ReLU(), mix], (1,))
    >>> found = difference_of_convex(hat)
    >>> found.convex.A[0, :, 0].tolist(), found.subtracted.A[0, :, 0].tolist()
    ([0.0, 3.0, 6.0], [0.0, 2.0, 4.0, 6.0])
    >>> found.network.forward([1.5]).tolist(), found.prove().holds
    ([0.5], True)
    """

    original: Network
    domain: Domain
    output: int
    convex: MASO
    subtracted: MASO
    factor: Fraction
    weights: tuple[Fraction, ...]
    facets: int

    @property
    def pieces(self) -> tuple[int, int]:
        """How many pieces the two splines have.

        Examples
        --------
        >>> import exactspline as es
        >>> difference_of_convex(es.Network([es.ReLU(), es.Dense([[-1]])], (1,))).pieces
        (1, 2)
        """
        return self.convex.A.shape[1], self.subtracted.A.shape[1]

    @cached_property
    def network(self) -> Network:
        """The network of two branches: both splines, and their difference.

        Examples
        --------
        >>> import exactspline as es
        >>> difference_of_convex(es.Network([es.Abs(), es.Dense([[-2]])], (1,))).network
        <Network (1,) -> (1,), 4 operators>
        """
        both = Branches([[self.convex], [self.subtracted]], Concat())
        return Network([both, Dense([[1, -1]])], self.original.input_shape)

    def prove(self, **options: Any) -> Any:
        """Prove by `exactspline.prove` that the two branches equal the output on the domain.

        Parameters
        ----------
        **options
            ``limit``, ``time_limit``, ``progress``: as for `exactspline.prove`.

        Returns
        -------
        Verdict
            Of "for all x of the domain the difference is the output": a search that knows nothing
            of how the splines were made.

        Examples
        --------
        >>> import exactspline as es
        >>> bool(difference_of_convex(es.Network([es.Abs(), es.Dense([[-2]])], (1,))).prove())
        True
        """
        return in_later_room("DifferenceOfConvex.prove", self, **options)


@exported
@guarded
def difference_of_convex(
    network: Network | Partition, domain: Domain | None = None, *, output: int = 0,
    factor: Any = None,
) -> DifferenceOfConvex:  # fmt: skip
    """Write an output of a network as the difference of two max-affine splines, exactly.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Of full dimension and no slice; all of R^D by default.
    output : int
        Which output, flattened: before a softmax or sigmoid at the end.
    factor : number, optional
        c; the least one by default.

    Returns
    -------
    DifferenceOfConvex

    Raises
    ------
    ParameterError
        If there is no such output, the domain is of lower dimension, or the factor is too small:
        f + c G would not be convex.
    LimitError
        For more than 2,000 regions.

    Notes
    -----
    Exact. c is the largest -bend(f) / bend(G) over all facets, or 0. G depends on the partition
    alone, so that another output has another c and the same G. Cost: a few milliseconds a region.

    References
    ----------
    Kripfganz, Schulze, "Piecewise affine functions as a difference of two convex functions",
    Optimization 18 (1987).

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, -1]])], (2,))
    >>> found = difference_of_convex(net)
    >>> found.pieces, found.factor, found.prove().holds
    ((2, 4), Fraction(1, 1), True)
    """
    partition = partition_of(network, domain)
    _check(partition, output)
    given = None if factor is None else to_fraction(factor, "difference_of_convex: factor")
    maps, whole = maps_of(partition), _convex_sum(partition)
    least = _least(_bends(partition, maps, whole, output), whole.bends)
    if given is not None and given < least:
        raise ParameterError(
            f"difference_of_convex: with the factor {given} output {output} plus factor times G is "
            f"not convex; give at least {least}, or none"
        )
    return _constructed(partition, maps, whole, output, least if given is None else given)


def _check(partition: Partition, output: int) -> None:
    if not Coordinates(partition.domain.chart).full:
        raise ParameterError(
            "difference_of_convex: the domain is a slice or of lower dimension "
            f"({partition.domain.describe()}); give one of full dimension, such as a box"
        )
    if not 0 <= one_integer(output, "difference_of_convex: output") < partition.network.output_dim:
        raise ParameterError(
            f"difference_of_convex: output {output}; the network has outputs 0 to "
            f"{partition.network.output_dim - 1}"
        )
    if len(partition) > _MOST_PIECES:
        raise LimitError(
            f"difference_of_convex: {len(partition):,} regions are over the limit of "
            f"{_MOST_PIECES:,}; take a smaller domain"
        )


def _convex_sum(partition: Partition) -> ConvexSum:
    if not partition.network.program.layers:
        k = partition.domain.chart.dim
        return ConvexSum([], [[Fraction(0)] * (k + 1)] * len(partition), [], [])
    return convex_sum(partition)


def _bends(partition: Partition, maps: Maps, whole: ConvexSum, output: int) -> list[Fraction]:
    """How much an output bends upward across every facet, as a factor of the facet's form."""
    edges, out = partition.edges, []
    for e in watched(range(len(edges)), len(edges), "facets"):
        a, b = int(edges.source[e]), int(edges.target[e])
        step = [
            maps.shift[b, output] - maps.shift[a, output],
            *(maps.over_t[b, output] - maps.over_t[a, output]),
        ]
        row = whole.rows[e]
        lead = next(j for j in range(1, len(row)) if row[j])
        bend = step[lead] / row[lead]
        if any(s != bend * r for s, r in zip(step, row, strict=True)):
            raise UndecidedError(
                f"facet {e}: output {output} is not continuous across it; please report this "
                "network"
            )
        out.append(bend)
    return out


def _least(bends: Sequence[Fraction], below: Sequence[Fraction]) -> Fraction:
    """The least c with bend + c * below >= 0 everywhere."""
    return max([Fraction(0), *(-a / b for a, b in zip(bends, below, strict=True))])


def _constructed(
    partition: Partition, maps: Maps, whole: ConvexSum, output: int, c: Fraction
) -> DifferenceOfConvex:
    """The two splines with a factor, whether or not it is large enough."""
    first, second = [], []
    for i, form in enumerate(whole.forms):
        own = [maps.shift[i, output], *maps.over_t[i, output]]
        second.append([c * v for v in form])
        first.append([a + b for a, b in zip(own, second[-1], strict=True)])
    return DifferenceOfConvex(
        partition.network, partition.domain, output, _spline(first, "f + c G"),
        _spline(second, "c G"), c, tuple(whole.weights), len(partition.edges),
    )  # fmt: skip


def _spline(forms: Sequence[Sequence[Fraction]], name: str) -> MASO:
    """The maximum of the distinct forms, constant first, in the order in which they come."""
    distinct = list(dict.fromkeys(map(tuple, forms)))
    A = np.array([[list(form[1:]) for form in distinct]], dtype=object)
    return MASO(A, np.array([[form[0] for form in distinct]], dtype=object), name=name)


_SAYS = Statement(
    "check_difference_of_convex",
    "Every output is the difference of two max-affine splines, f = (f + c G) - c G: G is the "
    "convex function of the whole partition, c the largest -bend(f) / bend(G) over all facets; "
    "every piece of the two is the only largest one somewhere.",
    SOURCE,
    (
        "the exact forward of the operators at points that span every region",
        "the maximum of all pieces of one spline minus that of the other",
    ),
)


@check(number=19, name="difference of convex", needs_network=True)
@guarded
def check_difference_of_convex(
    network: Network | Partition, domain: Domain | None = None, *, factor: Any = None
) -> Report:
    """Check that every output is the difference of two max-affine splines, constructed.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.
    factor : number, optional
        c for every output, to test in place of the least one.

    Returns
    -------
    Report
        ``details`` has c and the numbers of pieces, output by output.

    Raises
    ------
    LimitError
        For partitions that are too large for rationals.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Abs(), es.Dense([[1], [-1]])], (1,))
    >>> report = check_difference_of_convex(net)
    >>> report.verdict, [str(c) for c in report.details["factors"]], report.details["pieces"]
    ('holds', ['0', '1'], [(2, 1), (1, 2)])
    """
    partition = partition_of(network, domain)
    if not Coordinates(partition.domain.chart).full:
        return _SAYS.not_applicable("the domain is a slice or of lower dimension")
    _check(partition, 0)
    given = None if factor is None else to_fraction(factor, "factor")
    maps, whole = maps_of(partition), _convex_sum(partition)
    found = []
    for output in range(partition.network.output_dim):
        least = _least(_bends(partition, maps, whole, output), whole.bends)
        c = least if given is None else given
        found.append(_constructed(partition, maps, whole, output, c))
    k = partition.domain.chart.dim
    numbers = sum(d.convex.A.size + d.subtracted.A.size for d in found)
    if numbers * len(partition) * (k + 2) > _MOST_VALUES:
        raise LimitError(
            "the two splines have too many pieces to be evaluated in every region; take a toy "
            "network or a smaller domain"
        )
    checked, wrong = _compared(partition, found)
    reason = "the difference of the two maxima is not the output, or has a redundant piece"
    return _SAYS.report(
        wrong, reason, checked=checked,
        details={
            "factors": [d.factor for d in found], "pieces": [d.pieces for d in found],
            "facets": len(partition.edges), "weights of the layers": whole.weights,
        },
    )  # fmt: skip


def _compared(
    partition: Partition, found: Sequence[DifferenceOfConvex]
) -> tuple[int, dict[str, Any] | None]:
    """In how many regions forward and difference were compared; where they differ."""
    regions = 0
    alone: list[set[tuple[int, int]]] = [set() for _ in found]  # (spline, piece): the only largest
    for simplex in simplices(partition):
        regions += 1
        forward = exact_forward(partition.network, simplex.x)
        points = np.array(simplex.x, dtype=object).reshape(len(simplex.x), -1)
        for d, seen in zip(found, alone, strict=True):
            largest = []
            for spline, maso in enumerate((d.convex, d.subtracted)):
                values = maso.pieces(points)[:, 0]
                largest.append(values.max(axis=1))
                for row, most in zip(values, largest[-1], strict=True):
                    (best,) = np.nonzero(row == most)
                    if len(best) == 1:
                        seen.add((spline, int(best[0])))
            for x, row, a, b in zip(simplex.x, forward, *largest, strict=True):
                if a - b != row[d.output]:
                    return regions, {
                        "output": d.output, "region": simplex.region, "x": x,
                        "f(x)": row[d.output], "f + c G": a, "c G": b,
                    }  # fmt: skip
    for d, seen in zip(found, alone, strict=True):
        for spline, pieces in enumerate(d.pieces):
            for piece in range(pieces):
                if (spline, piece) not in seen:
                    return regions, {
                        "output": d.output, "spline": ("f + c G", "c G")[spline],
                        "piece that is nowhere the only largest one": piece,
                    }  # fmt: skip
    return regions, None
