"""From facets as the search finds them to edges: which region lies across, checked twice.

A facet is found from both of its regions. The first of them writes it down with the hash of
the code across, the other one counts it. An edge stands when the codes of its two regions
differ exactly as the facet says, and when every region has as many edges to earlier regions
as it has counted. Hashes only find candidates.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ...errors import LimitError, UndecidedError
from ...search.facet_columns import FoundFacets
from ..columns.column import Column
from .edges import Borders, Edges

if TYPE_CHECKING:
    from ..columns.table import RegionTable

__all__ = ["EdgeBuilder", "search_again"]

_CHUNK = 1 << 22  # bytes of codes that are compared at once
_EDGE_COLUMNS = {
    "region": np.int32, "target": np.uint64, "unit": np.int32, "piece": np.uint32,
    "form": np.int64, "sign": np.int8,
}  # fmt: skip


class EdgeBuilder:
    """Collects the facets of batches and makes edges of them."""

    def __init__(self) -> None:
        self.hashes, self.down = Column(np.uint64), Column(np.int32)
        self.columns = {name: Column(dtype) for name, dtype in _EDGE_COLUMNS.items()}
        self.points: Column | None = None
        self.flips = {
            "flip_edge": Column(np.int64), "flip_unit": Column(np.int32),
            "flip_piece": Column(np.int32),
        }  # fmt: skip
        self.border_region, self.border_side = Column(np.int32), Column(np.int32)
        self.exact: dict[int, tuple[Fraction, ...]] = {}

    def append(self, found: FoundFacets) -> None:
        """Add the facets of the next batch."""
        before = len(self.columns["region"])
        n = len(found.region)
        if len(self.hashes) + len(found.hashes) > np.iinfo(np.int32).max:
            raise LimitError("a graph in memory holds at most 2^31 - 1 regions; narrow the domain")
        order = np.argsort(found.region, kind="stable")  # those found in rationals came last
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(n)
        for name, column in self.columns.items():
            column.extend(getattr(found, name)[order])
        if self.points is None:
            self.points = Column(np.float64, found.point.shape[1])
        self.points.extend(found.point[order])
        self.exact.update({before + int(place[e]): p for e, p in found.exact.items()})
        flip = place[found.flip_edge]
        by_edge = np.argsort(flip, kind="stable")
        self.flips["flip_edge"].extend(before + flip[by_edge])
        self.flips["flip_unit"].extend(found.flip_unit[by_edge])
        self.flips["flip_piece"].extend(found.flip_piece[by_edge])
        self.hashes.extend(found.hashes)
        self.down.extend(found.down)
        by_region = np.lexsort([found.border_side, found.border_region])
        self.border_region.extend(found.border_region[by_region])
        self.border_side.extend(found.border_side[by_region])

    def finish(self, partition: RegionTable) -> tuple[Edges, Borders]:
        """Find the regions across, check them, and sort."""
        columns = {name: column.finish() for name, column in self.columns.items()}
        columns |= {name: column.finish() for name, column in self.flips.items()}
        columns["source"] = columns.pop("region")
        width = partition.domain.chart.dim if self.points is None else None
        columns["point"] = (
            np.zeros((0, width or 0)) if self.points is None else self.points.finish()
        )
        if partition.network.program.max_pieces <= 1 << 16:
            columns["piece"] = columns["piece"].astype(np.uint16)
        columns["target"] = self._resolved(partition, columns)
        columns, exact = _known(columns, self.exact)
        _check_down(columns["target"], self.down.finish())
        exact = _sort(columns, exact)
        edges = Edges(partition, columns, exact, _searched(partition))
        return edges, Borders(self.border_region.finish(), self.border_side.finish())

    def _resolved(self, partition: RegionTable, columns: dict[str, np.ndarray]) -> np.ndarray:
        """The regions across; -1 where that is none of the partition."""
        hashes = self.hashes.finish()
        if len(hashes) != len(partition):
            raise UndecidedError(
                f"facets of {len(hashes):,} regions, but the partition has {len(partition):,}; "
                "this is a defect of exactspline, please report it with the network"
            )
        order = np.argsort(hashes, kind="stable").astype(np.int32)
        ordered = hashes[order]
        n = len(columns["source"])
        out = np.full(n, -1, dtype=np.int32)
        step = max(1, _CHUNK // max(1, partition._codes.units))
        for start in range(0, n, step):
            part = np.arange(start, min(start + step, n))
            at = np.searchsorted(ordered, columns["target"][part])
            while len(part):
                there = at < len(ordered)
                there[there] = ordered[at[there]] == columns["target"][part[there]]
                part, at = part[there], at[there]
                candidate = order[at]
                same = _agree(partition, columns, part, candidate)
                out[part[same]] = candidate[same]
                part, at = part[~same], at[~same] + 1  # another region of the same hash
        if partition.complete and np.any(out < 0):
            raise UndecidedError(
                "a facet leads to a code that no region has; this is a defect of exactspline, "
                "please report it with the network"
            )
        return out


def _agree(
    partition: RegionTable, columns: dict[str, np.ndarray], edges: np.ndarray, candidate: np.ndarray
) -> np.ndarray:
    """Whether the candidates' codes are the sources' ones with the facets' changes."""
    row = np.arange(len(edges))
    unit, piece = columns["unit"][edges], columns["piece"][edges]
    if len(edges) and len(columns["flip_edge"]):
        a, b = np.searchsorted(columns["flip_edge"], [edges[0], edges[-1] + 1])
        flipped = columns["flip_edge"][a:b]
        of = np.searchsorted(edges, flipped)
        of[of == len(edges)] = 0
        here = edges[of] == flipped
        row = np.concatenate([row, of[here]])
        unit = np.concatenate([unit, columns["flip_unit"][a:b][here]])
        piece = np.concatenate([piece, columns["flip_piece"][a:b][here]])
    return partition._codes.differ_by(columns["source"][edges], candidate, row, unit, piece)


def _known(
    columns: dict[str, np.ndarray], exact: dict[int, tuple[Fraction, ...]]
) -> tuple[dict[str, np.ndarray], dict[int, tuple[Fraction, ...]]]:
    """Drop facets to regions that a stopped search has not reached."""
    known = columns["target"] >= 0
    if np.all(known):
        return columns, exact
    place = np.cumsum(known) - 1
    flips = known[columns["flip_edge"]]
    out = {}
    for name, column in columns.items():
        out[name] = column[flips if name.startswith("flip") else known]
    out["flip_edge"] = place[out["flip_edge"]]
    return out, {int(place[e]): p for e, p in exact.items() if known[e]}


def _check_down(target: np.ndarray, down: np.ndarray) -> None:
    """Every region must have as many edges to earlier regions as it has counted itself."""
    if not np.array_equal(np.bincount(target, minlength=len(down)), down):
        raise UndecidedError(
            "two regions disagree about a facet between them; this is a defect of exactspline, "
            "please report it with the network"
        )


def _sort(
    columns: dict[str, np.ndarray], exact: dict[int, tuple[Fraction, ...]]
) -> dict[int, tuple[Fraction, ...]]:
    """Sort the edges of every source by target, in place; they are sorted by source."""
    source, target = columns["source"], columns["target"]
    moves = len(exact) > 0 or len(columns["flip_edge"]) > 0
    place = np.arange(len(source) if moves else 0, dtype=np.int64)
    start = 0
    while start < len(source):
        # edges move within their source only: a stretch of whole sources at a time
        end = min(start + (1 << 16), len(source))
        end = int(np.searchsorted(source, source[end - 1], side="right"))
        order = np.lexsort([target[start:end], source[start:end]])
        for name, column in columns.items():
            if not name.startswith("flip"):
                column[start:end] = column[start:end][order]
        if moves:
            place[start + order] = np.arange(start, end)
        start = end
    if not moves:
        return exact
    columns["flip_edge"] = place[columns["flip_edge"]]
    by_edge = np.argsort(columns["flip_edge"], kind="stable")
    for name in ("flip_edge", "flip_unit", "flip_piece"):
        columns[name] = columns[name][by_edge]
    return {int(place[e]): p for e, p in exact.items()}


def _searched(partition: RegionTable) -> np.ndarray:
    """The domain's coordinates that a search goes through."""
    from ...search.run import Run

    run = Run(partition.network.program, partition.domain)
    if run.space is None or run.trivial:
        return np.zeros(0, dtype=np.int64)
    return run.space.columns


def search_again(partition: RegionTable) -> EdgeBuilder:
    """Find the facets of a partition that was enumerated without them."""
    from ...search.run import Run

    builder = EdgeBuilder()
    run = Run(
        partition.network.program, partition.domain, max_regions=len(partition),
        engine="auto" if partition.engine == "exact" else partition.engine, facets=True,
    )  # fmt: skip
    for batch in run.batches() if len(partition) else ():
        if batch.facets is not None:
            builder.append(batch.facets)
    return builder
