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


def new_axes(size: tuple[float, float], *, pyplot: bool = True) -> Any:
    """Axes in a new figure: of pyplot, so that notebooks and ``pyplot.show()`` show it, or not."""
    mpl = require_matplotlib()
    if not pyplot:
        return mpl.figure.Figure(figsize=size, layout="constrained").add_subplot()
    from matplotlib import pyplot as plt

    return plt.figure(figsize=size, layout="constrained").add_subplot()
