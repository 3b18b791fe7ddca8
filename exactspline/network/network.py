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
