"""The regions of a partition as the columns of a data frame."""

from __future__ import annotations

from typing import Any

from .description import code_texts

__all__ = ["region_columns"]


def region_columns(partition: Any, *, affine: bool) -> dict[str, Any]:
    """A row a region.

    Parameters
    ----------
    partition : Partition
        A class that is made of this room's.
    affine : bool
        With the affine maps, a column a coefficient.

    Returns
    -------
    dict
        code: text; x0, x1, ...: float64, a point inside (the nearest one where ``exact_witness``
        is true: the point itself is no float64 one then); with ``affine`` A0_0, A0_1, ..., b0, ...
    """
    points = partition.witnesses
    columns: dict[str, Any] = {
        "code": code_texts(partition.codes, partition.network.program.max_pieces)
    }
    columns |= {f"x{j}": points[:, j] for j in range(points.shape[1])}
    rational = partition.exact_witnesses
    columns["exact_witness"] = [region in rational for region in range(len(partition))]
    if affine:
        A, b = partition.affine_pieces()
        for output in range(A.shape[1]):
            columns |= {f"A{output}_{j}": A[:, output, j] for j in range(A.shape[2])}
        columns |= {f"b{output}": b[:, output] for output in range(b.shape[1])}
    return columns
