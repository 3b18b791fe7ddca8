"""What later rooms do for methods of earlier ones: the one module that knows both ends.

It is imported with the package, so every function imports its room when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .later import provides

if TYPE_CHECKING:
    from .domain import Domain
    from .explorer import Explorer
    from .formats.files import PathLike
    from .network import MASO, Network
    from .partition.faces.boundary import DecisionBoundary
    from .partition.partition import Partition
    from .theory.geometry.power import PowerDiagram

__all__: list[str] = []


@provides("Network.save")
def _save_network(network: Network, path: PathLike) -> None:
    from .formats import save_network

    save_network(network, path)


@provides("Network.to_onnx")
def _network_to_onnx(network: Network, path: PathLike, *, rounded: bool = False) -> None:
    from .formats import save_onnx

    save_onnx(network, path, rounded=rounded)


@provides("Network.slope")
def _slope_of_network(network: Network, x: Any) -> Any:
    from .evaluate import affine_maps

    return affine_maps(network, x)[0]


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
