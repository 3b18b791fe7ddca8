"""Windows in a sparse matrix: rows that read other entries in the same way (`kernel.windows`).

Nothing here knows a convolution. Rows that read the same entries are a tile; tiles with the same
weights, whose entries and rows are those of another tile moved along, are one *window* at several
positions. A tile that only lacks entries (at a padded edge) is the same window, where it reads
zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Window", "find_windows"]

_GATHER = 12  # products that take as long as bringing a vector together from a list
_FEWEST = 4  # positions of a window, before those are joined that lack entries
_TRIES = 8  # windows that a smaller one is compared with


@dataclass
class Window:
    """Rows of a matrix at some positions.

    Attributes
    ----------
    weights : array, shape (taps, rows)
    const : array, shape (rows,)
    offsets, rows : int64 arrays
        Entries that the taps read, and the rows, at a position of base 0 and row 0.
    base, row : int64 arrays, shape (positions,)
    missing : bool array, shape (positions, taps)
    tiles : list of arrays
        The matrix's rows at every position.
    direct : list of (base, row)
        Vectors of positions that follow one another; see `cut`.
    listed : list of (entries (taps, lanes), rows (lanes,))
        Vectors of the others.
    """

    weights: np.ndarray
    const: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray
    base: np.ndarray
    row: np.ndarray
    missing: np.ndarray
    tiles: list[np.ndarray]
    direct: list[tuple[int, int]] = field(default_factory=list)
    listed: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def cut(self, lanes: int, zero: int) -> None:
        """Cut the positions into vectors of ``lanes``; entry ``zero`` of a state is zero.

        The last vector of a run begins early, and lists are filled up with their last position:
        what is computed twice is the same.
        """
        order = np.argsort(self.row, kind="stable")
        base, row = self.base[order], self.row[order]
        whole = np.all(~self.missing[order], axis=1)
        follows = (np.diff(base) == 1) & (np.diff(row) == 1) & whole[1:] & whole[:-1]
        rest: list[int] = []
        begin = 0
        for end in (np.flatnonzero(np.append(~follows, True)) + 1).tolist():
            if end - begin >= lanes and whole[begin]:
                starts = [*range(begin, end - lanes, lanes), end - lanes]
                self.direct += [(int(base[i]), int(row[i])) for i in starts]
            else:
                rest += range(begin, end)
            begin = end
        for i in range(0, len(rest), lanes):
            own = order[rest[i : i + lanes]]
            own = np.append(own, np.repeat(own[-1:], lanes - len(own)))
            entries = np.where(self.missing[own].T, zero, self.base[own] + self.offsets[:, None])
            self.listed.append((entries, self.row[own]))

    def is_worth(self) -> bool:
        """Whether vectors are faster than one product after the other."""
        rows = len(self.rows)
        listed = len(self.listed) * (rows + -(-rows // 8) * _GATHER)
        return len(self.direct) * rows + listed < 1.5 * rows * len(self.base)


def find_windows(
    indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, const: np.ndarray, lanes: int,
    zero: int,
) -> tuple[list[Window], np.ndarray]:  # fmt: skip
    """Windows in a matrix by rows, cut into vectors, and the rows that belong to none."""
    alike: dict[bytes, list[int]] = {}
    starts = indptr.tolist()
    for i in range(len(starts) - 1):
        alike.setdefault(indices[starts[i] : starts[i + 1]].tobytes(), []).append(i)
    groups: dict[bytes, list[tuple[int, np.ndarray]]] = {}
    for own in alike.values():
        rows = np.array(own)
        columns = indices[starts[own[0]] : starts[own[0] + 1]]
        if len(columns) == 0:
            continue
        weights = data[indptr[rows][:, None] + np.arange(len(columns))]
        shape = np.array([len(columns), len(rows)])
        key = b"".join(
            part.tobytes()
            for part in (shape, columns - columns[0], rows - rows[0], weights, const[rows])
        )
        groups.setdefault(key, []).append((int(columns[0]), rows))
    windows: list[Window] = []
    by_tap: dict[bytes, list[Window]] = {}
    # the widest first: a window at the edge of an image lacks entries of one inside of it
    for tiles in sorted(groups.values(), key=lambda tiles: -_width(tiles, starts)):
        rows = tiles[0][1]
        first = data[indptr[rows]].tobytes()  # the weights of the first tap
        wider = by_tap.get(first, [])[:_TRIES]
        if not wider and len(tiles) < _FEWEST:
            continue
        window = _window(tiles, starts, indices, data, const)
        if any(_joined(other, window) for other in wider) or len(tiles) < _FEWEST:
            continue
        windows.append(window)
        for tap in {row.tobytes() for row in window.weights}:
            by_tap.setdefault(tap, []).append(window)
    for window in windows:
        window.cut(lanes, zero)
    windows = [window for window in windows if window.is_worth()]
    rest = np.ones(len(const), dtype=bool)
    for window in windows:
        rest[np.concatenate(window.tiles)] = False
    return windows, np.flatnonzero(rest)


def _width(own: list[tuple[int, np.ndarray]], starts: list[int]) -> int:
    """How many entries a tile reads."""
    row = int(own[0][1][0])
    return starts[row + 1] - starts[row]


def _window(
    own: list[tuple[int, np.ndarray]], starts: list[int], indices: np.ndarray, data: np.ndarray,
    const: np.ndarray,
) -> Window:  # fmt: skip
    rows = own[0][1]
    columns = indices[starts[rows[0]] : starts[rows[0] + 1]]
    weights = np.stack([data[starts[i] : starts[i + 1]] for i in rows.tolist()], axis=1)
    return Window(
        weights, const[rows], columns - columns[0], rows - rows[0],
        np.array([base for base, _ in own]), np.array([tile[0] for _, tile in own]),
        np.zeros((len(own), len(columns)), dtype=bool), [tile for _, tile in own],
    )  # fmt: skip


def _joined(large: Window, small: Window) -> bool:
    """Join a window that only lacks taps of another one to it, if it does."""
    if not (np.array_equal(large.rows, small.rows) and np.array_equal(large.const, small.const)):
        return False
    taps = {offset: t for t, offset in enumerate(large.offsets.tolist())}
    first = np.flatnonzero(np.all(large.weights == small.weights[0], axis=1))
    for move in large.offsets[first].tolist():
        found = [taps.get(offset + move, -1) for offset in small.offsets.tolist()]
        if min(found) >= 0 and np.array_equal(large.weights[found], small.weights):
            missing = np.ones((len(small.base), len(large.offsets)), dtype=bool)
            missing[:, found] = False
            large.base = np.concatenate([large.base, small.base - move])
            large.row = np.concatenate([large.row, small.row])
            large.missing = np.concatenate([large.missing, missing])
            large.tiles += small.tiles
            return True
    return False
