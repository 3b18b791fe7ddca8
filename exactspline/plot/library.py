"""matplotlib, which is an extra: imported where a picture is drawn, or refused with what to do."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError

__all__ = ["new_axes", "require_matplotlib"]


def require_matplotlib() -> Any:
    """The module ``matplotlib`` with what pictures need; an error that names the extra.

    Raises
    ------
    ParameterError
        If it is missing.
    """
    try:
        import matplotlib.collections
        import matplotlib.colors
        import matplotlib.figure
        import matplotlib.lines
        import matplotlib.patches
        import matplotlib.patheffects
    except ImportError as error:
        raise ParameterError(
            "pictures need matplotlib: pip install 'exactspline[plot]' "
            f"({' '.join(str(error).split())})"
        ) from None
    return matplotlib


def new_axes(
    size: tuple[float, float],
    room: tuple[float, float, float, float] = (0.75, 0.95, 0.25, 0.5),
    *,
    pyplot: bool = True,
) -> Any:
    """Axes in a new figure: of pyplot, so that notebooks and ``pyplot.show()`` show it, or not.

    Parameters
    ----------
    size : pair of float
        Of the axes, in inches.
    room : four floats
        Inches to the left, below, to the right and above.
    pyplot : bool
    """
    mpl = require_matplotlib()
    (width, height), (left, below, right, above) = size, room
    whole = left + width + right, below + height + above
    place = left / whole[0], below / whole[1], width / whole[0], height / whole[1]
    if not pyplot:
        return mpl.figure.Figure(figsize=whole).add_axes(place)
    from matplotlib import pyplot as plt

    return plt.figure(figsize=whole).add_axes(place)
