"""Regions layer by layer: how many there are, how large, and how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DomainError
from ...mode import guarded
from ...polyhedra.vertices import volume as exact_volume
from ...rationals import nearest_float
from ..common.region_maps import LayerCells, partition_of
from ..common.watch import watched
from ..registry import check, exported
from ..report import GEOMETRY, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition
    from ...polyhedra.lp import Row
    from ...polyhedra.vertices import Generators

__all__ = ["LayerScale", "check_scales", "layer_scales"]

_MOST = 3_000  # regions that the check measures
_DIMENSIONS = 3


@exported
@guarded
@dataclass(frozen=True)
class LayerScale:
    """The sizes of all regions behind some layers, on a bounded domain.

    Attributes
    ----------
    layer : int
        Behind how many layers.
    codes : int array, shape (regions, units)
    volumes : tuple of Fraction
        In the domain's coordinates (its dimension's volume).
    squares : tuple of Fraction
        Squared diameters: of the two vertices farthest apart.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, "-1/2"]), es.ReLU()], (1,))
    >>> (scale,) = layer_scales(net, es.Box([-1], [1]))
    >>> [str(v) for v in scale.volumes], scale.largest
    (['1', '1/2', '1/2'], 1.0)
    """

    layer: int
    codes: np.ndarray
    volumes: tuple[Fraction, ...]
    squares: tuple[Fraction, ...]

    def __len__(self) -> int:
        return len(self.volumes)

    @property
    def diameters(self) -> np.ndarray:
        """The diameters, rounded to float64."""
        return np.sqrt(np.array([nearest_float(v) for v in self.squares]))

    @property
    def largest(self) -> float:
        """The largest diameter, rounded."""
        return float(self.diameters.max())


@exported
@guarded
def layer_scales(network: Network | Partition, domain: Domain | None = None) -> list[LayerScale]:
    """Counts, volumes and diameters of the regions behind every number of layers.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain
        Bounded, of up to three dimensions.

    Returns
    -------
    list of LayerScale
        One a layer of units, the first layer first.

    Raises
    ------
    DomainError
        If the domain is unbounded.

    Notes
    -----
    Exact: vertices by double description, region by region; milliseconds each.

    Examples
    --------
    >>> import exactspline as es
    >>> layer = [es.Dense([[1, 1], [1, -1]]), es.ReLU()]
    >>> scales = layer_scales(es.Network([*layer, *layer], (2,)), es.Box([-1, -1], [1, 1]))
    >>> [len(scale) for scale in scales], sum(scales[1].volumes)
    ([4, 5], Fraction(4, 1))
    """
    return _scales(partition_of(network, domain), exact_volume)


Volume = Callable[["Generators", int, int], Fraction]


def _scales(partition: Partition, volume: Volume) -> list[LayerScale]:
    from ...cells.facets import conditions
    from ...polyhedra.vertices import generators

    dim = partition.domain.chart.dim
    out = []
    for layer in range(1, len(partition.network.program.layers) + 1):
        cells = LayerCells(partition, layer)
        volumes, squares = [], []
        for code in watched(cells.codes, len(cells), "regions"):
            rows = [c.row for c in conditions(cells.forms, code)]
            found = generators(rows, dim)
            if found.rays or found.lines:
                raise DomainError(
                    "layer_scales: a region is unbounded; give a bounded domain, such as a Box"
                )
            volumes.append(volume(found, len(rows), dim))
            corners = found.vertices
            squares.append(max(
                (sum(((a - b) ** 2 for a, b in zip(p, q, strict=True)), Fraction(0))
                 for k, p in enumerate(corners) for q in corners[:k]), default=Fraction(0),
            ))  # fmt: skip
        out.append(LayerScale(layer, cells.codes, tuple(volumes), tuple(squares)))
    return out


@check(number=18, name="scales", needs_network=True)
@guarded
def check_scales(
    network: Network | Partition, domain: Domain | None = None, *, volume: Volume = exact_volume
) -> Report:
    """Check that each layer subdivides the regions behind the layers before it.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain
        Bounded.
    volume : callable
        (generators, number of rows, dimension) to a volume, to test in place of the exact one.

    Returns
    -------
    Report
        On a bounded domain of up to three dimensions: the volumes behind every number of layers
        add up to the domain's, those of the regions inside of one region behind a layer less to
        its volume, exactly, and no diameter is above that of the region that holds it. Volumes
        come from vertices, region by region, which know nothing of the other regions.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> layers = [es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU(), es.Dense([[1, -1]])]
    >>> net = es.Network(layers, (2,))
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.theory.check_scales(net, box).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    says = Statement(
        "check_scales",
        "Every layer subdivides the regions behind the layers before: volumes of the parts add up "
        "to the whole, and diameters do not grow.",
        f"{GEOMETRY}, the subdivision by layers",
        ("volumes and vertices of regions behind a layer", "those of the regions that hold them"),
    )
    chart, layers = partition.domain.chart, len(partition.network.program.layers)
    if not layers or not 1 <= chart.dim <= _DIMENSIONS:
        return says.not_applicable("it takes a layer and a domain of one to three dimensions")
    if _unbounded(partition):
        return says.not_applicable("the domain is unbounded, so that regions have no volume")
    if len(partition) > _MOST:
        return says.undecided(f"more than {_MOST:,} regions take long; give a smaller domain")
    scales = _scales(partition, volume)
    whole = _domain_volume(partition)
    bad, checked = None, 0
    before: LayerScale | None = None
    for scale in scales:
        groups: dict[bytes, list[int]] = {}
        width = 0 if before is None else before.codes.shape[1]
        for i, code in enumerate(scale.codes):
            groups.setdefault(code[:width].tobytes(), []).append(i)
        parents = [(whole, None)] if before is None else list(
            zip(before.volumes, before.squares, strict=True))  # fmt: skip
        names = [b""] if before is None else [code.tobytes() for code in before.codes]
        for name, (size, square) in zip(names, parents, strict=True):
            parts = groups.get(name, [])
            checked += len(parts)
            total = sum((scale.volumes[i] for i in parts), Fraction(0))
            longest = max((scale.squares[i] for i in parts), default=Fraction(0))
            if bad is None and (total != size or (square is not None and longest > square)):
                bad = {"layer": scale.layer, "volume of the whole": size, "of its parts": total}
        before = scale
    details = {f"behind layer {scale.layer}": _told(scale, whole) for scale in scales}
    return says.report(bad, "parts do not make the whole", checked=checked, details=details)


def _told(scale: LayerScale, whole: Fraction) -> str:
    """One line about a layer."""
    count, middle = len(scale), sorted(scale.volumes)[len(scale) // 2]
    return (
        f"{count} regions, mean volume {nearest_float(whole / count):.4g}, "
        f"median {nearest_float(middle):.4g}, largest diameter {scale.largest:.4g}"
    )


def _domain_rows(partition: Partition) -> list[Row]:
    from ...domain.rows import all_rows, dense_rows

    chart = partition.domain.chart
    return dense_rows(all_rows(chart.low, chart.high, chart.rows, chart.dim))


def _unbounded(partition: Partition) -> bool:
    from ...polyhedra.vertices import generators

    found = generators(_domain_rows(partition), partition.domain.chart.dim)
    return bool(found.rays or found.lines)


def _domain_volume(partition: Partition) -> Fraction:
    from ...polyhedra.vertices import generators

    rows, dim = _domain_rows(partition), partition.domain.chart.dim
    return exact_volume(generators(rows, dim), len(rows), dim)
