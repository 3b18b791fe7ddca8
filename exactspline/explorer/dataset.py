"""One partition as a page needs it: columns of the complex, colours, codes, the network."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ExactSplineError, LimitError, ShapeError
from ..partition.complex.complex import Complex
from ..partition.complex.source import complex_space
from ..partition.regions.coordinates import Coordinates
from ..rationals import format_rational, fractions, nearest_float
from ..search.packing import bits_of, pack_rows
from ..texts import plain
from .boundary import boundary_segments
from .outputs import areas_and_centroids, face_columns
from .program import image_of, program_columns, unit_groups
from .window import Polygons, polygons_of

if TYPE_CHECKING:
    from ..cells.space import SearchSpace
    from ..partition.partition import Partition
    from .pack import Blocks

__all__ = ["MOST_REGIONS", "STEPS", "dataset"]

STEPS = 3  # that `dataset` tells of

MOST_REGIONS = 4_000_000
_MOST_WORK = (
    1_000_000  # faces times units whose decision boundary is found by default: half a minute
)
_WIDE, _MOST_WIDE = (
    2048,
    2_000_000,
)  # units of a layer; times regions, up to which maps are compared
_CODES = 1 << 24

Watch = Callable[[str], None]


def dataset(
    partition: Partition,
    blocks: Blocks,
    *,
    label: str,
    image: tuple[int, int, int] | None = None,
    boundary: bool | None = None,
    values: Mapping[str, np.ndarray] | None = None,
    watch: Watch = lambda _: None,
) -> dict[str, Any]:
    """What the page says about a partition; its columns are added to the blocks.

    Parameters
    ----------
    partition : Partition
        Of a domain of two dimensions, complete; or without regions.
    blocks : Blocks
    label : str
        Tells one of several partitions.
    image : tuple of int, optional
        Channels, rows and columns of an input.
    boundary : bool, optional
        Whether the decision boundary is found; by default where few faces can meet it.
    values : mapping of str to array, optional
        Further quantities, one number a region.
    watch : callable
        Told what comes next.
    """
    network = partition.network
    out: dict[str, Any] = {
        "label": plain(label),
        "count": len(partition),
        "domain": _shortened(partition.domain.describe()),
        "network": _network_text(partition),
        "outputs": len(network.program.output),
        "units": network.program.n_units,
    }
    if len(partition) == 0:
        return {**out, "empty": True}
    if len(partition) > MOST_REGIONS:
        raise LimitError(
            f"explore: {len(partition):,} regions are over the limit of {MOST_REGIONS:,}; take a "
            "smaller domain"
        )
    watch("complex")
    found = partition.complex()
    if not isinstance(found, Complex):
        raise LimitError("explore: the regions are strips; bound the domain by a box")
    space = complex_space(partition)
    polygons = polygons_of(found)
    areas, centroids = areas_and_centroids(polygons)
    watch("colours")
    width = max((len(layer.units) for layer in network.program.layers), default=0)
    heavy = width > _WIDE and width * len(partition) > _MOST_WIDE
    ties = boundary if boundary is not None else not heavy
    faces = face_columns(partition, space, polygons, centroids, ties=ties)
    columns = {
        **faces.columns,
        "area": np.where(polygons.cut, np.inf, areas).astype(np.float32),
        "sides": np.minimum(found.faces.corner_counts, 65535).astype(np.uint16),
    }
    if not heavy:
        columns["piece"] = _pieces(partition)
    quantities = _quantities(columns, values, len(partition), len(network.program.output))
    out["geometry"] = _geometry(found, polygons, blocks)
    out["codes"] = _codes(partition, blocks)
    out["quantities"] = [
        {**q, "column": blocks.add(column, differences=column.dtype.kind in "iu")}
        for q, column in quantities
    ]
    out["hash"] = blocks.add(columns["hash"])
    out["axes"] = _axes(partition, found)
    out["sides"] = _sides(partition, found, space)
    out["groups"] = unit_groups(network.program, blocks)
    out["program"] = program_columns(network.program, space, blocks)
    out["boundary"] = _boundary(partition, found, polygons, faces.open, boundary, blocks, watch)
    if image is not None:
        ends = [*polygons.xy.argmin(axis=0), *polygons.xy.argmax(axis=0)]
        corners = polygons.xy[ends] if len(polygons.xy) else np.zeros((1, 2))
        out["image"] = image_of(space, corners, image)
    return out


def _shortened(text: str) -> str:
    """A text with long fractions as decimals, which "≈" says."""

    def near(found: re.Match[str]) -> str:
        whole = found.group()
        return whole if len(whole) < 14 else f"≈{nearest_float(Fraction(whole)):.6g}"

    return re.sub(r"-?\d+/\d+", near, plain(text))


def _network_text(partition: Partition) -> str:
    network = partition.network
    names = [operator.describe() for operator in network.operators]
    if len(names) > 12:
        names = [*names[:11], f"... ({len(names)} operators)"]
    return plain(", ".join(names) or "no operators")


def _pieces(partition: Partition) -> np.ndarray:
    """The first region of every face's linear region: equal maps, connected."""
    groups = partition.linear_regions()
    return np.asarray(groups.representatives)[groups.labels].astype(np.int32)


def _quantities(
    columns: dict[str, np.ndarray], values: Mapping[str, np.ndarray] | None, n: int, outputs: int
) -> list[tuple[dict[str, Any], np.ndarray]]:
    """What faces can be coloured by, with its scale."""
    said = [
        ("piece", "affine piece", "labels"), ("slope", "slope norm", "sequential"),
        ("class", "winning class at the centroid" if outputs > 1 else "sign at the centroid",
         "classes"),
        *((name, f"{name} at the centroid", "diverging") for name in columns
          if name.startswith("output ")),
        ("active", "active units", "sequential"), ("area", "area", "logarithmic"),
        ("sides", "sides", "sequential"),
    ]  # fmt: skip
    out = [
        ({"key": key, "label": label, "kind": kind, **_range(columns[key], kind)}, columns[key])
        for key, label, kind in said
        if key in columns
    ]
    for name, given in (values or {}).items():
        array = np.asarray(given)
        if array.shape != (n,) or array.dtype.kind not in "biuf":
            raise ShapeError(
                f"explore: values {name!r}: shape {array.shape} of {array.dtype}; give one number "
                f"a region, ({n},)"
            )
        column = array.astype(np.float32)
        kind = "diverging" if np.nanmin(column) < 0 < np.nanmax(column) else "sequential"
        q = {"key": f"value {plain(str(name))}", "label": plain(str(name)), "kind": kind}
        out.append(({**q, **_range(column, kind)}, column))
    return out


def _range(column: np.ndarray, kind: str) -> dict[str, float]:
    """What the ends of the scale are; a few far values do not stretch it."""
    known = column[np.isfinite(column)].astype(np.float64)
    if kind == "logarithmic":
        known = known[known > 0]
    if not len(known):
        return {"low": 0.0, "high": 1.0, "least": 0.0, "most": 1.0}
    least, most = float(known.min()), float(known.max())
    low, high = (float(v) for v in np.quantile(known, (0.01, 0.99)))
    if kind in ("labels", "classes") or not low < high:
        low, high = least, most
    return {"low": low, "high": high, "least": least, "most": most}


def _geometry(found: Complex, polygons: Polygons, blocks: Blocks) -> dict[str, Any]:
    edges, counts = found.edges, np.diff(polygons.start)
    window = polygons.window
    small = np.int16 if found.edges.unit.max(initial=0) < 1 << 15 else np.int32
    return {
        "points": blocks.add(polygons.xy),
        "counts": blocks.add(counts.astype(np.uint8 if counts.max() < 256 else np.uint32)),
        "origin": blocks.add(polygons.origin, differences=True),
        "edge": blocks.add(polygons.edge.astype(np.int32), differences=True),
        "unit": blocks.add(edges.unit.astype(small)),
        "border": blocks.add(
            np.array([found.edges.side(int(e)) for e in found.border_edges], dtype=np.int32)
        ),
        "cut": blocks.add(np.flatnonzero(polygons.cut).astype(np.int32), differences=True),
        "window": None if window is None else [nearest_float(v) for v in window],
        "windowText": None if window is None else [format_rational(v) for v in window],
        "error": float(polygons.error.max(initial=0.0)),
        "edges": len(edges),
        "corners": len(found.corners),
    }


def _codes(partition: Partition, blocks: Blocks) -> dict[str, Any]:
    """Codes as bits, byte by byte, each row by what differs from the one before."""
    pieces = partition.network.program.pieces
    step = max(1, _CODES // max(1, len(pieces)))
    low = high = partition.code(0)
    for codes in partition.iter_codes(step):
        low = np.minimum(low, codes.min(axis=0))
        high = np.maximum(high, codes.max(axis=0))
    varying = np.flatnonzero(low != high)
    bits = bits_of(pieces[varying])
    parts = [pack_rows(codes[:, varying], bits) for codes in partition.iter_codes(step)]
    rows = np.concatenate(parts)
    rows[1:] ^= rows[:-1].copy()
    return {
        "constant": blocks.add(low.astype(np.uint16), differences=True),
        "varying": blocks.add(varying.astype(np.int32), differences=True),
        "bits": blocks.add(bits.astype(np.uint8)),
        "bytes": rows.shape[1],
        "rows": blocks.add(np.ascontiguousarray(rows.T)),
    }


def _axes(partition: Partition, found: Complex) -> list[str]:
    letter = "x" if Coordinates(partition.domain.chart).full else "t"
    return [f"{letter}[{int(j)}]" for j in found.coordinates]


def _sides(partition: Partition, found: Complex, space: SearchSpace) -> list[dict[str, Any]]:
    """The sides of the domain that edges lie in."""
    from ..cells.space import dense_rows

    rows = dense_rows(space.rows)
    out = []
    for side in sorted({int(found.edges.side(int(e)) or 0) for e in found.border_edges}):
        text = partition.side(side) if not found.reduced else f"side {side} of the domain"
        out.append(
            {
                "side": side,
                "text": plain(text),
                "row": [nearest_float(v) for v in fractions(rows[side])],
            }
        )
    return out


def _boundary(
    partition: Partition, found: Complex, polygons: Polygons, open_: np.ndarray,
    wanted: bool | None, blocks: Blocks, watch: Watch,
) -> dict[str, Any]:  # fmt: skip
    """The decision boundary, or why it is left out."""
    regions = np.flatnonzero(open_ & (np.diff(polygons.start) > 0))
    if wanted is False:
        return {"segments": None, "why": "left out"}
    if (
        wanted is None
        and len(regions)
        and len(regions) * partition.network.program.n_units > _MOST_WORK
    ):
        return {
            "segments": None,
            "why": f"left out: {len(regions):,} regions may meet it, which takes a while; "
            "boundary=True, or --boundary, finds it all the same",
        }
    watch("decision boundary")
    try:
        lines = boundary_segments(partition, found, regions.tolist(), polygons.window)
    except ExactSplineError as error:
        return {"segments": None, "why": f"left out: {error}"}
    if not np.isfinite(lines).all():
        lines = lines[np.isfinite(lines).all(axis=1)]
    total = float(np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]).sum())
    return {
        "segments": blocks.add(lines),
        "count": len(lines),
        "length": total if math.isfinite(total) else 0.0,
    }
