"""Partitions and their graphs as files: JSON, NumPy archives, Parquet, GraphML, GEXF, DOT.

Every file is written row by row under a scratch name and then moved into place. Equal
partitions give files that are equal byte for byte. The forms are described in docs/exports.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import FormatError
from ..formats.files import PathLike
from ..mode import guarded
from .files import by_suffix, check_writable, replaced
from .json_writers import write_json, write_node_link
from .npz_writer import write_npz
from .parquet import require_pyarrow, write_edge_table, write_region_table
from .progress import Progress
from .text_graphs import write_dot, write_gexf, write_graphml

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["check_graph_path", "check_path", "save", "save_graph"]

_PARTITIONS: dict[str, Callable[..., None]] = {
    ".json": write_json,
    ".npz": write_npz,
    ".parquet": write_region_table,
}


def _write_archive(stream: Any, partition: Partition, *, exact: bool, **options: Any) -> None:
    write_npz(stream, partition, edges=True, affine=False, **options)


_GRAPHS: dict[str, Callable[..., None]] = {
    ".graphml": write_graphml,
    ".gexf": write_gexf,
    ".dot": write_dot,
    ".json": write_node_link,
    ".npz": _write_archive,
    ".parquet": write_edge_table,
}


@guarded
def save(
    partition: Partition,
    path: PathLike,
    *,
    edges: bool = False,
    affine: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a partition; see `Partition.save`."""
    write = _checked(path, _PARTITIONS, "a partition", edges)
    if edges:
        _ = partition.edges  # a long search, perhaps: before the file is opened
    with replaced(path) as stream:
        write(stream, partition, edges=edges, affine=affine, progress=progress)


@guarded
def save_graph(
    partition: Partition, path: PathLike, *, exact: bool = True, progress: Progress | None = None
) -> None:
    """Write an adjacency graph; see `Partition.save_graph`."""
    write = _checked(path, _GRAPHS, "a graph")
    _ = partition.edges
    with replaced(path) as stream:
        write(stream, partition, exact=exact, progress=progress)


@guarded
def check_path(path: PathLike, *, edges: bool = False) -> None:
    """Refuse a path that `save` could not write to, before work is done for it."""
    _checked(path, _PARTITIONS, "a partition", edges)
    check_writable(path)


@guarded
def check_graph_path(path: PathLike) -> None:
    """Refuse a path that `save_graph` could not write to."""
    _checked(path, _GRAPHS, "a graph")
    check_writable(path)


def _checked(
    path: PathLike, known: dict[str, Callable[..., None]], what: str, edges: bool = False
) -> Callable[..., None]:
    write = by_suffix(path, known, what)
    if write in (write_region_table, write_edge_table):
        require_pyarrow()
    if write is write_region_table and edges:
        raise FormatError(
            f"{path}: a Parquet file holds one table, here that of the regions; write the edges "
            "with save_graph (on the command line: exactspline graph), or take .json or .npz"
        )
    return write
