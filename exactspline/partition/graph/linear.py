"""Connected linear regions and distinct affine pieces: the two coarser counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...mode import guarded

if TYPE_CHECKING:
    from ..pieces.equality import Equality
    from .adjacent import AdjacentRegions

__all__ = ["RegionGroups", "distinct_pieces", "linear_regions"]


@guarded
@dataclass(frozen=True)
class RegionGroups:
    """The regions of a partition in groups.

    Attributes
    ----------
    labels : int64 array, shape (regions,)
        The group of every region; groups are numbered by their lowest region.
    representatives : int64 array, shape (groups,)
        The lowest region of every group; increasing.
    complete : bool
        Whether the groups are made from all regions of the network on the domain.
    kind : str
        What a group is: "connected linear regions" or "distinct affine pieces".

    Examples
    --------
    >>> import exactspline as es
    >>> first, last = es.Dense([[1], [1], [1]], [0, -1, -2]), es.Dense([[1, -2, 1]])
    >>> net = es.Network([first, es.ReLU(), last], (1,))
    >>> omega = es.enumerate_regions(net)  # a hat: 0, x, 2 - x, 0 again
    >>> groups = omega.distinct_pieces()
    >>> groups.kind, groups.labels.tolist()
    ('distinct affine pieces', [0, 1, 2, 0])
    """

    labels: np.ndarray
    representatives: np.ndarray
    complete: bool
    kind: str

    @property
    def count(self) -> int:
        """How many groups there are.

        Examples
        --------
        >>> import exactspline as es
        >>> first, last = es.Dense([[1], [1], [1]], [0, -1, -2]), es.Dense([[1, -2, 1]])
        >>> net = es.Network([first, es.ReLU(), last], (1,))
        >>> omega = es.enumerate_regions(net)  # a hat: 0, x, 2 - x, 0 again
        >>> omega.linear_regions().count, omega.distinct_pieces().count
        (4, 3)
        """
        return len(self.representatives)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        stopped = "" if self.complete else " of a search that was stopped"
        return f"<{self.count:,} {self.kind} from {len(self.labels):,} regions{stopped}>"

    @cached_property
    def sizes(self) -> np.ndarray:
        """How many regions every group has, shape (groups,).

        Examples
        --------
        >>> import exactspline as es
        >>> first, last = es.Dense([[1], [1], [1]], [0, -1, -2]), es.Dense([[1, -2, 1]])
        >>> net = es.Network([first, es.ReLU(), last], (1,))
        >>> omega = es.enumerate_regions(net)  # a hat: 0, x, 2 - x, 0 again
        >>> omega.distinct_pieces().sizes.tolist()
        [2, 1, 1]
        """
        return np.bincount(self.labels, minlength=self.count)

    def members(self, group: int) -> np.ndarray:
        """The regions of one group, increasing.

        Raises
        ------
        IndexError
            If there is no such group.

        Examples
        --------
        >>> import exactspline as es
        >>> first, last = es.Dense([[1], [1], [1]], [0, -1, -2]), es.Dense([[1, -2, 1]])
        >>> net = es.Network([first, es.ReLU(), last], (1,))
        >>> omega = es.enumerate_regions(net)  # a hat: 0, x, 2 - x, 0 again
        >>> omega.distinct_pieces().members(0).tolist()
        [0, 3]
        """
        if not 0 <= group < self.count:
            raise IndexError(f"group {group} of {self.count}")
        order, ends = self._by_group
        return order[ends[group] - self.sizes[group] : ends[group]]

    @cached_property
    def _by_group(self) -> tuple[np.ndarray, np.ndarray]:
        return np.argsort(self.labels, kind="stable"), np.cumsum(self.sizes)


def linear_regions(
    partition: AdjacentRegions, equality: Equality, keys: np.ndarray
) -> RegionGroups:
    """Merge adjacent regions with equal affine maps; see `Partition.linear_regions`.

    ``keys`` are the maps' fingerprints: regions whose keys differ have different maps.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

    n = len(partition)
    edges = partition.edges
    candidates = np.flatnonzero(keys[edges.source] == keys[edges.target])
    a, b = edges.source[candidates].astype(np.int64), edges.target[candidates].astype(np.int64)
    proved = np.zeros(len(a), dtype=bool)
    while True:
        # equality is transitive: a spanning forest, of proved edges where there are any
        graph = coo_array((np.where(proved, 1.0, 2.0), (a, b)), shape=(n, n)).tocsr()
        tree = minimum_spanning_tree(graph).tocoo()
        chosen = np.isin(a * n + b, tree.row.astype(np.int64) * n + tree.col)
        open_ = np.flatnonzero(chosen & ~proved)
        if len(open_) == 0:
            break
        same = equality(a[open_], b[open_])
        proved[open_[same]] = True
        keep = np.ones(len(a), dtype=bool)
        keep[open_[~same]] = False  # a fingerprint that two different maps share
        a, b, proved = a[keep], b[keep], proved[keep]
    _, labels = connected_components(graph, directed=False)
    return _numbered(labels, partition.complete, "connected linear regions")


def distinct_pieces(
    partition: AdjacentRegions, equality: Equality, keys: np.ndarray,
    linear: RegionGroups | None,
) -> RegionGroups:  # fmt: skip
    """Group regions by their affine maps; see `Partition.distinct_pieces`.

    ``linear``: the connected linear regions, if they are known.
    """
    labels = np.arange(len(partition))
    if linear is not None:  # equal already, proved
        labels = linear.representatives[linear.labels]
    rest = np.flatnonzero(labels == np.arange(len(partition)))
    order = rest[np.argsort(keys[rest], kind="stable")]
    leader = labels.copy()
    while len(order):
        # the lowest one of every group stands for it; who differs from it tries again
        starts = np.concatenate([[True], keys[order[1:]] != keys[order[:-1]]])
        lowest = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
        others = np.flatnonzero(~starts)
        same = equality(order[others], lowest[others])
        leader[order[others[same]]] = lowest[others[same]]
        order = order[others[~same]]
    return _numbered(leader[labels], partition.complete, "distinct affine pieces")


def _numbered(labels: np.ndarray, complete: bool, kind: str) -> RegionGroups:
    """Groups numbered by their lowest region."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return RegionGroups(place[inverse.reshape(-1)], first[order].astype(np.int64), complete, kind)
