"""A data set in batches: an array, a file of NumPy, or whatever gives batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, ParameterError, ShapeError
from ..network.network import Network

__all__ = ["Batches", "array_file"]

_BROKEN = (  # what numpy.load raises for files that are none of its own
    ValueError, EOFError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError,
)  # fmt: skip


def array_file(path: str | Path, what: str) -> np.ndarray:
    """The array of a .npy file, memory-mapped: nothing is read before it is asked for.

    Raises
    ------
    FormatError
        If it is no .npy file, is cut off, or holds other things than numbers.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise FormatError(f"{what} {path}: {error.strerror or error}") from None
    except _BROKEN as error:
        told = str(error).partition("\n")[0][:200] or "is cut off"
        raise FormatError(
            f"{what} {path}: no .npy file of numbers ({told}); write it with numpy.save"
        ) from None
    if not isinstance(found, np.ndarray):  # an archive
        found.close()
        raise FormatError(f"{what} {path}: an .npz archive; write one array with numpy.save")
    if found.dtype.kind not in "biuf":
        raise FormatError(f"{what} {path}: holds {found.dtype}, no numbers")
    return found


class Batches:
    """The samples of a data set and their labels, so many at a time.

    Parameters
    ----------
    network : Network
    X : array_like, path of a .npy file, or iterable of batches
        A batch is an array or tensor, or a pair of such a one and its labels.
    labels : array_like or path of a .npy file, optional
    size : int
        Samples at a time, at most.

    Attributes
    ----------
    total : int
        Samples in all; 0 if that is not known.
    """

    def __init__(self, network: Network, X: Any, labels: Any, size: int) -> None:
        self._network, self._size = network, size
        if isinstance(X, (str, Path)):
            X = array_file(X, "data")
        if isinstance(labels, (str, Path)):
            labels = array_file(labels, "labels")
        self._labels = None if labels is None else _whole(labels)
        if self._labels is not None and self._labels.ndim != 1:
            raise ShapeError(
                f"labels of shape {self._labels.shape}; give one whole number a sample"
            )
        self._comes_in_batches = not hasattr(X, "shape") and (
            hasattr(X, "__next__") or not isinstance(X, (list, tuple))
        )
        if self._comes_in_batches and not hasattr(X, "__iter__"):
            raise ParameterError(
                f"census: {type(X).__name__} is no data; give an array, the path of a .npy file, "
                "or an iterable of batches"
            )
        self._source = X
        self.total = 0 if self._comes_in_batches else len(self._as_batch(X))
        if self._labels is not None and self.total and len(self._labels) != self.total:
            raise ShapeError(f"{len(self._labels):,} labels for {self.total:,} samples")

    def __iter__(self) -> Iterator[tuple[Any, np.ndarray | None]]:
        """Samples and their labels (None where there are none)."""
        done, labelled = 0, None
        for batch, own in self._given():
            if labelled is not None and labelled != (own is not None):
                raise ParameterError("census: some batches have labels and others have none")
            labelled = own is not None
            if own is not None and len(own) != len(batch):
                raise ShapeError(f"a batch of {len(batch):,} samples has {len(own):,} labels")
            for i in range(0, len(batch), self._size):
                some = batch[i : i + self._size]
                if self._labels is None:
                    yield some, None if own is None else own[i : i + self._size]
                else:
                    label = np.asarray(self._labels[done : done + len(some)])
                    if len(label) < len(some):
                        raise ShapeError(f"{len(self._labels):,} labels for more samples")
                    yield some, label
                done += len(some)
        if self._labels is not None and len(self._labels) != done:
            raise ShapeError(f"{len(self._labels):,} labels for {done:,} samples")

    def _given(self) -> Iterator[tuple[Any, np.ndarray | None]]:
        if not self._comes_in_batches:
            yield self._as_batch(self._source), None
            return
        for given in self._source:
            batch, own = given, None
            if isinstance(given, (list, tuple)) and all(hasattr(v, "shape") for v in given):
                if len(given) not in (1, 2):
                    raise ParameterError(
                        f"census: a batch of {len(given)} arrays; give samples, or a pair of "
                        "samples and labels"
                    )
                batch = given[0]
                if len(given) == 2 and self._labels is None:
                    own = _whole(given[1])
                    if own.ndim != 1:
                        raise ShapeError(f"labels of shape {own.shape}; give one a sample")
            yield self._as_batch(batch), own

    def _as_batch(self, X: Any) -> Any:
        """Samples with a batch axis, still as they were given."""
        if not hasattr(X, "shape"):
            try:
                X = np.asarray(X)
            except ValueError:
                X = _ragged(X)
            if X.dtype.kind not in "biuf":  # Fractions, texts: exact numbers, each as it is
                X = np.asarray(X.tolist(), dtype=object)
        shape, own = tuple(X.shape), tuple(self._network.input_shape)
        if shape in (own, (self._network.input_dim,)):
            return X[None]
        if shape[1:] not in (own, (self._network.input_dim,)) or not shape:
            raise ShapeError(
                f"census: data of shape {shape}; the network takes (n, {self._network.input_dim}) "
                f"or (n, {', '.join(map(str, own))})"
            )
        return X


def _ragged(X: Any) -> np.ndarray:
    """Entries that make no array of numbers by themselves, as objects."""
    try:
        return np.asarray(X, dtype=object)
    except ValueError:
        raise ShapeError(
            f"census: {len(X):,} entries of different shapes; give samples of shape (n, D), or "
            "batches by an iterator: iter(batches)"
        ) from None


def _whole(labels: Any) -> np.ndarray:
    """Labels as an array of whole numbers."""
    if hasattr(labels, "detach"):  # a torch tensor
        labels = labels.detach().cpu().numpy()
    try:
        out = np.asanyarray(labels)
    except ValueError as error:
        raise ParameterError(f"labels: the values do not form an array ({error})") from None
    if out.size == 0:
        return out.astype(np.int64)
    if out.dtype.kind not in "biu":
        raise ParameterError(f"labels of type {out.dtype}; give whole numbers")
    return out
