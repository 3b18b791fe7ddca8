"""What later rooms do for methods of earlier ones: the one module that knows both ends.

It is imported with the package, so every function imports its room when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .later import provides

if TYPE_CHECKING:
    from .domain import Domain
    from .formats.files import PathLike
    from .network import MASO, Network
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


@provides("MASO.partition")
def _partition_of_maso(maso: MASO, domain: Domain | None = None) -> Partition:
    from .api import enumerate_regions
    from .network import Network
    from .partition.partition import Partition

    out = enumerate_regions(Network([maso], (maso.A.shape[2],)), domain)
    assert isinstance(out, Partition)
    return out


@provides("MASO.power_diagram")
def _power_diagram_of_maso(maso: MASO) -> PowerDiagram:
    from .theory.geometry.power import PowerDiagram

    return PowerDiagram.of_maso(maso)
