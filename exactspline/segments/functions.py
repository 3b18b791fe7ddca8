"""The public function of this room."""

from __future__ import annotations

from typing import Any

from ..driver.watching import Watch
from ..errors import ParameterError
from ..mode import guarded
from ..network.network import Network
from ..partition.regions.coordinates import exact_point
from ..rationals import to_fraction
from .path import SegmentPath

__all__ = ["segment_path"]


@guarded
def segment_path(network: Network, a: Any, b: Any, *, progress: Watch = None) -> SegmentPath:
    """What the segment from a to b goes through, exactly: every crossing, and the maps between.

    Parameters
    ----------
    network : Network
    a, b : array_like
        Two different inputs: floats (as the dyadic rationals they are), Fractions, texts; in the
        input's shape or flat.
    progress : callable or bool, optional
        As for `enumerate_regions`.

    Returns
    -------
    SegmentPath
        A sequence of `SegmentEvent`, in order from a to b: one for every t strictly between 0
        and 1 at which the code along a + t (b - a) changes. Between them are its pieces.

    Raises
    ------
    ShapeError, ParameterError
        If an input does not fit, or holds NaN; if the two are equal.

    Notes
    -----
    Guarantee: that there are these events and no others, their order and the codes between them
    are proved; t, changes and ranks are exact. Across a facet a network's map changes by a matrix
    of rank at most one, v n^T; at a lower face, where several facets meet, by a sum of such
    (`SegmentEvent.terms`). Pieces that run inside of a wall between regions are named
    (`SegmentPath.inside_wall`).

    Cost: that of enumerating the partition of one dimension; what an event holds is computed when
    it is asked for. 16,383 crossings of a network with 14 units take half a second, with all t,
    ranks and kinds; an exact t of a wide network takes milliseconds.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: templates;
    Balestriero et al., "The Geometry of Deep Networks", NeurIPS 2019: what bends at a facet.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [1, 1]], [0, -1]), es.ReLU(), es.Dense([[1, 2]])], (2,))
    >>> path = es.segment_path(net, [-1, 0], [2, 1])
    >>> [str(event.t) for event in path]
    ['1/3', '1/2']
    >>> path[1].change(exact=True).tolist(), path[1].rank
    ([[Fraction(2, 1), Fraction(2, 1)]], 1)
    >>> [path.templates(i).tolist() for i in range(3)]
    [[[0.0, 0.0]], [[1.0, 0.0]], [[3.0, 2.0]]]
    """
    if not isinstance(network, Network):
        raise ParameterError(f"segment_path: give a Network, not a {type(network).__name__}")
    ends = [[to_fraction(v, "segment_path") for v in exact_point(x, network)] for x in (a, b)]
    if ends[0] == ends[1]:
        raise ParameterError("segment_path: both ends are the same input; give two different ones")
    return SegmentPath._between(network, ends[0], ends[1], progress)
