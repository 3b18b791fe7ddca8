"""Samples as they are given: shapes, types, and what rounding them costs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..network.network import Network
from ..rationals import as_float, as_given, exact_array

__all__ = ["Samples"]


class Samples:
    """A batch of inputs of a network.

    Attributes
    ----------
    values : array, shape (n, D)
        In the type of the pass, each number rounded once.
    errors : float64 array, shape (n,)
        Bounds on what the rounding cost, the largest over a sample's entries.
    single : bool
        Whether one sample was given, without a batch axis.
    """

    def __init__(self, network: Network, X: Any, dtype: np.dtype) -> None:
        self._network = network
        if hasattr(X, "detach"):  # a torch tensor
            X = X.detach().cpu().numpy()
        try:
            given = as_given(X)
        except ValueError as error:
            raise ParameterError(f"input: the values do not form an array ({error})") from None
        if given.size == 0 and given.dtype.kind in "fiub":
            given = given.astype(dtype)
        if given.dtype.kind == "f" and given.dtype.itemsize <= 8:
            self._exact = given
        else:  # integers that float64 may not hold, Fractions, texts
            self._exact = exact_array(given, "input")
        batch, self.single = network._batched(self._exact)
        self._exact = batch.reshape(len(batch), network.input_dim)
        self.errors = np.zeros(len(batch))
        floats, errors = as_float(self._exact)
        if errors is not None and not np.all(np.isfinite(errors)):
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(errors))[0])
            raise _beyond(at, "float64")
        with np.errstate(over="ignore", under="ignore"):
            self.values = np.ascontiguousarray(floats, dtype=dtype)
            good = np.isfinite(self.values)
        if not good.all():
            at = tuple(int(i) for i in np.argwhere(~good)[0])
            if np.isfinite(floats[at]):
                raise _beyond(at, str(dtype))
            raise ParameterError(
                f"input: sample {at[0]}, entry {at[1]} is {floats[at]}; give finite numbers"
            )
        if errors is not None:
            self.errors += errors.max(axis=1, initial=0.0)
        if floats.dtype.itemsize > self.values.dtype.itemsize:
            apart = np.abs(floats - self.values.astype(np.float64))
            self.errors = (self.errors + apart.max(axis=1, initial=0.0)) * (1 + 2.0**-40)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray, dtype: np.dtype) -> Samples:
        """Some of the samples, as they were given, in another type."""
        return Samples(self._network, self._exact[rows], dtype)

    def floats(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Samples in float64 with error bounds, each of shape (rows, D)."""
        values, errors = as_float(self._exact[rows])
        return values.astype(np.float64), np.zeros(values.shape) if errors is None else errors

    def exact(self, row: int) -> list[Fraction]:
        """One sample as it was given."""
        return [Fraction(v) for v in self._exact[row].tolist()]


def _beyond(at: tuple[int, ...], dtype: str) -> ParameterError:
    return ParameterError(
        f"input: sample {at[0]}, entry {at[1]} is beyond the range of {dtype}; scale it, or "
        "evaluate with Network.forward(x, exact=True)"
    )
