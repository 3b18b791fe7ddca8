"""The templates of all classes at one input as images, with what each scores; needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LimitError, ParameterError, ShapeError
from ..mode import guarded
from ..network.network import Network
from ..texts import plain
from .library import require_matplotlib
from .palette import LINES

if TYPE_CHECKING:
    from ..theory.filters.matched import Templates

__all__ = ["plot_templates"]

MOST_PANELS = 100
_BARS = 64  # entries of an input that is no image, which are drawn as bars
WINNER, OTHER = LINES[2], "#8c939c"


@guarded
def plot_templates(
    network: Network, x: Any, *, shape: Sequence[int] | None = None, channel: int | None = None,
    classes: Sequence[int] | None = None, labels: Sequence[str] | None = None,
    axes: Sequence[Any] | None = None,
) -> Any:  # fmt: skip
    """Draw the template of every class at one input, and how well the input matches each.

    Parameters
    ----------
    network : Network
    x : array_like
        One input. Of shape (H, W), (1, H, W) or (3, H, W) it is an image; of shape (D,) its
        entries are bars, unless ``shape`` says what image they are.
    shape : sequence of int, optional
        The image's shape, if the network's input is flat: (28, 28).
    channel : int, optional
        Which channel to draw, of an image with other than 1 or 3.
    classes : sequence of int, optional
        Which outputs; all by default.
    labels : sequence of str, optional
        What all outputs are called; their numbers by default. Plain text.
    axes : sequence of matplotlib axes, optional
        Draw into these: the first one gets the input, the others the templates; no scores but
        those above the templates.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError, ParameterError
        If x, shape, channel, classes, labels or axes do not fit, or matplotlib is missing.
    LimitError
        For more than 100 classes: choose some.

    Notes
    -----
    Above each template stands what it scores, <template, x> + bias: f(x) is these numbers. All
    templates share one scale; zero is white (grey in colour images, where red, green and blue
    are shown as they are). The numbers are exact and rounded once, as `Network.templates`
    gives them.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 4.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Flatten(), es.Dense([[1, 2, 3, 4], [0, 0, 1, 0]])], (1, 2, 2))
    >>> figure = plot_templates(net, [[[1, 0], [0, 1]]], labels=["a", "b"])
    >>> [axes.get_title() for axes in figure.axes]
    ['input', 'a: 5', 'b: 0', 'score']
    """
    require_matplotlib()
    if not isinstance(network, Network):
        raise ParameterError(f"plot_templates: give a Network, not a {type(network).__name__}")
    found = network.templates(x)
    chosen = _chosen(found, classes)
    names = _names(found, labels)
    image = _as_image(network, shape, channel)
    values = np.asarray(found.A)[chosen]
    given = _input_of(network, x)
    scores = np.asarray(found.matches + found.b)
    figure, input_axes, panels, score_axes = _panels(axes, len(chosen))
    _draw(input_axes, image(given[None])[0], None)
    input_axes.set_title("input", fontsize=9)
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    input_axes.set_xlabel(f"templates: from {-largest:.3g} to {largest:.3g}", fontsize=8)
    winner = int(np.argmax(scores))
    for panel, row, c in zip(panels, image(values), chosen, strict=False):
        _draw(panel, row, largest)
        panel.set_title(f"{names[c]}: {scores[c]:.3g}", fontsize=9, parse_math=False,
                        color=WINNER if c == winner else "black",
                        fontweight="bold" if c == winner else "normal")  # fmt: skip
    if score_axes is not None:
        _draw_scores(score_axes, found, chosen, names, winner)
    return figure


def _draw(axes: Any, values: np.ndarray, largest: float | None) -> None:
    """One input (largest None) or template: a grey or colour image, or bars."""
    axes.set_xticks([])
    axes.set_yticks([])
    if values.ndim == 1:
        axes.bar(range(len(values)), values, color=OTHER if largest is None else WINNER)
        axes.axhline(0, color="black", linewidth=0.6)
        if largest is not None:
            axes.set_ylim(-1.1 * largest, 1.1 * largest)
        return
    for side in axes.spines.values():
        side.set_linewidth(0.6)
    if values.ndim == 3:
        if largest is None:
            low, high = float(values.min()), float(values.max())
            values = (values - low) / ((high - low) or 1.0)
        else:
            values = 0.5 + values / (2 * largest)
        axes.imshow(np.clip(values, 0, 1), interpolation="nearest")
    elif largest is None:
        axes.imshow(values, cmap="gray_r", interpolation="nearest")
    else:
        axes.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")


def _draw_scores(
    axes: Any, found: Templates, chosen: list[int], names: list[str], winner: int
) -> None:
    """Bars of <template, x> + bias; a line from the bias, where a bar would begin without it."""
    places = np.arange(len(chosen))
    scores = np.asarray(found.matches + found.b)[chosen]
    colours = [WINNER if c == winner else OTHER for c in chosen]
    axes.barh(places, scores, color=colours, height=0.7)
    axes.plot(np.asarray(found.b)[chosen], places, "|", color="black", markersize=6, label="bias")
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(places, [names[c] for c in chosen], fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title("score", fontsize=9)
    axes.set_xlabel("<template, input> + bias", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="best", handletextpad=0.1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _panels(axes: Sequence[Any] | None, n: int) -> tuple[Any, Any, list[Any], Any]:
    """A figure with axes for the input, for every template and for the scores."""
    if axes is not None:
        every = list(np.asarray(axes, dtype=object).reshape(-1))
        if len(every) != n + 1:
            raise ShapeError(
                f"plot_templates: {len(every)} axes; the input and {n} templates need {n + 1}"
            )
        return every[0].figure, every[0], every[1:], None
    from matplotlib import pyplot

    rows = math.ceil(n / max(6, math.ceil(math.sqrt(n))))
    columns = math.ceil(n / rows)
    figure = pyplot.figure(
        figsize=(1.25 * columns + 4.2, max(1.5 * rows, 2.2)), layout="constrained"
    )
    grid = figure.add_gridspec(rows, columns + 2, width_ratios=[1.6, *[1.0] * columns, 1.9])
    first = figure.add_subplot(grid[:, 0])
    panels = [figure.add_subplot(grid[i // columns, 1 + i % columns]) for i in range(n)]
    return figure, first, panels, figure.add_subplot(grid[:, columns + 1])


def _as_image(network: Network, shape: Sequence[int] | None, channel: int | None) -> Any:
    """A function that turns arrays (n, *input_shape) into images or rows of bars."""
    own = tuple(network.input_shape)
    try:
        wanted = own if shape is None else tuple(int(v) for v in shape)
    except (TypeError, ValueError):
        raise ParameterError(f"plot_templates: shape {shape!r}: give whole numbers") from None
    if math.prod(wanted) != math.prod(own) or any(v < 1 for v in wanted):
        raise ShapeError(
            f"plot_templates: shape {wanted} does not hold the {math.prod(own)} entries of an "
            f"input of shape {own}"
        )
    if len(wanted) == 1 and wanted[0] > _BARS:
        raise ShapeError(
            f"plot_templates: the input is flat, with {wanted[0]} entries; say what image it is "
            "by shape=(height, width) or (3, height, width)"
        )
    if len(wanted) > 3:
        raise ShapeError(
            f"plot_templates: an input of shape {wanted} is no image; give shape=(height, width)"
        )
    if len(wanted) < 3:
        if channel is not None:
            raise ParameterError(f"plot_templates: channel: an input of shape {wanted} has none")
        return lambda values: values.reshape(len(values), *wanted)
    n = wanted[0]
    if channel is not None:
        if isinstance(channel, bool) or not 0 <= channel < n:
            raise ParameterError(f"plot_templates: channel {channel!r}: give 0 to {n - 1}")
        return lambda values: values.reshape(len(values), *wanted)[:, int(channel)]
    if n == 1:
        return lambda values: values.reshape(len(values), *wanted[1:])
    if n != 3:
        raise ShapeError(
            f"plot_templates: images with {n} channels have no colours; give channel=0, ..., "
            f"{n - 1}"
        )
    return lambda values: np.moveaxis(values.reshape(len(values), *wanted), 1, -1)


def _input_of(network: Network, x: Any) -> np.ndarray:
    """The input as floats in the network's shape; `Network.templates` has looked at it."""
    from ..evaluate.inputs import Samples

    return Samples(network, x, np.dtype(np.float64)).values.reshape(network.input_shape)


def _chosen(found: Templates, classes: Sequence[int] | None) -> list[int]:
    n = len(found.b)
    try:
        chosen = list(range(n)) if classes is None else [int(c) for c in classes]
    except (TypeError, ValueError):
        raise ParameterError(f"plot_templates: classes {classes!r}: give numbers") from None
    if not chosen or any(not 0 <= c < n for c in chosen):
        raise ParameterError(f"plot_templates: classes: give some of 0 to {n - 1}")
    if len(chosen) > MOST_PANELS:
        raise LimitError(
            f"plot_templates: {len(chosen):,} templates, over the limit of {MOST_PANELS}; choose "
            "some with classes=..."
        )
    return chosen


def _names(found: Templates, labels: Sequence[str] | None) -> list[str]:
    n = len(found.b)
    if labels is None:
        return [str(c) for c in range(n)]
    if isinstance(labels, str) or len(labels) != n:
        raise ShapeError(f"plot_templates: labels: give {n}, one an output")
    return [plain(str(label)) for label in labels]
