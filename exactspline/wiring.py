"""What later rooms do for methods of earlier ones: the one module that knows both ends.

It is imported with the package, so every function imports its room when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .later import provides

if TYPE_CHECKING:
    from .domain import Domain
    from .driver.outcome import RegionCount
    from .explorer import Explorer
    from .formats.files import PathLike
    from .network import MASO, Network
    from .partition.complex.complex import Complex
    from .partition.faces.boundary import DecisionBoundary
    from .partition.graph.edges import Edges
    from .partition.partition import Partition
    from .partition.regions.region import Region
    from .solid.mesh import Mesh
    from .statements.verdict import Verdict
    from .theory.geometry.power import PowerDiagram
    from .theory.universality.difference import DifferenceOfConvex
    from .theory.universality.interpolation import Interpolation

__all__: list[str] = []


@provides("Network.save")
def _save_network(network: Network, path: PathLike) -> None:
    from .formats import save_network

    save_network(network, path)


@provides("Network.to_onnx")
def _network_to_onnx(network: Network, path: PathLike, *, rounded: bool = False) -> None:
    from .formats import save_onnx

    save_onnx(network, path, rounded=rounded)


@provides("OperatorGraph.slope")
def _slope_of_network(network: Network, x: Any) -> Any:
    from .evaluate import affine_maps

    return affine_maps(network, x)[0]


@provides("Network.templates")
def _templates(network: Network, x: Any, *, exact: bool = False) -> Any:
    from .theory.filters.matched import templates

    return templates(network, x, exact=exact)


@provides("Network.to_sympy")
def _network_to_sympy(network: Network, x: Any = None) -> Any:
    from .symbolic.formula import network_to_sympy

    return network_to_sympy(network, x)


@provides("Network.to_latex")
def _network_to_latex(network: Network) -> str:
    from .symbolic.latex import network_to_latex

    return network_to_latex(network)


@provides("Network.to_cvxpy")
def _network_to_cvxpy(
    network: Network, x: Any, domain: Domain, *, time_limit: float | None = None
) -> Any:
    from .symbolic.mixed_integer import network_to_cvxpy

    return network_to_cvxpy(network, x, domain, time_limit=time_limit)


@provides("Partition.to_latex")
def _partition_to_latex(partition: Partition) -> str:
    from .symbolic.latex import partition_to_latex

    return partition_to_latex(partition)


@provides("Region.to_latex")
def _region_to_latex(region: Region) -> str:
    from .symbolic.latex import region_to_latex

    return region_to_latex(region)


@provides("MASO.partition")
def _partition_of_maso(maso: MASO, domain: Domain | None = None) -> Partition:
    from .api import enumerate_regions
    from .network import Network

    return enumerate_regions(Network([maso], (maso.A.shape[2],)), domain)


@provides("MASO.power_diagram")
def _power_diagram_of_maso(maso: MASO) -> PowerDiagram:
    from .theory.geometry.power import PowerDiagram

    return PowerDiagram.of_maso(maso)


@provides("Partition.save")
def _save_partition(
    partition: Partition, path: PathLike, *, edges: bool = False, affine: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    from .export import save

    save(partition, path, edges=edges, affine=affine, progress=progress)


@provides("Partition.save_graph")
def _save_graph(
    partition: Partition, path: PathLike, *, exact: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    from .export import save_graph

    save_graph(partition, path, exact=exact, progress=progress)


@provides("Partition.explore")
def _explore_partition(partition: Partition, **options: Any) -> Explorer:
    from .explorer import explorer_of

    return explorer_of([partition], **options)


@provides("DecisionBoundary.to_dict")
def _boundary_dict(boundary: DecisionBoundary) -> dict[str, Any]:
    from .export.boundary import boundary_dict

    return boundary_dict(boundary)


@provides("DecisionBoundary.save")
def _save_boundary(boundary: DecisionBoundary, path: PathLike) -> None:
    from .export.boundary import save_boundary

    save_boundary(boundary, path)


@provides("SpatialRegions.surface")
def _surface(partition: Partition, level: Any = 0, **options: Any) -> Mesh:
    from .solid.surface import surface

    return surface(partition, level, **options)


@provides("Mesh.save")
def _save_mesh(mesh: Mesh, path: PathLike) -> None:
    from .solid.files import save_mesh

    save_mesh(mesh, path)


@provides("Partition.plot")
def _plot_partition(partition: Partition, ax: Any = None, **options: Any) -> Any:
    from .plot import plot_partition

    return plot_partition(partition, ax, **options)


@provides("Network._repr_html_")
def _network_html(network: Network) -> str:
    from .explorer.notebook import network_html

    return network_html(network)


@provides("Partition._repr_html_")
def _partition_html(partition: Partition) -> str:
    from .explorer.notebook import partition_html

    return partition_html(partition)


@provides("RegionOfCode._repr_html_")
def _region_html(region: Region) -> str:
    from .explorer.notebook import region_html

    return region_html(region)


@provides("RegionCount._repr_html_")
def _count_html(count: RegionCount) -> str:
    from .explorer.notebook import count_html

    return count_html(count)


@provides("Edges._repr_html_")
def _edges_html(edges: Edges) -> str:
    from .explorer.notebook import edges_html

    return edges_html(edges)


@provides("Complex._repr_html_")
def _complex_html(complex_: Complex) -> str:
    from .explorer.notebook import complex_html

    return complex_html(complex_)


@provides("DifferenceOfConvex.prove")
def _prove_difference(found: DifferenceOfConvex, **options: Any) -> Verdict:
    from .statements.prove import prove
    from .statements.quantified import forall
    from .statements.values import logits

    f, k = found.original, found.output

    def equal(x: Any) -> Any:
        return found.network(x)[0] == logits(f, x).reshape(f.output_dim)[k]

    return prove(forall(found.domain, equal), **options)


@provides("Interpolation.prove")
def _prove_interpolation(found: Interpolation, **options: Any) -> list[Verdict]:
    from .statements.prove import prove
    from .statements.quantified import forall

    out = []
    for region, (A, b) in zip(found.regions, found.maps, strict=True):

        def equal(x: Any, A: Any = A, b: Any = b) -> Any:
            return found.network(x) == A @ x + b

        out.append(prove(forall(region, equal), **options))
    return out
