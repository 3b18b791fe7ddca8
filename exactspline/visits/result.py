"""What a census found, in columns; two of them compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..errors import LimitError, ParameterError, ShapeError
from ..frames import Framed
from ..mode import guarded
from ..partition.columns.description import code_texts
from .table import Collected, matched
from .words import Words

__all__ = ["Census", "CensusComparison", "CensusLayer"]

_MOST_BYTES = 2**32  # of an array of codes


class CensusLayer(NamedTuple):
    """One layer over a data set.

    Attributes
    ----------
    units : int
    regions : int
        Distinct codes of this layer and those before it.
    changing : int
        Units that do not take the same piece at all samples.
    distance : Fraction or None
        In how many units of the layer two samples differ, on average over all pairs of different
        samples; None for fewer than two samples.
    changes : int
        In how many units a sample differs from the one before it, summed over the data's order.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> es.census(net, [[-1.0], [0.5], [2.0]]).layers[0]
    CensusLayer(units=2, regions=3, changing=2, distance=Fraction(4, 3), changes=2)
    """

    units: int
    regions: int
    changing: int
    distance: Fraction | None
    changes: int


@guarded
class Census(Framed):
    """The regions that a data set visits; made by `exactspline.census`.

    Attributes
    ----------
    samples : int
    counts : array, shape (regions,)
        Samples a region, in the order of the codes (as `enumerate_regions` orders them).
    first : array, shape (regions,)
        The number of the first sample in each region.
    alone : int
        How many samples are alone in their region.
    alone_share : float
        Their share of all; 0 without samples.
    layers : tuple of CensusLayer
    boundary_samples : int64 array
        The numbers of the samples on boundaries: their code is that of no region's inside, or of
        one that they border.
    exact : bool
        Whether all codes are proved.
    classes : int64 array, shape (k,)
        The labels, sorted; empty without labels.
    class_samples : int64 array, shape (k,)
    class_distances : float64 array, shape (k, k)
        The VQ distance of a sample of one class and a sample of the other, on average (within a
        class, of two different samples; NaN if there is one sample): the share of units in which
        they differ, rounded once.
    distances, distance_errors : float64 arrays, shape (samples,), or None
        The Euclidean distance of each sample to the nearest facet of its region, and a bound on
        its error.
    spilled : bool
        Whether the codes lie in a temporary file, which goes with the census.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> found = es.census(net, [[-1.0], [0.5], [0.25], [2.0]], labels=[0, 0, 1, 1])
    >>> len(found), found.counts.tolist(), found.codes().tolist()
    (3, [1, 2, 1], [[0, 0], [1, 0], [1, 1]])
    >>> found.alone, found.class_distances.tolist()
    (2, [[0.5, 0.5], [0.5, 0.5]])
    """

    def __init__(
        self, words: Words, table: Collected, *, samples: int, widths: tuple[int, ...],
        layers: tuple[CensusLayer, ...], boundary_samples: np.ndarray, exact: bool,
        classes: tuple[np.ndarray, np.ndarray, np.ndarray],
        distances: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:  # fmt: skip
        self._words, self._table, self._widths = words, table, widths
        self.samples, self.layers = samples, layers
        self.boundary_samples, self.exact = boundary_samples, exact
        self.classes, self.class_samples, self.class_distances = classes
        self.distances: np.ndarray | None = None if distances is None else distances[0]
        self.distance_errors: np.ndarray | None = None if distances is None else distances[1]
        self.spilled = table.spilled
        self.counts: np.ndarray = table.rows[:, -2].view(np.int64)
        self.first: np.ndarray = table.rows[:, -1].view(np.int64)
        self.alone = int((self.counts == 1).sum())
        self.alone_share = self.alone / samples if samples else 0.0

    def __len__(self) -> int:
        return len(self._table.rows)

    def __repr__(self) -> str:
        return f"<Census: {self.samples:,} samples in {len(self):,} regions>"

    def codes(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The distinct codes, those from ``start`` up to ``stop``.

        Parameters
        ----------
        start, stop : int
            As in a slice; all by default.

        Returns
        -------
        array of unsigned integers, shape (regions, units)

        Raises
        ------
        LimitError
            If they would take more than 4 GiB.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
        >>> es.census(net, [[1.0], [-1.0], [2.0]]).codes(1).tolist()
        [[1]]
        """
        rows = self._table.rows[start:stop]
        if len(rows) * max(1, self._words.units) > _MOST_BYTES:
            raise LimitError(f"census: {len(rows):,} codes take over 4 GiB; ask for them in parts")
        return self._words.unpack(rows[:, :-2])

    def _frame(self) -> dict[str, Any]:  # type: ignore[override]
        codes = self.codes()
        texts = code_texts(codes, int(codes.max(initial=0)) + 1)
        return {"code": texts, "samples": self.counts, "first": self.first}

    def compare(self, other: Census) -> CensusComparison:
        """Which regions two data sets, or two networks, have in common.

        Parameters
        ----------
        other : Census
            Of the same network with other data (training and test), or of another network with
            the same layers (checkpoints of a training): codes are compared.

        Returns
        -------
        CensusComparison

        Raises
        ------
        ShapeError
            If the networks' layers have other units, or units of other numbers of pieces.

        Notes
        -----
        Cost: one pass through both tables, in blocks.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> train, test = es.census(net, [[-1.0], [0.5], [0.6]]), es.census(net, [[0.5], [2.0]])
        >>> found = train.compare(test)
        >>> found.common, found.only_first, found.only_second, found.second_in_common
        (1, 1, 1, 1)
        """
        if not isinstance(other, Census):
            raise ParameterError(f"compare: give a Census, not a {type(other).__name__}")
        if self._widths != other._widths or self._words.pieces != other._words.pieces:
            raise ShapeError(
                f"compare: layers of {list(self._widths)} units and of {list(other._widths)}, with "
                f"up to {self._words.pieces} and {other._words.pieces} pieces; codes of networks "
                "with different layers say nothing about each other"
            )
        common = first = second = overlap = only_first = only_second = 0
        for a, b in matched(self._table.rows, other._table.rows):
            both = (a > 0) & (b > 0)
            common += int(both.sum())
            only_first += int((b == 0).sum())
            only_second += int((a == 0).sum())
            first += int(a[both].sum())
            second += int(b[both].sum())
            left, right = a[both].astype(object), b[both].astype(object)
            overlap += int(np.minimum(left * other.samples, right * self.samples).sum())
        pairs = self.samples * other.samples
        distance = 1 - Fraction(overlap, pairs) if pairs else None
        return CensusComparison(common, only_first, only_second, first, second, distance)

    def to_json(self) -> dict[str, Any]:
        """All but the codes and what is told of every sample, as JSON knows it.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
        >>> found = es.census(net, [[1.0], [-1.0], [2.0]]).to_json()
        >>> found["regions"], found["alone"], found["layers"][0]["distance"]
        (2, 1, 0.6666666666666666)
        """
        out: dict[str, Any] = {
            "samples": self.samples, "regions": len(self), "alone": self.alone,
            "alone_share": self.alone_share, "most": int(self.counts.max(initial=0)),
            "on_boundaries": len(self.boundary_samples), "proved": self.exact,
            "layers": [
                {**layer._asdict(), "distance": _rounded(layer.distance)} for layer in self.layers
            ],
        }  # fmt: skip
        if len(self.classes):
            out["classes"] = self.classes.tolist()
            out["class_samples"] = self.class_samples.tolist()
            out["class_distances"] = [
                [None if np.isnan(v) else v for v in row] for row in self.class_distances.tolist()
            ]
        if self.distances is not None:
            finite = self.distances[np.isfinite(self.distances)]
            out["distances"] = {
                "least": float(finite.min()) if len(finite) else None,
                "median": float(np.median(finite)) if len(finite) else None,
                "greatest": float(finite.max()) if len(finite) else None,
                "without_facets": len(self.distances) - len(finite),
            }
        return out

    def __str__(self) -> str:
        proved = "all codes proved" if self.exact else "codes of floating point"
        lines = [
            f"{self.samples:,} samples in {len(self):,} regions ({proved})",
            f"alone in their region: {self.alone:,} ({self.alone_share:.2%})",
            f"most samples in one region: {int(self.counts.max(initial=0)):,}",
            f"on boundaries: {len(self.boundary_samples):,}",
            "layer      units    regions   changing   distance   changes",
        ]
        for number, layer in enumerate(self.layers, 1):
            distance = "-" if layer.distance is None else f"{float(layer.distance):.4g}"
            lines.append(
                f"{number:>5}{layer.units:>11,}{layer.regions:>11,}{layer.changing:>11,}"
                f"{distance:>11}{layer.changes:>10,}"
            )
        found = self.to_json().get("distances")
        if found is not None and found["least"] is not None:
            lines.append(
                f"distance to the nearest facet: least {found['least']:.4g}, median "
                f"{found['median']:.4g}, greatest {found['greatest']:.4g}"
            )
        if len(self.classes):
            lines.append("VQ distances between classes, mean share of units:")
            lines.append("class " + "".join(f"{v:>8}" for v in self.classes.tolist()))
            for label, row in zip(
                self.classes.tolist(), self.class_distances.tolist(), strict=True
            ):
                cells = "".join(f"{'-':>8}" if np.isnan(v) else f"{v:>8.4f}" for v in row)
                lines.append(f"{label:>5} " + cells)
        return "\n".join(lines)


def _rounded(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


@guarded
@dataclass(frozen=True)
class CensusComparison:
    """Two censuses side by side.

    Attributes
    ----------
    common, only_first, only_second : int
        Regions that both have, and that one has alone.
    first_in_common, second_in_common : int
        Samples of each in regions of both.
    distance : Fraction or None
        The total variation of the two distributions of samples over regions: 0 for equal shares,
        1 for no region in common; None if one has no samples.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
    >>> es.census(net, [[1.0], [2.0]]).compare(es.census(net, [[1.0], [-1.0]])).distance
    Fraction(1, 2)
    """

    common: int
    only_first: int
    only_second: int
    first_in_common: int
    second_in_common: int
    distance: Fraction | None

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON knows it; the distance is rounded once.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
        >>> a, b = es.census(net, [[1.0], [2.0]]), es.census(net, [[1.0], [-1.0]])
        >>> a.compare(b).to_json()["distance"]
        0.5
        """
        return {**asdict(self), "distance": _rounded(self.distance)}

    def __str__(self) -> str:
        distance = "-" if self.distance is None else f"{float(self.distance):.4g}"
        return (
            f"regions in common: {self.common:,}, only in the first: {self.only_first:,}, only in "
            f"the second: {self.only_second:,}\nsamples in common regions: "
            f"{self.first_in_common:,} and {self.second_in_common:,}\n"
            f"total variation distance: {distance}"
        )
