"""A network: a graph of operators, its layers as the theory has them, and its files."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from ..later import in_later_room
from ..mode import guarded
from .layers import NetworkLayer, layers_of
from .operator_graph import OperatorGraph

__all__ = ["Network", "NetworkLayer"]


@guarded
class Network(OperatorGraph):
    """A piecewise-affine network: the exact real function that its stored parameters define.

    Parameters
    ----------
    operators : sequence of Operator, Branches or Residual
        Applied one after the other. An empty sequence is the identity.
    input_shape : sequence of int
        Without a batch axis; ``(D,)`` for D inputs, channels first for images.

    Attributes
    ----------
    nodes : tuple of Node
        The affine spline f, in the order in which it is evaluated.
    output_nodes : tuple of Node
        The output operator g, if there is one: a softmax, log-softmax or sigmoid after f, and
        what only moves or scales its values. It is no part of the partition.
    output_shape : tuple of int
        Of f.
    inputs : dict of str to slice
        Where the inputs of a model with several stand among the D coordinates, by their names;
        empty for a network with one input.

    Raises
    ------
    ShapeError
        If two operators do not fit; the message names the operator and both shapes. If an
        operator that joins several values (`Add`, `Concat`, `Maximum`, `Minimum`) stands in the
        list itself, as in the ``operators`` of a residual network, which do not say what is
        joined: that takes a `Residual`, `Branches` or `from_nodes`.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    >>> net.forward([3.0])
    array([3., 2.])
    """

    def _repr_html_(self) -> str:
        text: str = in_later_room("Network._repr_html_", self)
        return text

    @cached_property
    def layers(self) -> tuple[NetworkLayer, ...]:
        """The layers of the theory: one nonlinear operator with the affine ones before it.

        Returns
        -------
        tuple of NetworkLayer
            Each says itself as a spline: ``layer.as_maso()``, ``layer.as_aso()``. A residual
            block is one layer; affine operators at the end are a last, affine layer.

        Notes
        -----
        Not the layers of the program, whose units are sorted by depth. Every operator is
        compiled once to see whether it has units.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> Network([Dense([[1], [2]]), ReLU(), Dense([[1, 1]])], (1,)).layers
        (<layer 1 (Dense, ReLU): (1,) -> (2,)>, <layer 2 (Dense): (2,) -> (1,)>)
        """
        return layers_of(self)

    @cached_property
    def sha256(self) -> str:
        """Hash of the file it was loaded from, or of the program of a network made in Python.

        Examples
        --------
        >>> from exactspline import Network, ReLU
        >>> one, two = Network([ReLU()], (2,)), Network([ReLU()], (2,))
        >>> one.sha256 == two.sha256, len(one.sha256)
        (True, 64)
        """
        return self._file_sha256 or self.program.sha256()

    def templates(self, x: Any, *, exact: bool = False) -> Any:
        """The templates that an input is matched against, in the input's shape.

        Parameters
        ----------
        x : array_like
            One input: floats (as the dyadic rationals they are), Fractions, texts.
        exact : bool
            True gives Fractions; False rounds each exact number once to float64.

        Returns
        -------
        Templates
            ``A``, shape (C, *input_shape): one template an output; ``b`` and ``matches``, shape
            (C,), so that f(x) = matches + b; ``code`` and ``on_boundary``.

        Raises
        ------
        ShapeError, ParameterError
            If x does not fit, or holds NaN.

        Notes
        -----
        `exactspline.theory.templates` as a method: A is the matrix A[x] of the region of x, found
        exactly. Off boundaries a template is the gradient of its output. For many inputs at once,
        in float64, see `exactspline.affine_maps`.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Flatten(), es.Dense([[1, 2, 3, 4], [0, 0, 1, 0]])], (1, 2, 2))
        >>> found = net.templates([[[1, 0], [0, 1]]])
        >>> found.A.shape, found.A[0, 0].tolist(), found.matches.tolist()
        ((2, 1, 2, 2), [[1.0, 2.0], [3.0, 4.0]], [5.0, 0.0])
        """
        return in_later_room("Network.templates", self, x, exact=exact)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as JSON; nothing is rounded.

        Parameters
        ----------
        path : path-like
            Ends in ``.json``; overwritten if it exists.

        Raises
        ------
        FormatError
            For another extension, and if the file cannot be written.

        See Also
        --------
        to_onnx

        Examples
        --------
        >>> import os, tempfile
        >>> from exactspline import Dense, Network, load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "net.json")
        ...     Network([Dense([["1/3"]])], (1,)).save(path)
        ...     load(path).forward([1], exact=True).tolist()
        [Fraction(1, 3)]
        """
        in_later_room("Network.save", self, path)

    def to_onnx(self, path: str | os.PathLike[str], *, rounded: bool = False) -> None:
        """Write the network as an ONNX model.

        Parameters
        ----------
        path : path-like
            Overwritten if it exists.
        rounded : bool
            Allow parameters that float64 cannot hold to be rounded.

        Raises
        ------
        ParameterError
            If a parameter would be rounded and that is not allowed.
        FormatError
            If the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> from exactspline import Dense, Network, ReLU, load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "net.onnx")
        ...     Network([Dense([[1.5]]), ReLU()], (1,)).to_onnx(path)
        ...     load(path)
        <Network (1,) -> (1,), 2 operators>
        """
        in_later_room("Network.to_onnx", self, path, rounded=rounded)

    def to_sympy(self, x: Any = None) -> Any:
        """The network as one nested sympy expression an output, exactly.

        Parameters
        ----------
        x : array_like of sympy expressions or numbers, optional
            What stands for the inputs, of shape (D,) or of the input's shape: real expressions,
            floats (as the dyadic rationals they are), Fractions, texts. Symbols x0, x1, ... by
            default.

        Returns
        -------
        SymbolicNetwork
            ``symbols`` (what stands for the inputs) and ``map``, a column ``Matrix`` of the
            outputs, flattened: of f, before a softmax or sigmoid at the end.

        Raises
        ------
        LimitError
            If the formula, every unit written out where it is read, has over 20,000 terms.
        ShapeError, ParameterError
            If x does not fit, or holds what is no real number or expression.

        See Also
        --------
        Partition.to_sympy : the same function as cases, one a region.

        Notes
        -----
        Maxima are ``Max``, minima ``Min``, an absolute value ``Abs``; a convex scalar spline is the
        maximum of its pieces, a concave one their minimum, any other one a ``Piecewise``. Numbers
        are exact rationals. Sympy does not simplify the expressions on the way, which it may
        take long for. To evaluate them, ``xreplace`` is fast, or give numbers as ``x``.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2], [1]], [1, 0]), es.ReLU(), es.Dense([[1, -1]])], (1,))
        >>> net.to_sympy().map[0]
        -Max(0, x0) + Max(0, 2*x0 + 1)
        >>> net.to_sympy(["1/3"]).map[0]
        4/3
        """
        return in_later_room("Network.to_sympy", self, x)

    def to_latex(self) -> str:
        r"""The network as a nested formula in LaTeX, if it fits on a page.

        Returns
        -------
        str
            For a mathematics environment; several outputs are ``aligned``.

        Raises
        ------
        LimitError
            For formulas of more than 400 terms or 4,000 characters; the message has the size.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2]], ["1/3"]), es.ReLU()], (1,))
        >>> print(net.to_latex())
        f(x) = \max\left(0, 2 x_{0} + \frac{1}{3}\right)
        """
        text: str = in_later_room("Network.to_latex", self)
        return text

    def to_cvxpy(self, x: Any, domain: Any, *, time_limit: float | None = None) -> Any:
        """The network as an exact mixed-integer model for cvxpy.

        Parameters
        ----------
        x : cvxpy.Expression
            Of the network's input shape, or flat of D entries.
        domain : Domain
            Bounded; the model keeps x in it.
        time_limit : float, optional
            Seconds for the bounds in all. Without one they are the tightest there are.

        Returns
        -------
        MixedInteger
            ``output`` (a cvxpy expression, flat), ``constraints``, ``binaries``, ``bounds``.

        Raises
        ------
        ShapeError
            If x or the domain does not fit.
        DomainError
            If the domain is empty or not bounded.
        LimitError
            For networks of more than 2,000 units, maxima of too many members, or a time limit that
            is too short for any bound.

        Notes
        -----
        A unit that has one affine piece on the domain needs no binary. Each other one is the
        largest (or smallest) of its pieces: y >= g_p for all p, y <= g_p + M_p (1 - z_p), binaries
        that add up to 1, and M_p the largest value of max_q g_q - g_p on the domain, which
        is proved (as `exactspline.output_range` proves it): no smaller one is right. With a limit
        M_p is a certified upper bound.

        The model is exact up to its numbers, which are rounded once to float64, M upwards, and to
        the tolerances of the solver.

        Examples
        --------
        >>> import cvxpy as cp
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, -2]])], (2,))
        >>> x = cp.Variable(2)
        >>> model = net.to_cvxpy(x, es.Box(-1, 1, dim=2))
        >>> best = cp.Problem(cp.Maximize(model.output[0]), model.constraints).solve(solver="HIGHS")
        >>> round(float(best), 6), sum(b.size for b in model.binaries)
        (2.0, 2)
        """
        return in_later_room("Network.to_cvxpy", self, x, domain, time_limit=time_limit)
