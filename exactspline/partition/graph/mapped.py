"""Regions with their affine maps: equal ones merged, and the coarser partitions of layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...mode import guarded
from .adjacent import AdjacentRegions

if TYPE_CHECKING:
    from ..pieces.equality import Equality
    from ..pieces.layers import LayerPartition, StableUnits
    from .linear import RegionGroups

__all__ = ["MappedRegions"]


@guarded
class MappedRegions(AdjacentRegions):
    """Adjacent regions, and what the network is on them."""

    def affine_pieces(self, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The affine maps of all regions: f(x) = A[i] x + b[i] on region i.

        Parameters
        ----------
        exact : bool
            True gives object arrays of Fractions, for small partitions.

        Returns
        -------
        A : array, shape (regions, C, D)
            float64; over the network's inputs, flattened, for its outputs, flattened.
        b : array, shape (regions, C)

        Raises
        ------
        LimitError
            If the arrays would take over 2 GiB, or hold over two million Fractions.

        See Also
        --------
        iter_affine_pieces

        Notes
        -----
        The float64 numbers are rounded: an entry of A is a sum of products of weights, one
        product a path, and its error is at most about (n_1 + ... + n_L + 3 L) 2^-53 times the
        sum of the products' absolute values, n_l being the terms in a row of layer l. Where
        these nearly cancel, few digits or none are right, so equality of pieces cannot be read
        off: `linear_regions` and `distinct_pieces` decide it. What float64 cannot hold on the
        way (parameters beyond 2^500 or below 2^-500, overflow, products that may underflow) is
        computed in rationals, slowly, and rounded once; an entry beyond the range is the
        largest float64.

        Regions share the first layers of their codes, and each distinct beginning is computed
        once: some 100,000 regions a second for 300 units and 5 inputs.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[1, 2]])], (1,))
        >>> A, b = es.enumerate_regions(net).affine_pieces()
        >>> A[:, 0, 0].tolist(), b[:, 0].tolist()
        ([0.0, 1.0, 3.0], [0.0, 0.0, -2.0])
        """
        from ..pieces.pieces import affine_pieces

        return affine_pieces(self, exact=exact)

    def templates(self, region: int, *, exact: bool = False) -> np.ndarray:
        """The templates of a region in the input's shape: the rows of A, one an output.

        Parameters
        ----------
        region : int
            Its id.
        exact : bool
            True gives Fractions; False the exact numbers, each rounded once.

        Returns
        -------
        numpy.ndarray, shape (C, *input_shape)

        Raises
        ------
        IndexError
            If there is no such region.

        See Also
        --------
        Network.templates : those at an input.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Flatten(), es.Dense([[1, 2, 3, 4]])], (2, 2))
        >>> omega = es.enumerate_regions(net)
        >>> omega.templates(len(omega) - 1).tolist()
        [[[1.0, 2.0], [3.0, 4.0]]]
        """
        found = self[region].templates(exact=exact)
        return found.reshape(len(found), *self.network.input_shape)

    def iter_affine_pieces(self, chunk: int = 65536) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The affine maps as `affine_pieces` gives them, for up to ``chunk`` regions at a time.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [A[:, 0, 0].tolist() for A, b in omega.iter_affine_pieces(chunk=2)]
        [[0.0, 0.0], [1.0, 1.0]]
        """
        from ..pieces.pieces import iter_affine_pieces

        return iter_affine_pieces(self, chunk)

    def linear_regions(self) -> RegionGroups:
        """The connected linear regions: adjacent regions with equal affine maps, merged.

        Returns
        -------
        RegionGroups
            ``count``, ``labels`` (the group of every region), ``representatives``.

        Notes
        -----
        Adjacent regions share a facet (`edges`); a common corner does not connect. The maps
        are those of f, the network without its output operator, as functions on the domain:
        on a domain of lower dimension two maps over x that agree on it are one.

        Guarantee: equality is decided exactly. *Different* is proved by residues modulo a
        prime, *equal* by residues modulo so many primes that no other difference than zero is
        small enough, or in rationals. No tolerance.

        If the search was stopped (``complete`` False) the count is no bound: groups may be
        connected by regions that were not reached, and there may be more of them elsewhere.
        ``distinct_pieces().count`` is then a certified lower bound of both coarser counts.

        Activation regions >= connected linear regions >= distinct affine pieces.

        Examples
        --------
        >>> import exactspline as es
        >>> hat = es.Network(
        ...     [es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU(), es.Dense([[1, -2, 1]])], (1,)
        ... )
        >>> omega = es.enumerate_regions(hat)
        >>> len(omega), omega.linear_regions().count, omega.distinct_pieces().count
        (4, 4, 3)
        """
        return self._linear

    def distinct_pieces(self) -> RegionGroups:
        """The distinct affine pieces: regions grouped by their affine map, adjacent or not.

        Returns
        -------
        RegionGroups
            ``count``, ``labels``, ``representatives``.

        See Also
        --------
        linear_regions : What is compared, the guarantee, and an example.

        Notes
        -----
        If the search was stopped the count is a certified lower bound: every region that was
        found is one of the network's.

        Examples
        --------
        >>> import exactspline as es
        >>> first, last = es.Dense([[1], [1], [1]], [0, -1, -2]), es.Dense([[1, -2, 1]])
        >>> net = es.Network([first, es.ReLU(), last], (1,))
        >>> omega = es.enumerate_regions(net)  # a hat: 0, x, 2 - x, 0 again
        >>> len(omega), omega.linear_regions().count, omega.distinct_pieces().count
        (4, 4, 3)
        """
        return self._distinct

    @cached_property
    def _linear(self) -> RegionGroups:
        from .linear import linear_regions

        return linear_regions(self, self._equality, self._fingerprints)

    @cached_property
    def _distinct(self) -> RegionGroups:
        from .linear import distinct_pieces

        return distinct_pieces(
            self, self._equality, self._fingerprints, self.__dict__.get("_linear")
        )

    @cached_property
    def _equality(self) -> Equality:
        from ..pieces.equality import Equality

        return Equality(self._apart())

    @cached_property
    def _fingerprints(self) -> np.ndarray:
        return self._equality.fingerprints()

    def at_layer(self, layer: int) -> LayerPartition:
        """The coarser partition after a layer: the multiscale partition.

        Parameters
        ----------
        layer : int
            How many of the network's layers: 0 gives the domain as one region, the number of
            layers this partition.

        Returns
        -------
        LayerPartition
            ``count``, ``parent`` (of every region here), ``representatives``, ``codes``,
            ``affine_pieces()`` (the maps to z^(l)), ``parents_of(coarser)``.

        Raises
        ------
        ParameterError
            If there is no such layer.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1]]), es.Abs(), es.Dense([[1]], [-1]), es.Abs()], (1,))
        >>> omega = es.enumerate_regions(net)
        >>> [omega.at_layer(l).count for l in range(3)], omega.at_layer(1).parent.tolist()
        ([1, 2, 4], [0, 0, 1, 1])
        >>> omega.at_layer(1).affine_pieces()[0].tolist()
        [[[-1.0]], [[1.0]]]
        """
        from ..pieces.layers import at_layer

        return at_layer(self, layer, self._changes)

    @cached_property
    def _changes(self) -> np.ndarray:
        from ..pieces.layers import changes

        return changes(self)

    def stable_units(self) -> StableUnits:
        """Units whose piece is the same on the whole domain.

        Returns
        -------
        StableUnits
            Columns ``unit``, ``piece``, ``names``. If the search was stopped (``complete``
            False), units that have not been seen to change, which proves nothing.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, 9]), es.ReLU(name="first")], (1,))
        >>> found = es.enumerate_regions(net, es.Box([-2], [2])).stable_units()
        >>> found.unit.tolist(), found.piece.tolist(), [str(name) for name in found.names]
        ([1], [1], ['first[1]'])
        """
        from ..pieces.layers import stable_units

        return stable_units(self)
