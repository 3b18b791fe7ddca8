"""What users hold: a page of one or several partitions, shown in a notebook or saved."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DomainError, ParameterError, ShapeError
from ..export.files import by_suffix, check_writable, replaced
from ..mode import guarded
from ..partition.complex.source import planar_space
from .dataset import dataset
from .pack import Blocks
from .page import page

if TYPE_CHECKING:
    from ..domain import Domain
    from ..formats.files import PathLike
    from ..network.network import Network
    from ..partition.partition import Partition

__all__ = ["Explorer", "check_domain", "explorer_of"]

_MOST_INLINE = 48 << 20  # characters of a page that is shown in a notebook
_HEIGHT = 640


@guarded
class Explorer:
    """A partition to walk through, as one page; made by `Partition.explore` and `explore`.

    Attributes
    ----------
    title : str
    regions : tuple of int
        Of every checkpoint.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
    >>> omega.explore()
    <Explorer of 4 regions>
    """

    def __init__(self, title: str, said: dict[str, Any], texts: list[str]) -> None:
        self.title = title
        self.regions = tuple(int(d["count"]) for d in said["datasets"])
        self._said, self._texts = said, texts

    def __repr__(self) -> str:
        numbers = ", ".join(f"{n:,}" for n in self.regions[:6])
        more = ", ..." if len(self.regions) > 6 else ""
        return f"<Explorer of {numbers}{more} regions>"

    def html(self) -> str:
        """The page as a text.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
        >>> omega.explore().html()[:15]
        '<!doctype html>'
        """
        return "".join(page(self.title, self._said, self._texts))

    def save(self, path: PathLike, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Write the page to a file, which any browser opens, without a network.

        Parameters
        ----------
        path : path-like
            Ends in ``.html``. An existing file is replaced.
        progress : callable, optional
            Called with the columns written and the columns there are.

        Raises
        ------
        FormatError
            If the extension is another one, or the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     omega.explore().save(os.path.join(folder, "omega.html"))
        ...     os.listdir(folder)
        ['omega.html']
        """
        check_path(path)
        with replaced(path) as stream:
            for i, part in enumerate(page(self.title, self._said, self._texts)):
                stream.write(part.encode("utf-8"))
                if progress is not None:
                    progress(min(i, len(self._texts)), len(self._texts))

    def _repr_html_(self) -> str:
        size = sum(map(len, self._texts))
        if size > _MOST_INLINE:
            return (
                f"<p>The page has {size >> 20:,} MiB, too much to be shown here: "
                "<code>explorer.save(&quot;omega.html&quot;)</code> writes it to a file.</p>"
            )
        return (
            '<iframe sandbox="allow-scripts allow-downloads" style="width:100%;border:0" '
            f'height="{_HEIGHT}" title="{html.escape(self.title)}" '
            f'srcdoc="{html.escape(self.html())}"></iframe>'
        )


def check_path(path: PathLike) -> None:
    """Refuse a file that is no .html, or cannot be written."""
    check_writable(path)
    by_suffix(path, {".html": None, ".htm": None}, "the explorer")


def check_domain(network: Network, domain: Domain) -> None:
    """Refuse what is not two-dimensional, before anything is searched.

    Raises
    ------
    DomainError
        With an example of what to do.
    """
    k = domain.chart.dim
    try:
        dim = planar_space(network.program, domain.chart).dim
    except DomainError:
        dim = k
    if dim == 2:
        return
    if dim < 2:
        raise DomainError(
            f"explore: the regions vary in {dim} dimension{'' if dim == 1 else 's'} only, and the "
            "explorer draws two; partition.plot() draws lines"
            if k < 2
            else "explore: all bends are parallel, so that regions are strips of an unbounded "
            "domain; bound it by a box: --box -1 1, or Box(-1, 1, dim=2)"
        )
    raise DomainError(
        f"explore: the domain has dimension {k}, and the explorer draws two; choose a slice: "
        "exactspline explore net.onnx --slice a.npy b.npy c.npy --box 0 1 --out net.html, or "
        "Slice.through(a, b, c, domain=Box(0, 1, dim=2)) in Python"
    )


def explorer_of(
    partitions: Sequence[Partition],
    *,
    labels: Sequence[str] | None = None,
    title: str | None = None,
    image_shape: Sequence[int] | None = None,
    boundary: bool | None = None,
    values: Mapping[str, Any] | None = None,
    watch: Callable[[str], None] = lambda _: None,
) -> Explorer:
    """A page of partitions, with a slider if there are several; see `Partition.explore`."""
    if not partitions:
        raise ParameterError("explore: no network is given; give at least one")
    n = len(partitions)
    if labels is not None and len(labels) != n:
        raise ShapeError(f"explore: {len(labels)} labels for {n} networks; give one each")
    if values and n > 1:
        raise ParameterError("explore: values go with one partition; call its own explore()")
    for partition in partitions:
        if len(partition):
            check_domain(partition.network, partition.domain)
    names = list(map(str, labels)) if labels is not None else [f"{i + 1} of {n}" for i in range(n)]
    blocks = Blocks()
    arrays = {str(k): np.asarray(v) for k, v in (values or {}).items()}
    datasets = [
        dataset(
            partition, blocks, label=name, image=_image(partition.network, image_shape),
            boundary=boundary, values=arrays,
            watch=lambda what, name=name: watch(f"{name}: {what}" if n > 1 else what),  # type: ignore[misc]
        )
        for partition, name in zip(partitions, names, strict=True)
    ]  # fmt: skip
    if len({tuple(d["axes"]) for d in datasets if "axes" in d}) > 1:
        raise DomainError("explore: the networks vary along different coordinates; give a box")
    said_title = title if title is not None else f"{sum(len(p) for p in partitions):,} regions"
    return Explorer(said_title, {"title": said_title, "datasets": datasets}, blocks.texts)


def _image(network: Network, shape: Sequence[int] | None) -> tuple[int, int, int] | None:
    """Channels, rows and columns of an input, if it is an image."""
    given = shape is not None
    own = tuple(int(v) for v in (shape if shape is not None else network.input_shape))
    if len(own) == 2:
        own = (1, *own)
    if len(own) == 3 and own[0] in (1, 3) and min(own) > 0 and math.prod(own) == network.input_dim:
        return own[0], own[1], own[2]
    if given:
        raise ShapeError(
            f"explore: images of shape {own} do not fit {network.input_dim:,} inputs; give rows "
            "and columns, or 1 or 3 channels before them"
        )
    return None
