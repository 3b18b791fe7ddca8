"""What a domain is: a convex set of inputs with an exact chart; and the whole space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..compile.forms import Forms
from ..errors import DomainError
from ..mode import guarded
from .rows import Bound, no_rows, values_of

__all__ = ["Chart", "Domain", "WholeSpace"]


@guarded
@dataclass(frozen=True)
class Chart:
    """A domain in coordinates t of its affine hull: full-dimensional there.

    Attributes
    ----------
    dim : int
        k, the domain's dimension.
    point : Forms
        x as exact affine forms over t; injective.
    low, high : tuple of Fraction or None
        Bounds of single coordinates (None: none), with low < high.
    rows : Forms
        Further inequalities, each form >= 0; none vanishes on the domain.
    interior : tuple of Fraction
        A point t strictly inside.
    """

    dim: int
    point: Forms
    low: tuple[Bound, ...]
    high: tuple[Bound, ...]
    rows: Forms
    interior: tuple[Fraction, ...]

    def lift(self, t: Sequence[Fraction]) -> list[Fraction]:
        """The point x of R^D with the given coordinates, exactly."""
        return values_of(self.point, t)


@guarded
class Domain(ABC):
    """A convex set of inputs.

    Attributes
    ----------
    dim : int
        D, the dimension of the space it lies in.

    Examples
    --------
    >>> from exactspline import Box, Slice
    >>> domains = WholeSpace(2), Box([0, 1], [1, 1]), Slice([0, 0], [[1, 1]])
    >>> [domain.chart.dim for domain in domains]
    [2, 1, 1]
    """

    dim: int

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guarded(cls)

    @cached_property
    def chart(self) -> Chart:
        """The exact parametrisation; ``DomainError`` if the domain is empty.

        Examples
        --------
        >>> from exactspline import Box
        >>> chart = Box([0, 2], [1, 2]).chart  # a segment: one coordinate varies
        >>> chart.dim, chart.low, chart.high
        (1, (Fraction(0, 1),), (Fraction(1, 1),))
        """
        return self._chart()

    @abstractmethod
    def _chart(self) -> Chart: ...

    def __repr__(self) -> str:
        text = self.describe()
        return f"<{type(self).__name__} {text if len(text) < 200 else text[:197] + '...'}>"

    @abstractmethod
    def describe(self) -> str:
        """One line with the exact numbers, for reports.

        Examples
        --------
        >>> from exactspline import Box, Polytope, Slice
        >>> Polytope([[1, 1]], ["1/3"]).describe()
        'polytope of 1 inequalities in R^2'
        >>> Slice([0, 0, 0], [[1, 0, 0]], Box([0], [1])).describe()
        '1-dimensional slice of R^3, parameters in [0, 1]'
        """


class WholeSpace(Domain):
    """All of R^D: no box, no bound.

    Examples
    --------
    >>> WholeSpace(3).describe()
    'all of R^3'
    """

    def __init__(self, dim: int) -> None:
        self.dim = int(dim)
        if self.dim < 1:
            raise DomainError(f"a space of dimension {dim} holds no input; give at least 1")

    def _chart(self) -> Chart:
        d = self.dim
        return Chart(
            d,
            Forms.selection(np.arange(d), d),
            (None,) * d,
            (None,) * d,
            no_rows(d),
            (Fraction(0),) * d,
        )

    def describe(self) -> str:
        return f"all of R^{self.dim}"
