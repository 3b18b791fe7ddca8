"""A picture that was drawn: its axes, what is on them, and how it becomes a file."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..export.files import by_suffix, check_writable, replaced
from ..mode import guarded
from ..texts import plain

if TYPE_CHECKING:
    from ..formats.files import PathLike
    from .cells import Cells
    from .window import Window

__all__ = ["Picture", "check_path"]

_FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf", ".html": "html"}
PAGES = {".htm": "html", ".html": "html"}  # in three dimensions
_DPI = 150
_DRAWN = 20_000  # polygons of a page that are drawn as vectors; beyond, it holds a PNG

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.4 sans-serif; margin: 1.5em auto; max-width: 60em; padding: 0 1em; color: #222;
  background: #fff; }}
svg, img {{ max-width: 100%; height: auto; }}
figcaption {{ color: #555; font-size: 90%; }}
</style>
</head>
<body>
<figure>
{picture}
<figcaption>{caption}</figcaption>
</figure>
</body>
</html>
"""


@guarded
@dataclass
class Picture:
    """A picture of a partition; made by `Partition.plot`.

    Attributes
    ----------
    ax : matplotlib Axes
    figure : matplotlib Figure
    window : Window
        What of the domain is shown, exactly.
    cells : Cells or None
        The polygons and edges that are drawn; None in one dimension.
    notes : list of str
        What is to be known about the picture: how its window was chosen, what is left out.
    artists : dict of str to matplotlib artists
        What was drawn: "regions", "layer 1", "boundary", "graph", ...
    legend, colorbar : matplotlib Legend and Colorbar, or None

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    >>> picture = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).plot(color="active")
    >>> picture.cells, sorted(picture.artists)
    (<6 polygons in [-1, 1] x [-1, 1]>, ['layer 1', 'regions'])
    >>> picture.close()
    """

    ax: Any
    window: Window
    cells: Cells | None = None
    description: str = ""
    notes: list[str] = field(default_factory=list)
    artists: dict[str, Any] = field(default_factory=dict)
    legend: Any = None
    colorbar: Any = None

    def __repr__(self) -> str:
        return f"<Picture: {self.description}>"

    @property
    def figure(self) -> Any:
        """The figure that the axes are in.

        Examples
        --------
        >>> import exactspline as es
        >>> picture = es.enumerate_regions(es.Network([es.ReLU()], (2,))).plot()
        >>> picture.figure is picture.ax.get_figure()
        True
        >>> picture.close()
        """
        return self.ax.get_figure()

    def save(self, path: PathLike, *, dpi: float = _DPI) -> None:
        """Write the picture to a file; its extension says how.

        Parameters
        ----------
        path : path-like
            Ends in ``.png``, ``.svg``, ``.pdf``, or ``.html`` (a page that holds the picture and
            needs nothing else). An existing file is replaced.
        dpi : float
            Pixels an inch, of what has pixels.

        Raises
        ------
        FormatError
            If the extension is not known, or the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> import exactspline as es
        >>> picture = es.enumerate_regions(es.Network([es.ReLU()], (2,))).plot()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     picture.save(os.path.join(folder, "quadrants.svg"))
        ...     os.listdir(folder)
        ['quadrants.svg']
        >>> picture.close()
        """
        kind = by_suffix(path, _FORMATS, "a picture")
        check_writable(path)
        data = self._page(dpi) if kind == "html" else self._bytes(kind, dpi)
        with replaced(path) as stream:
            stream.write(data)

    def close(self) -> None:
        """Forget the figure, if pyplot holds it: many pictures would stay in memory.

        Examples
        --------
        >>> import exactspline as es
        >>> es.enumerate_regions(es.Network([es.ReLU()], (2,))).plot().close()
        """
        from matplotlib import pyplot

        pyplot.close(self.figure)

    def _bytes(self, kind: str, dpi: float) -> bytes:
        """The figure as a file: equal pictures give equal bytes."""
        import matplotlib

        meta = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        out = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "exactspline", "svg.fonttype": "path"}):
            self.figure.savefig(
                out, format=kind, dpi=dpi, metadata=meta[kind], bbox_inches="tight", pad_inches=0.06
            )  # all that is drawn, and no more
        return out.getvalue()

    def _page(self, dpi: float) -> bytes:
        """The picture inside a page, which needs no other file."""
        title = html.escape(plain(self.description))
        if self.cells is not None and len(self.cells) > _DRAWN:
            data = base64.b64encode(self._bytes("png", dpi)).decode("ascii")
            inner = f'<img alt="{title}" src="data:image/png;base64,{data}">'
        else:
            text = self._bytes("svg", dpi).decode("utf-8")
            label = f'<svg role="img" aria-label="{title}" '
            inner = text[text.index("<svg") :].replace("<svg ", label, 1)
        caption = html.escape(plain(". ".join([self.description, *self.notes])))
        return _PAGE.format(title=title, picture=inner, caption=caption).encode("utf-8")


def check_path(path: PathLike, dim: int = 2) -> None:
    """Refuse a path that no picture can be written to, before work is done for it.

    Raises
    ------
    FormatError
        If its extension is not known, or it cannot be written.
    """
    if dim < 3:
        by_suffix(path, _FORMATS, "a picture")
    else:
        by_suffix(path, PAGES, "a picture in three dimensions")
    check_writable(path)
