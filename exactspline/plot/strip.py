"""What a film shows: the partitions of several networks, what is counted, and what they share."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..mode import guarded
from .colours import colours_of, slopes_of
from .dispatch import cells_of
from .line import line_window
from .plane import check_size
from .window import both

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from .options import Options
    from .window import Window

__all__ = ["Strip"]


@guarded
class Strip:
    """The partitions of several networks on one domain, in order; see `Film`."""

    def __init__(
        self,
        partitions: list[Partition],
        epochs: list[Any],
        window: Window | None,
        options: Options,
    ) -> None:
        self.partitions, self.epochs, self.options = partitions, epochs, options
        self.counts = np.array([len(p) for p in partitions], dtype=np.int64)
        quantiles = [0.0, 0.5, 1.0]
        self.slopes = np.array([np.quantile(slopes_of(p), quantiles) for p in partitions])
        self._window = window

    def __len__(self) -> int:
        return len(self.partitions)

    def title(self, i: int) -> str:
        """What stands above picture i.

        Examples
        --------
        >>> import exactspline as es
        >>> es.plot.film([es.Network([es.ReLU()], (2,))], epochs=["last"]).title(0)
        'last: 4 regions'
        """
        label, n = self.epochs[i], int(self.counts[i])
        name = label if isinstance(label, str) else f"epoch {label}"
        return f"{name}: {n:,} region{'s' if n != 1 else ''}"

    @property
    def flat(self) -> bool:
        """Whether the pictures are of one dimension.

        Examples
        --------
        >>> import exactspline as es
        >>> es.plot.film([es.Network([es.ReLU()], (2,))]).flat
        False
        """
        return self.partitions[0].domain.chart.dim == 1

    @cached_property
    def window(self) -> Window:
        """What all pictures show: the least window that holds that of each.

        Examples
        --------
        >>> import exactspline as es
        >>> nets = [es.Network([es.Dense([[1]], [k]), es.ReLU()], (1,)) for k in (3, 5)]
        >>> es.plot.film(nets).window.describe()
        '[-6.2, -1.8]'
        """
        window = self._window
        if window is None:
            for partition in self.partitions:
                own = line_window(partition, None) if self.flat else cells_of(partition).window
                window = own if window is None else both(window, own)
        assert window is not None
        return window

    @cached_property
    def scale(self) -> tuple[float, float] | None:
        """The ends of the scale of colours in all pictures, if they have one.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (2,))
        >>> es.plot.film([net], es.Box(-1, 1, dim=2), color="active").scale
        (0.0, 2.0)
        """
        ends: list[tuple[float, float]] = []
        for partition in () if self.flat else self.partitions:
            cells = cells_of(partition, self.window)
            check_size(cells, self.options)
            color = self.options.color
            values = colours_of(partition, color, cells.region, cells.centroids).values
            if values is not None and np.isfinite(values).any():
                ends.append((float(np.nanmin(values)), float(np.nanmax(values))))
        return (min(a for a, _ in ends), max(b for _, b in ends)) if ends else None
