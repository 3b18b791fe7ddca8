"""The general affine spline operator s[alpha, beta, Omega] of a partition."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DomainError, ParameterError
from ...mode import guarded
from ..registry import exported

if TYPE_CHECKING:
    from ...partition.partition import Partition

__all__ = ["AffineSpline"]


@exported
@guarded
class AffineSpline:
    """The multivariate spline s[alpha, beta, Omega]: on region r, <alpha_r, x> + beta_r.

    Parameters
    ----------
    partition : Partition
        Complete; Omega, with the network's affine maps on its regions.

    Attributes
    ----------
    omega : Partition
    alpha : object array, shape (regions, C, D)
        Slopes, exactly.
    beta : object array, shape (regions, C)
        Offsets.

    Raises
    ------
    ParameterError
        If the search that made the partition was stopped.
    LimitError
        For over two million numbers, when ``alpha`` or ``beta`` are first used.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: multivariate affine
    splines.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[1, -2]])], (1,))
    >>> s = AffineSpline(es.enumerate_regions(net))
    >>> s(["3/2"]).tolist(), s.code(["3/2"]), s.vq_matrix(["3/2"]).tolist()
    ([Fraction(1, 2)], 2, [0, 0, 1])
    """

    def __init__(self, partition: Partition) -> None:
        if not partition.complete:
            raise ParameterError(
                "AffineSpline: the partition's search was stopped, so a part of the domain is "
                "missing; enumerate all regions first"
            )
        self.omega = partition

    def __len__(self) -> int:
        return len(self.omega)

    def __repr__(self) -> str:
        net = self.omega.network
        return f"<AffineSpline R^{net.input_dim} -> R^{net.output_dim} of {len(self):,} regions>"

    @cached_property
    def _pieces(self) -> tuple[np.ndarray, np.ndarray]:
        return self.omega.affine_pieces(exact=True)

    @property
    def alpha(self) -> np.ndarray:
        return self._pieces[0]

    @property
    def beta(self) -> np.ndarray:
        return self._pieces[1]

    def code(self, x: Sequence[Any]) -> int:
        """The region of a point: the lowest id of those whose closure holds it.

        Raises
        ------
        DomainError
            If it is outside of the domain.
        """
        from ...partition.regions.coordinates import exact_point

        point = exact_point(x, self.omega.network)
        found = self.omega.locate(np.array([point], dtype=object)).all(0)
        if not found:
            raise DomainError("AffineSpline: the point is outside of the partition's domain")
        return int(min(found))

    def vq_matrix(self, x: Sequence[Any]) -> np.ndarray:
        """The one-hot selection of the region, shape (regions,)."""
        return (np.arange(len(self)) == self.code(x)).astype(np.int64)

    def __call__(self, x: Sequence[Any]) -> np.ndarray:
        """The exact value at a point of the domain; object array of C Fractions."""
        from ...partition.regions.coordinates import exact_point

        point = np.array(exact_point(x, self.omega.network), dtype=object)
        region = self.code(x)
        return np.asarray(self.alpha[region] @ point + self.beta[region])
