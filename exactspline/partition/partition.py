"""A partition: all regions of a network on a domain, in columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..formats.files import PathLike
from ..frames import Framed
from ..later import in_later_room
from ..mode import guarded
from .complex.spatial import SpatialRegions

if TYPE_CHECKING:
    import networkx

    from .faces.boundary import DecisionBoundary
    from .faces.euler import EulerReport
    from .faces.faces import Faces
    from .pieces.symbolic import SymbolicNetwork
    from .points.locate import Locations, Locator

__all__ = ["Partition"]


@guarded
class Partition(SpatialRegions, Framed):
    """The activation regions of a network on a domain, in lexicographic order of their codes.

    Attributes
    ----------
    network : Network
    domain : Domain
    complete : bool
        Whether these are all regions. If not, their number is a certified lower bound.
    decisions : Decisions
        How many decisions each tier proved.
    seconds : float
        Time of the search.
    engine : str
    stopped : Stop or None
        Why and where the search was stopped, if it was: ``reason``, ``phase`` and ``share`` (of
        the search tree that is done). None also where that is not known: in a partition that was
        opened from a store.
    exact_witnesses : dict of int to tuple of Fraction
        Rational witnesses (domain coordinates) of the regions that hold no float64 point
        that could be proved; their row of ``witnesses`` is the nearest float64 point only.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    >>> omega = es.enumerate_regions(net, es.Box([-2], [2]))
    >>> len(omega), omega.codes.tolist()
    (3, [[0, 0], [1, 0], [1, 1]])
    """

    def _repr_html_(self) -> str:
        text: str = in_later_room("Partition._repr_html_", self)
        return text

    def _frame(self, *, affine: bool = False) -> dict[str, Any]:  # type: ignore[override]
        from .columns.frame import region_columns

        return region_columns(self, affine=affine)

    def locate(self, X: Any, *, domain_coordinates: bool = False) -> Locations:
        """Find the regions of points.

        Parameters
        ----------
        X : array_like, shape (n, D) or (n, *input_shape)
            Inputs: floats (as the dyadic rationals they are), Fractions, texts. One point
            counts as a batch of one.
        domain_coordinates : bool
            True: X has the domain's coordinates t, shape (n, k): for slices and other domains
            of lower dimension, whose points float64 rarely holds.

        Returns
        -------
        Locations
            ``region`` (ids, -1 outside the domain), ``on_boundary``, and ``all(i)``: the ids of
            all regions whose closure holds point i.

        Raises
        ------
        ShapeError
            If the shape does not fit.
        ParameterError
            For NaN, infinities and what is no number.

        Notes
        -----
        Exact: float64 settles only what error bounds prove, and the rest goes to rationals.
        Millions of points a minute off the boundaries of a small net; points on boundaries
        cost about a millisecond and more each. In a stopped search (``complete`` False) a
        region that it has not reached counts as outside.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
        >>> found = es.enumerate_regions(net, es.Box([-2], [2])).locate([[-1], [1], [3]])
        >>> found.region.tolist(), found.on_boundary.tolist(), found.all(1)
        ([0, 1, -1], [False, True, False], (1, 2))
        """
        return self._locator(X, domain_coordinates=domain_coordinates)

    @cached_property
    def _locator(self) -> Locator:
        from .points.locate import Locator

        _ = self._exact_forms, self._code_index  # shared with it
        return Locator(self._apart())

    def to_sympy(self) -> SymbolicNetwork:
        """The network on the domain as one sympy ``Piecewise`` an output, exactly.

        Returns
        -------
        SymbolicNetwork
            ``symbols`` and ``map``, a column ``Matrix`` of Piecewise (of the expression itself
            where one map holds on all of R^k).

        Raises
        ------
        LimitError
            For more than 300 regions, or more facets or coefficients than sympy can take in.
        ParameterError
            If the search was stopped: the formula would hold on a part of the domain only.

        Notes
        -----
        Symbols are x0, x1, ... for the inputs; on a slice or another domain of lower dimension
        t0, t1, ..., the domain's coordinates. Output by output, regions with one map are merged
        where their union is convex (all that are connected at once, else two by two as long as
        there are two). Conditions are those of the closures, one inequality a facet, those of the
        domain among them: outside the domain the formula is undefined. To evaluate it,
        ``xreplace`` is fast; ``subs`` takes sympy minutes where there are several symbols and more
        than a few regions.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2]], [1]), es.ReLU()], input_shape=(1,))
        >>> symbolic = es.enumerate_regions(net).to_sympy()
        >>> print(symbolic.map[0])
        Piecewise((0, -2*x0 - 1 >= 0), (2*x0 + 1, 2*x0 + 1 >= 0))
        """
        from .pieces.symbolic import to_sympy

        return to_sympy(self)

    def to_latex(self) -> str:
        r"""The network on the domain as cases in LaTeX, if they fit on a page.

        Returns
        -------
        str
            For a mathematics environment: the branches of `to_sympy`, every inequality in whole
            numbers.

        Raises
        ------
        LimitError
            For more than 300 regions or 4,000 characters; the message has the size.
        ParameterError
            If the search was stopped.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2]], [1]), es.ReLU()], input_shape=(1,))
        >>> print(es.enumerate_regions(net).to_latex())
        f(x) = \begin{cases}
        0 & \text{if } 2 x_{0} \leq -1 \\
        2 x_{0} + 1 & \text{if } 2 x_{0} \geq -1
        \end{cases}
        """
        text: str = in_later_room("Partition.to_latex", self)
        return text

    def faces(self) -> Faces:
        """All faces of the complex that the regions' closures form, of every dimension.

        Returns
        -------
        Faces
            Relatively open faces, disjoint, whose union is the domain: ``dim``, ``point(i)``
            (exact, in the relative interior), ``star(i)`` (the regions whose closures hold
            it), ``sides(i)`` (those of the domain that are tight on it), ``f_vector()``.

        Raises
        ------
        ParameterError
            If the search was stopped.
        LimitError
            For more than a million faces of single regions, more than 16 dimensions, or
            regions with too many vertices.

        Notes
        -----
        For small partitions: some milliseconds a region in two or three dimensions, from exact
        vertices. The domain may be unbounded; then there may be no vertices at all.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
        >>> faces = es.enumerate_regions(net, es.Box([-1, -1], [1, 1])).faces()
        >>> faces.f_vector(), faces.f_vector(interior=True)
        ((9, 12, 4), (1, 4, 4))
        >>> inner = next(face for face in faces if len(face.star) == 4)
        >>> inner.dim, inner.star, inner.point
        (0, (0, 1, 2, 3), (Fraction(0, 1), Fraction(0, 1)))
        """
        return self._faces

    @cached_property
    def _faces(self) -> Faces:
        from .faces.faces import partition_faces

        return partition_faces(self)

    def euler_characteristic(self, interior: bool = False) -> int:
        """The alternating sum of the numbers of faces of every dimension.

        Parameters
        ----------
        interior : bool
            True: without the faces in the domain's border.

        See Also
        --------
        check_euler : What it must be.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.euler_characteristic()  # 1 - 4 + 4
        1
        """
        return self.faces().euler_characteristic(interior)

    def check_euler(self) -> EulerReport:
        """Check the Euler relation: a test of the enumeration from the faces' numbers alone.

        Returns
        -------
        EulerReport
            Both sides of each relation, and ``holds``. It is true as a bool if it holds.

        Raises
        ------
        ParameterError, LimitError
            As for `faces`.

        Notes
        -----
        The alternating sum over relatively open faces is

        - over the faces in the domain's interior: (-1)^k;
        - over all faces: (-1)^l if the domain's recession cone is a linear space of dimension
          l. That is 1 for a bounded domain and (-1)^k for all of R^k;
        - over all faces of any other unbounded domain (a half-space, an orthant): 0.

        Each facet must lie in the closures of two regions, or of one in the border. The
        reasons are in ``exactspline.partition.faces.euler``. Faces are found from the codes alone,
        region by region, by double description: neither the search's linear programs nor
        `edges` have a part in it.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
        >>> print(es.enumerate_regions(net, es.Box([-1, 0], [1, float("inf")])).check_euler())
        all faces: 3 - 5 + 2 = 0, as it must be
        interior faces: 0 - 1 + 2 = 1, as it must be
        """
        from .faces.euler import euler_report

        return euler_report(self.faces(), self._exact_forms.domain_rows)

    def decision_boundary(self) -> DecisionBoundary:
        """The decision boundary of the network as a classifier: {f_i = f_j = max f}.

        Returns
        -------
        DecisionBoundary
            One row a piece, a polyhedron in the closure of a region: ``region``, ``i``, ``j``,
            ``classes(n)`` (all that tie), ``row(n)`` (f_i - f_j), ``witness(n)``,
            ``inequalities(n)``, ``vertices(n)``, ``changes``; ``to_dict()``, ``save(path)``.

        Raises
        ------
        LimitError
            In more than 60 dimensions.

        Notes
        -----
        The classes are f's outputs, flattened; with one output they are 0 (f < 0) and 1
        (f > 0). f is the network without its output operator: softmax and the sigmoid keep
        the order of the outputs, so they move no boundary (a sigmoid above 1/2 is f > 0).

        Pieces have dimension k - 1. Each is the whole set inside one region where exactly
        these classes tie for the greatest output, whether two or more. One that lies in a
        facet between two regions is reported once, with both, also if one class wins on both
        sides and the tie is only touched (``changes`` False). Where outputs are equal and the
        greatest on a set with interior, that set is a piece of dimension k; its own faces are
        no further pieces unless another class ties there. Ties of dimension k - 2 or less that
        are in no piece's closure (f = |x| + |y| is zero at a point) are not reported.

        All decisions are exact. About a millisecond or a few a region in two dimensions.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 1]], [-1])], (1,))
        >>> boundary = es.enumerate_regions(net).decision_boundary()  # |x| = 1
        >>> len(boundary), boundary.region.tolist()
        (2, [0, 1])
        >>> boundary.witness(0), boundary.winners(0)
        ((Fraction(-1, 1),), ((0,), (1,)))
        """
        from .faces.boundary import decision_boundary

        return decision_boundary(self)

    def adjacency_graph(self, *, exact: bool = False) -> networkx.Graph:
        """The adjacency of the regions as a networkx graph, built from `edges`.

        Parameters
        ----------
        exact : bool
            True gives witnesses and normals as Fractions, at some 100 microseconds an edge.
            False gives float64 numbers, those of ``edges.normals`` and ``edges.witnesses``.

        Returns
        -------
        networkx.Graph
            Nodes are the regions' ids, with ``code`` (a text: a character a unit) and
            ``witness``. Edges have ``units`` (the positions in the code of the units that
            flip; several where hyperplanes coincide), ``normal`` (of the facet; it points to
            the region with the larger id) and ``witness`` (in its relative interior), both in
            the domain's coordinates. ``graph.graph`` names the network, the domain and what is
            counted; docs/exports.md has all keys.

        Notes
        -----
        Facets in the domain's border are no edges: see `borders`. An edge's exact witness is
        proved to lie on its facet, which float64 rarely can. A region's witness is one in every
        case: rational where no float64 point would do.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1], [2]], [0, -1, -2]), es.ReLU()], (1,))
        >>> graph = es.enumerate_regions(net).adjacency_graph(exact=True)
        >>> graph.nodes[0]["code"], graph.number_of_edges()
        ('000', 2)
        >>> graph.edges[1, 2]["units"], graph.edges[1, 2]["witness"]
        ((1, 2), (Fraction(1, 1),))
        """
        from .graph.adjacency import adjacency_graph

        return adjacency_graph(self, exact=exact)

    def explore(
        self,
        *,
        title: str | None = None,
        image_shape: Sequence[int] | None = None,
        boundary: bool | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> Any:
        """The partition of a two-dimensional domain as a page to walk through, in a browser.

        Parameters
        ----------
        title : str, optional
        image_shape : sequence of int, optional
            (rows, columns), or channels before them: inputs are shown as images. By default of
            inputs that have such a shape.
        boundary : bool, optional
            Whether the decision boundary is found; by default where few regions can meet it.
        values : mapping of str to array_like, optional
            Further quantities to colour by, one number a region.

        Returns
        -------
        Explorer
            Shows itself in a notebook; ``save("omega.html")`` writes one file that needs no
            network.

        Raises
        ------
        DomainError
            If the domain is not two-dimensional: take a slice.
        ParameterError
            If the search was stopped.
        LimitError
            For more than four million regions.

        Notes
        -----
        Which face lies where, what bends on an edge, and the decision boundary are exact;
        coordinates, maps and colours are float64 and float32. Some seconds for 100,000 regions;
        docs/explore.md has figures, and what the page can do.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
        >>> omega.explore(title="four squares")
        <Explorer of 4 regions>
        """
        return in_later_room(
            "Partition.explore", self, title=title, image_shape=image_shape, boundary=boundary,
            values=values,
        )  # fmt: skip

    def save(
        self,
        path: PathLike,
        *,
        edges: bool = False,
        affine: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Write the partition to a file; its extension says how.

        Parameters
        ----------
        path : path-like
            Ends in ``.json`` (all numbers exact, "p/q"), ``.npz`` (arrays) or ``.parquet`` (a
            table of the regions; needs the extra ``parquet``). An existing file is replaced.
        edges : bool
            Write the edges and the facets in the domain's border, too; not for ``.parquet``.
        affine : bool
            Write every region's affine map: exactly to ``.json``, else in float64.
        progress : callable, optional
            Called now and then with the rows written and the rows there are.

        Raises
        ------
        FormatError
            If the extension is not known, the file cannot be written, or pyarrow is missing.

        Notes
        -----
        The file is written under a scratch name in the same folder and then moved into place:
        a run that fails leaves what was there. Rows are written in chunks. Equal partitions
        give equal files, byte for byte. The forms are described in docs/exports.md.

        Examples
        --------
        >>> import json, os, tempfile
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([["1/3"]], ["1"]), es.ReLU()], (1,))
        >>> name = os.path.join(tempfile.mkdtemp(), "omega.json")
        >>> es.enumerate_regions(net, es.Box([-5], [1])).save(name, affine=True)
        >>> with open(name) as stream:
        ...     value = json.load(stream)
        >>> value["count"], [region["A"] for region in value["regions"]]
        (2, [[['0']], [['1/3']]])
        """
        in_later_room("Partition.save", self, path, edges=edges, affine=affine, progress=progress)

    def save_graph(
        self,
        path: PathLike,
        *,
        exact: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Write the adjacency graph to a file; its extension says how.

        Parameters
        ----------
        path : path-like
            Ends in ``.graphml``, ``.gexf``, ``.dot``, ``.json`` (node-link form of networkx),
            ``.npz`` (arrays) or ``.parquet`` (a table of the facets; needs the extra
            ``parquet``). An existing file is replaced.
        exact : bool
            True writes the edges' normals and witnesses as "p/q", at some 100 microseconds an
            edge. False writes float64 decimals. An ``.npz`` file has float64 arrays anyway.
        progress : callable, optional
            Called now and then with the rows written and the rows there are.

        Raises
        ------
        FormatError
            If the extension is not known, the file cannot be written, or pyarrow is missing.

        Notes
        -----
        As for `save`: scratch name, chunks, equal files for equal graphs.

        Examples
        --------
        >>> import os, tempfile
        >>> import networkx
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([["1/3"]], ["1"]), es.ReLU()], (1,))
        >>> name = os.path.join(tempfile.mkdtemp(), "graph.graphml")
        >>> es.enumerate_regions(net, es.Box([-5], [1])).save_graph(name)
        >>> networkx.read_graphml(name, node_type=int).edges[0, 1]["witness"]
        '-3'
        """
        in_later_room("Partition.save_graph", self, path, exact=exact, progress=progress)

    def plot(
        self,
        ax: Any = None,
        *,
        color: Any = "piece",
        window: Any = None,
        edges: str | None = "layer",
        labels: Any = None,
        boundary: bool = False,
        graph: bool = False,
        witnesses: bool = False,
        points: Any = None,
        highlight: Any = None,
        outputs: Any = None,
        legend: bool = True,
        rasterised: bool = False,
        **more: Any,
    ) -> Any:
        """Draw the partition: in one dimension the graph of f, in two the regions as polygons.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure of pyplot by default.
        color : str or array_like
            By affine "piece" (default), "region", "slope" (the spectral norm of the affine map
            along the domain), "output" or "output 3" (its value at the centroid), "active" (units
            not on their lowest piece); any colour of matplotlib for all; or an array with one
            value a region: floats get a scale, up to 8 different integers or texts a legend.
        window : pair (low, high) or Box, optional
            What to show, in the domain's coordinates; exact numbers. By default the domain, or
            if it is unbounded what holds every vertex; the picture says so.
        edges : str or None
            "layer" (thick lines for the first layer, thinner ones for deeper), "plain", "none".
        labels : str or sequence, optional
            "region" (numbers), "code", or one text a region, where there is room.
        boundary : bool
            The decision boundary, exactly.
        graph : bool
            The adjacency graph, over the regions.
        witnesses : bool
            The regions' witnesses.
        points : array_like, shape (n, k), or a pair of it and n classes
            Sample points, in the domain's coordinates.
        highlight : int, str, or a sequence of them
            Units whose bent lines are shown, by position in the code or by name.
        outputs : int or sequence of int, optional
            In one dimension: which outputs; all by default.
        legend : bool
            Whether scales and legends are drawn.
        rasterised : bool
            Polygons and lines as pixels also in SVG and PDF, and more of them than fit in memory.
        **more
            Options of pictures in three dimensions.

        Returns
        -------
        Picture
            ``ax``, ``figure``, ``window``, ``cells`` (what is drawn, as arrays), ``artists``,
            ``legend``, ``colorbar``, ``notes``; ``save(path)`` for PNG, SVG, PDF and HTML.

        Raises
        ------
        ParameterError
            If matplotlib is missing, or for an option that is not known.
        DomainError
            In more than three dimensions, and for a window that is none.
        ShapeError
            For an array that does not fit.
        LimitError
            For more than 400,000 polygons, unless ``rasterised``.

        Notes
        -----
        Guarantee: polygons and edges are those of `complex`; what the window cuts is cut in
        rationals. Corners are rounded to float64 when they are drawn. Colours by piece and region
        follow from codes alone, so the same code has the same colour in the next checkpoint; of
        twelve colours, two neighbours may have the same one. A stopped search is drawn as far as
        it is known. Some seconds for 100,000 polygons.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
        >>> picture = es.enumerate_regions(net, es.Box(-1, "1/2", dim=2)).plot(color="slope")
        >>> picture
        <Picture: 6 regions of [-1, 1/2]^2>
        >>> sorted(picture.cells.polygons()[5].tolist())
        [[0.0, 0.0], [0.0, 0.5], [0.5, 0.0], [0.5, 0.5]]
        >>> picture.close()
        """
        return in_later_room(
            "Partition.plot", self, ax, window=window, color=color, edges=edges, labels=labels,
            boundary=boundary, graph=graph, witnesses=witnesses, points=points,
            highlight=highlight, outputs=outputs, legend=legend, rasterised=rasterised, **more,
        )  # fmt: skip
