"""The decision boundary as an object: its pieces, counts, vertices and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..formats.files import PathLike
from ..rationals import format_rational, nearest_float
from .boundary import BoundaryPiece, decision_pieces

if TYPE_CHECKING:
    from .partition import Partition

__all__ = ["DecisionBoundary"]


class DecisionBoundary(Sequence[BoundaryPiece]):
    """The pieces of {f_i = f_j = max f} in a partition; see `Partition.decision_boundary`.

    Attributes
    ----------
    full : list of BoundaryPiece
        Parts of regions, of full dimension, on which outputs are equal and largest. They are
        not counted as pieces.
    """

    def __init__(self, partition: Partition) -> None:
        if not partition.complete:
            raise ParameterError(
                "decision_boundary: the search was stopped, so regions are missing; enumerate "
                "without limits"
            )
        self._partition = partition
        self._pieces: list[BoundaryPiece] = []
        self.full: list[BoundaryPiece] = []
        for piece in decision_pieces(partition):
            (self.full if piece.is_full else self._pieces).append(piece)

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._pieces[index]

    def __repr__(self) -> str:
        more = f", {len(self.full):,} of full dimension" if self.full else ""
        return f"<DecisionBoundary: {len(self):,} pieces{more}>"

    def vertices(self, index: int) -> np.ndarray:
        """The vertices of one piece, exactly: Fractions, shape (vertices, k).

        A piece without bounds has rays, too: they are left out here.
        """
        from .vertices import generators

        piece = self._pieces[index]
        assert piece.equation is not None
        from ..exact.lp import q

        equation = [q(v) for v in piece.equation]
        rows = [[q(v) for v in row] for row in piece.inequalities]
        found = generators([equation, [-v for v in equation], *rows], len(piece.point))
        out = np.empty((len(found.vertices), len(piece.point)), dtype=object)
        for i, vertex in enumerate(found.vertices):
            out[i] = vertex
        return out

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers and "p/q" texts, ready for JSON."""
        network, domain = self._partition.network, self._partition.domain
        return {
            "format": "exactspline decision boundary",
            "version": 1,
            "network_sha256": network.sha256(),
            "domain": domain.describe(),
            "outputs": len(network.program.output),
            "pieces": [_as_dict(piece) for piece in self._pieces],
            "full": [_as_dict(piece) for piece in self.full],
        }

    def save(self, path: PathLike) -> None:
        """Write it: .json (everything, exactly) or .npz (columns of numbers, rounded).

        Raises
        ------
        FormatError
            For another extension, or if the file cannot be written.
        """
        from ..export.files import by_suffix, replaced

        writer = by_suffix(
            path, {".json": self._json, ".npz": self._npz}, "a decision boundary"
        )
        with replaced(path) as stream:
            writer(stream)

    def _json(self, stream: Any) -> None:
        stream.write((json.dumps(self.to_dict(), indent=1) + "\n").encode())

    def _npz(self, stream: Any) -> None:
        every = [*self._pieces, *self.full]
        k = self._partition.domain.chart.dim
        n_classes = max(2, len(self._partition.network.program.output))
        classes = np.zeros((len(every), n_classes), dtype=bool)
        for e, piece in enumerate(every):
            classes[e, list(piece.classes)] = True
        equations = [p.equation or (Fraction(0),) * (k + 1) for p in every]
        np.savez(
            stream,
            classes=classes,
            region=np.array([p.regions[0] for p in every], dtype=np.int64),
            other_region=np.array(
                [p.regions[1] if len(p.regions) == 2 else -1 for p in every], dtype=np.int64
            ),
            dim=np.array([p.dim for p in every], dtype=np.int64),
            changes=np.array([p.changes for p in every], dtype=bool),
            side=np.array([-1 if p.side is None else p.side for p in every], dtype=np.int64),
            point=_floats([p.point for p in every], k),
            equation=_floats(equations, k + 1),
        )


def _floats(rows: Sequence[Sequence[Fraction]], width: int) -> np.ndarray:
    return np.array([[nearest_float(v) for v in row] for row in rows]).reshape(-1, width)


def _as_dict(piece: BoundaryPiece) -> dict[str, Any]:
    def texts(row: Sequence[Fraction]) -> list[str]:
        return [format_rational(v) for v in row]

    return {
        "classes": list(piece.classes),
        "regions": list(piece.regions),
        "dim": piece.dim,
        "changes": piece.changes,
        "side": piece.side,
        "point": texts(piece.point),
        "equation": None if piece.equation is None else texts(piece.equation),
        "inequalities": [texts(row) for row in piece.inequalities],
    }
