"""``exactspline surface``: a level set in three dimensions as a mesh, in a file."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clock import OutOfTime
from ..driver.outcome import Outcome
from ..errors import LimitError, ParameterError
from ..export.files import by_suffix, check_writable
from ..rationals import parse_rational
from .networks import read_network
from .output import paths_for, write
from .report import Report, network_lines
from .search import conclude, program_in_time, searches
from .streams import results

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from ..solid.mesh import Mesh

__all__ = ["surface"]

_KINDS = {kind: kind for kind in (".ply", ".obj", ".stl", ".html")}


def surface(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..solid.surface import check_domain
    from ..solid.wanted import wanted_of

    network, domains = read_network(arguments)
    for domain in domains:
        check_domain(domain, "surface")
    options = _options(arguments)
    wanted_of(network, **options)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    paths = paths_for(arguments.out, len(domains), arguments.network, _check_path)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    outcomes: list[Outcome] = []
    for outcome, partition in searches(arguments, network, domains, report, store=True):
        assert partition is not None
        found: list[Mesh] = []
        save = partial(_save, partition, options, arguments, found)
        if outcome.interrupt is None:
            write(paths[len(outcomes)], save, outcome, report)
        for mesh in found:
            outcome.extra["surface"] = _numbers(mesh)
            report.lines(_lines(mesh))
        outcomes.append(outcome)
    return conclude(arguments, network, domains, outcomes, report)


def _check_path(path: str) -> None:
    by_suffix(path, _KINDS, "a surface")
    check_writable(path)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `Partition.surface` is asked for."""
    pair = None
    if arguments.pair is not None:
        words = arguments.pair.split(",")
        if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
            raise ParameterError("--pair: give two outputs, as --pair 0,1")
        pair = tuple(int(word) for word in words)
    return {
        "level": parse_rational(arguments.level, "--level"), "output": arguments.of, "pair": pair,
        "winner": arguments.winner, "below": arguments.below,
    }  # fmt: skip


def _save(
    partition: Partition, options: dict[str, Any], arguments: argparse.Namespace,
    found: list[Mesh], path: str, progress: Callable[[int, int], None],
) -> None:  # fmt: skip
    """Find the mesh and write it."""
    try:
        with arguments.clock.running():
            mesh = partition.surface(closed=not arguments.open, progress=progress, **options)
    except OutOfTime:
        raise LimitError("surface: the time is over; give more of it") from None
    if path.endswith(".html"):
        from ..plot.solid import plot_mesh

        plot_mesh(mesh).save(path)
    else:
        mesh.save(path)
    found.append(mesh)


def _numbers(mesh: Mesh) -> dict[str, Any]:
    """The mesh for JSON."""
    return {
        "set": mesh.what,
        "vertices": len(mesh.vertices),
        "triangles": len(mesh),
        "closed": mesh.is_closed,
        "manifold": mesh.is_manifold,
        "nonmanifold_edges": len(mesh.nonmanifold_edges),
        "nonmanifold_vertices": len(mesh.nonmanifold_vertices),
        "border_edges": len(mesh.border_edges),
        "parts": int(mesh.parts.max(initial=-1)) + 1,
        "euler": mesh.euler,
        "area": _finite(mesh.area().value),
        "surface_area": _finite(mesh.area(side=-1).value),
        "volume": _finite(mesh.volume().value) if mesh.is_closed else None,
        "flat_regions": len(mesh.flat),
        "rounded_together": mesh.rounded_together,
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def _lines(mesh: Mesh) -> list[tuple[str, str]]:
    value = _numbers(mesh)
    kind = (
        "a closed manifold" if value["manifold"]
        else "nothing: the set is empty" if not len(mesh)
        else f"{value['border_edges']:,} border edges" if not value["closed"]
        else f"closed; {value['nonmanifold_edges']:,} edges and {value['nonmanifold_vertices']:,} "
        "vertices where it is no manifold"
    )  # fmt: skip
    parts = f"{value['parts']:,} part{'s' if value['parts'] != 1 else ''}"
    out = [
        ("surface", f"of {{{mesh.what}}}: {kind}"),
        ("mesh", f"{value['triangles']:,} triangles, {value['vertices']:,} vertices, {parts}, "
                 f"Euler number {value['euler']}"),
    ]  # fmt: skip
    if value["area"] is not None:
        out.append(("area", f"{value['area']:.6g}, of which {value['surface_area']:.6g} is no cap"))
    if value["volume"] is not None:
        out.append(("volume", f"{value['volume']:.6g}"))
    if mesh.flat:
        out.append(("flat", f"f equals the level throughout in {len(mesh.flat):,} of the regions"))
    return out
