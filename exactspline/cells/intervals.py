"""Affine forms of intervals in float64, with all roundings counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rationals import bounded_floats

if TYPE_CHECKING:
    from ..compile.forms import Forms

__all__ = ["BoundedForms", "or_all"]

_UNIT = 2.0**-52
_TINY = 1e-290


@dataclass
class BoundedForms:
    """Affine forms in float64, with how far their numbers are off; all roundings are counted."""

    size: Any  # |coefficients|, sparse
    weight: Any
    error: Any
    const: np.ndarray
    const_error: np.ndarray
    terms: np.ndarray  # of every row

    @classmethod
    def of(cls, forms: Forms) -> BoundedForms:
        """From exact ones."""
        from scipy.sparse import csr_array

        data, error = bounded_floats(forms.data)
        const, const_error = bounded_floats(forms.const)
        shape = (len(forms), forms.width)

        def matrix(values: np.ndarray) -> Any:
            return csr_array((values, forms.indices, forms.indptr), shape=shape)

        return cls(
            matrix(np.abs(data)), matrix(data), matrix(error), const, const_error,
            np.diff(forms.indptr).astype(float),
        )  # fmt: skip

    def __call__(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the forms for bounds of what they read; shape (rows, boxes)."""
        middle = 0.5 * low + 0.5 * high
        radius = np.maximum(high - middle, middle - low) * (1 + 4 * _UNIT) + _TINY
        reach = np.abs(middle) + radius
        value = self.weight @ middle + self.const[:, None]
        size = self.size @ reach + np.abs(self.const)[:, None]
        off = self.size @ radius + self.error @ reach + self.const_error[:, None]
        off += (self.terms[:, None] + 4) * _UNIT * size + off * _UNIT * (self.terms[:, None] + 4)
        off += _TINY
        return or_all(value - off * (1 + 4 * _UNIT), value + off * (1 + 4 * _UNIT))


def or_all(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a bound is no number, nothing is known."""
    bad = np.isnan(low) | np.isnan(high)
    return np.where(bad, -np.inf, low), np.where(bad, np.inf, high)
