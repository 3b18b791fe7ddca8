"""matplotlib, which is an extra: imported where a picture is drawn, or refused with what to do."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError

__all__ = ["new_axes", "require_matplotlib"]


def require_matplotlib() -> Any:
    """The module ``matplotlib``; an error that names the extra if it is missing."""
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ParameterError(
            "pictures need matplotlib: pip install 'exactspline[plot]' "
            f"({' '.join(str(error).split())})"
        ) from None
    return matplotlib


def new_axes(size: tuple[float, float]) -> Any:
    """Axes in a new figure of pyplot, so that notebooks and ``pyplot.show()`` show it."""
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.figure(figsize=size, layout="constrained").add_subplot()
