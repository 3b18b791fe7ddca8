"""Films: the partitions of several networks, the checkpoints of a training say, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import enumerate_regions
from ..domain import Domain, WholeSpace
from ..errors import DomainError, ParameterError, ShapeError
from ..export.files import by_suffix, check_writable, replaced
from ..mode import guarded
from ..network import Network
from ..texts import plain
from . import movie
from .dispatch import check_dimension, options_of
from .frames import draw_counts, draw_frame
from .library import new_axes, require_matplotlib
from .strip import Strip
from .window import read_window

if TYPE_CHECKING:
    from ..formats.files import PathLike

__all__ = ["Film", "check_film_path", "film"]

_FORMATS = {".gif": "gif", ".html": "html", ".mp4": "mp4"}
_MOST = 2000  # pictures

Tick = Callable[[int, int], None]


@guarded
def film(
    networks: Iterable[Network],
    domain: Domain | None = None,
    *,
    window: Any = None,
    epochs: Sequence[Any] | None = None,
    color: str = "piece",
    edges: str | None = "layer",
    boundary: bool = False,
    points: Any = None,
    progress: Tick | None = None,
) -> Film:
    """Enumerate the regions of several networks, for a film and for curves over training.

    Parameters
    ----------
    networks : iterable of Network
        With equally many inputs; one picture each.
    domain : Domain, optional
        Of one or two dimensions; all of R^D by default.
    window, color, edges, boundary, points
        As for `Partition.plot`; the window and the scale of colours are the same in all pictures.
        Without a window, one that shows every vertex of every network, if the domain is unbounded.
    epochs : sequence, optional
        What the networks are called: numbers, increasing, or texts. 0, 1, 2, ... by default.
    progress : callable, optional
        Called with the networks that are done and how many there are.

    Returns
    -------
    Film
        ``counts``, ``slopes``, ``epochs``; ``save(path)`` as GIF, HTML or MP4; ``curve()``.

    Raises
    ------
    ParameterError
        Without a network, for more than 2,000, and for colours by an array.
    ShapeError
        If the networks do not have equally many inputs, or there is not one epoch for each.
    DomainError
        If the domain has more than two dimensions, or none.

    Notes
    -----
    A region or piece whose code stays the same keeps its colour. Counts are exact.

    Examples
    --------
    >>> import exactspline as es
    >>> nets = [es.Network([es.Dense([[1, 0], [0, 1]], [0, -k]), es.ReLU()], (2,)) for k in (0, 1)]
    >>> found = es.plot.film(nets, es.Box(-1, 1, dim=2))
    >>> found, found.counts.tolist()
    (<Film of 2 pictures, 2 to 4 regions>, [4, 2])
    """
    given = list(networks)
    labels = _labels(given, epochs)
    where = WholeSpace(given[0].input_dim) if domain is None else domain
    check_dimension(given[0], where)
    if where.chart.dim > 2:
        raise DomainError(
            f"film: the domain has dimension {where.chart.dim}; films are of one or two: take a "
            "slice, Slice.through(a, b, c)"
        )
    if not isinstance(color, str):
        raise ParameterError("film: regions change, so colours cannot be given by an array")
    shown = None if window is None else read_window(window, where.chart.dim)
    options = options_of({"color": color, "edges": edges, "boundary": boundary, "points": points})
    partitions = []
    for i, network in enumerate(given):
        if progress is not None:
            progress(i, len(given))
        partitions.append(enumerate_regions(network, where, polygons=True))
    return Film(partitions, labels, shown, options)


@guarded
class Film(Strip):
    """The partitions of several networks on one domain; made by `film`.

    Attributes
    ----------
    partitions : list of Partition
    epochs : list
        What the networks are called.
    counts : int array, shape (pictures,)
        Regions of each, on the whole domain.
    slopes : float64 array, shape (pictures, 3)
        Least, median and greatest spectral norm of the affine maps, over regions.

    Examples
    --------
    >>> import exactspline as es
    >>> nets = [es.Network([es.Dense([[1]], [-k]), es.ReLU()], (1,)) for k in range(3)]
    >>> found = es.plot.film(nets, es.Box([-1], [1]))
    >>> found.counts.tolist(), found.slopes[0].tolist()
    ([2, 1, 1], [0.0, 0.5, 1.0])
    """

    def __repr__(self) -> str:
        low, high = int(self.counts.min()), int(self.counts.max())
        return f"<Film of {len(self):,} pictures, {low:,} to {high:,} regions>"

    def curve(self, ax: Any = None) -> Any:
        """The number of regions against the epoch, as a curve; returns the axes.

        Examples
        --------
        >>> import exactspline as es
        >>> from matplotlib import pyplot
        >>> ax = es.plot.film([es.Network([es.ReLU()], (2,))] * 2).curve()
        >>> ax.lines[0].get_ydata().tolist()
        [4, 4]
        >>> pyplot.close(ax.figure)
        """
        if ax is None:
            ax = new_axes((6.0, 3.6))
        draw_counts(self, ax)
        return ax

    def draw(self, i: int) -> Any:
        """Picture i with the curves below, as a figure of matplotlib.

        Examples
        --------
        >>> import exactspline as es
        >>> figure = es.plot.film([es.Network([es.ReLU()], (2,))]).draw(0)
        >>> len(figure.axes)
        3
        """
        return draw_frame(self, i)

    def save(
        self, path: PathLike, *, fps: float = 4.0, dpi: float = 100.0, progress: Tick | None = None
    ) -> None:
        """Write the film to a file; its extension says how.

        Parameters
        ----------
        path : path-like
            Ends in ``.gif``, ``.html`` (a page with a slider that needs nothing else), or
            ``.mp4`` (needs ffmpeg). An existing file is replaced.
        fps : float
            Pictures a second.
        dpi : float
            Pixels an inch.
        progress : callable, optional
            Called with the pictures that are drawn and how many there are.

        Raises
        ------
        FormatError
            If the extension is not known, the file cannot be written, or ffmpeg is missing.

        Examples
        --------
        >>> import os, tempfile
        >>> import exactspline as es
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "film.gif")
        ...     es.plot.film([es.Network([es.ReLU()], (2,))] * 2).save(path, dpi=40)
        ...     os.path.getsize(path) > 1000
        True
        """
        kind = check_film_path(path)
        write = {"gif": movie.gif_bytes, "html": movie.page_bytes, "mp4": movie.mp4_bytes}[kind]
        data = write(self, fps, dpi, progress)
        with replaced(path) as stream:
            stream.write(data)


def check_film_path(path: PathLike) -> str:
    """Refuse a path that no film can be written to, before work is done; what kind it is.

    Raises
    ------
    FormatError
        If its extension is not known, it cannot be written, or ffmpeg is missing.
    """
    kind = by_suffix(path, _FORMATS, "a film")
    if kind == "mp4":
        movie.require_ffmpeg()
    require_matplotlib()
    check_writable(path)
    return kind


def _labels(networks: list[Network], epochs: Sequence[Any] | None) -> list[Any]:
    """What the networks are called, checked."""
    if not networks:
        raise ParameterError("film: there is no network; give one a picture")
    if len(networks) > _MOST:
        raise ParameterError(
            f"film: {len(networks):,} networks; {_MOST:,} are the most: take every nth"
        )
    for i, network in enumerate(networks):
        if not isinstance(network, Network):
            raise ParameterError(
                f"film: number {i} is {type(network).__name__}; give networks, as load(path) does"
            )
        if network.input_dim != networks[0].input_dim:
            raise ShapeError(
                f"film: network {i} has {network.input_dim} inputs, and the first one "
                f"{networks[0].input_dim}; all must have equally many"
            )
    if epochs is None:
        return list(range(len(networks)))
    if len(epochs) != len(networks):
        raise ShapeError(f"film: {len(epochs):,} epochs of {len(networks):,} networks")
    out: list[Any] = []
    for epoch in epochs:
        if isinstance(epoch, str):
            out.append(plain(epoch)[:60])
        elif isinstance(epoch, int | float | np.number) and np.isfinite(epoch):
            out.append(epoch.item() if isinstance(epoch, np.number) else epoch)
        else:
            raise ParameterError(
                f"film: {plain(repr(epoch))[:40]} is no epoch; give numbers or texts"
            )
    return out
