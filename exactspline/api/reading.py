"""Networks and partitions from what people have: files, modules, estimators, smooth networks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..domain import Domain
from ..errors import StoreError
from ..mode import guarded
from ..network.network import Network

if TYPE_CHECKING:
    from ..approximation import Approximation
    from ..formats.files import PathLike
    from ..partition.partition import Partition

__all__ = ["approximate", "from_sklearn", "from_torch", "load", "open_partition"]

_SAVED = (".json", ".npz", ".parquet")  # what `Partition.save` writes; all else is a store


@guarded
def load(path: Any, *, output: str | int | None = None, batch: bool = True) -> Network:
    """Read a network from a file: ONNX (.onnx), torch.export (.pt2), .nnet, .npz or .json.

    Parameters
    ----------
    path : str or path-like
    output : str or int, optional
        Which of a model's several outputs is read, by its name or its position (ONNX, .pt2). A
        program of torch.export names them by the keys of a dictionary, or their positions.
    batch : bool
        Whether the first axis of a model's input is the batch axis, if it has several; with
        False it is an axis like others.

    Returns
    -------
    Network
        Of a model with several inputs they stand one after the other; ``net.inputs`` has the
        slice of each.

    Raises
    ------
    FormatError
        If the file cannot be read or is malformed.
    ParameterError
        For options that files of this kind do not have.
    UnsupportedOperatorError
        If it holds an operator that is not supported; the message names it and its node.

    Examples
    --------
    >>> import tempfile, os
    >>> import exactspline as es
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.json")
    ...     es.Network([es.Dense([["1/3", 1]]), es.ReLU()], (2,)).save(path)
    ...     net = es.load(path)
    >>> net
    <Network (2,) -> (1,), 2 operators>
    """
    from ..formats import load as load_file

    return load_file(path, output=output, batch=batch)


@guarded
def from_torch(
    module: Any,
    input_shape: Sequence[int]
    | Sequence[Sequence[int]]
    | Mapping[str, Sequence[int]]
    | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    output: str | int | None = None,
    batch: bool = True,
) -> Network:
    """Take the network of a PyTorch module, in inference (eval) mode, or of a program.

    Parameters
    ----------
    module : torch.nn.Module or torch.export.ExportedProgram
        Takes tensors, each a batch, and gives tensors. A module is exported by ``torch.export``
        in a copy: its parameters, buffers and training flags stay as they are.
    input_shape : sequence of int, or of several of them, or a mapping of names to them, optional
        Without the batch axis; ``(channels, height, width)`` for images. A list of shapes is for
        several inputs, in the order of ``forward``; a dictionary has them by the names of its
        arguments. A program knows them. The whole shape of a program's input says that it has no
        batch axis.
    weights : path-like, optional
        A file with the module's state dict, written by ``torch.save``; it is loaded into the
        copy, with ``weights_only``. Its numbers are taken as they are stored, also where the
        module's own are of another type.
    output : str or int, optional
        Which of several outputs is read: the key of a dictionary (``"scores"``), or the position
        in a tuple; of tuples in dictionaries both (``"boxes.0"``). By default the only one that is
        a float tensor and can be read.
    batch : bool
        Whether shapes have a batch axis in front. With False ``input_shape`` is the whole shape,
        and the first axis is one like others.

    Returns
    -------
    Network
        Operators have the modules' paths as names: "layer1.0.conv1". Several inputs are one, of
        shape (D,): one after the other, each flattened; ``net.inputs`` has the slice of each.

    Raises
    ------
    UnsupportedOperatorError
        For what is not piecewise affine, jumps, or is not known: the message has the node of the
        program, the ATen function, the module's path and the line of your file. For control flow
        that depends on the data, TorchScript and quantized modules.
    FormatError
        If the file cannot be read, is no state dict, or does not fit the module; for parameters
        without values; and if it has no such output, or several and none is named.
    ParameterError
        For NaN and infinite parameters.
    ShapeError
        If shapes do not fit.
    LimitError
        For more than 256 entries that are sorted.

    Warns
    -----
    UserWarning
        If the module is in training mode and does something else then.

    Notes
    -----
    The network is the module's function for a batch of one, with the stored parameters as the
    exact numbers they are: float16, bfloat16, float32, float64; a Python float in the module
    (a slope, eps of batch normalisation) is the double it is. The shape of the input is known, so
    ``x.size(0)``, ``x.shape`` and loops over them work. Sums, products and quotients of parameters
    are computed exactly, other functions of them as torch computes them.

    Examples
    --------
    >>> import torch
    >>> import exactspline as es
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> net = es.from_torch(module, (2,))
    >>> str(net.unit_name(2))
    '1[2]'

    A state dict has numbers alone; with the module it belongs to it is a network:

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "state.pt")
    >>> torch.save(module.state_dict(), path)
    >>> es.from_torch(module, (2,), weights=path).parameters
    9

    Several inputs and outputs:

    >>> class Sums(torch.nn.Module):
    ...     def forward(self, x, y):
    ...         return {"sum": x + y, "largest": torch.maximum(x, y)}
    >>> net = es.from_torch(Sums(), [(2,), (2,)], output="largest")
    >>> net.inputs
    {'x': slice(0, 2, None), 'y': slice(2, 4, None)}
    """
    from ..formats.torch.reader import from_torch as take

    return take(module, input_shape, weights=weights, output=output, batch=batch)


@guarded
def from_sklearn(estimator: Any) -> Network:
    """Take the network of a fitted ``MLPClassifier`` or ``MLPRegressor``.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        After ``fit``. It is not changed.

    Returns
    -------
    Network
        With the fitted weights as exactly what they are. A softmax or logistic function at the
        output is the output operator: ``forward(x, output_operator=True)`` is
        ``predict_proba`` (the probability of the second class for two classes).

    Raises
    ------
    FormatError
        If the estimator is not fitted.
    UnsupportedOperatorError
        If it is another estimator, or has another activation.
    ParameterError
        For weights that are NaN or infinite.

    Notes
    -----
    Hidden logistic and tanh units are not piecewise affine: `exactspline.approximate` replaces
    them.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> import exactspline as es
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 0.0, 1.0]
    >>> mlp = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0).fit(X, y)
    >>> net = es.from_sklearn(mlp)
    >>> [op.kind for op in net.operators]
    ['Dense', 'ReLU', 'Dense']
    >>> bool(abs(net.forward([2.0])[0] - mlp.predict([[2.0]])[0]) < 1e-9)
    True
    """
    from ..formats.sklearn import from_sklearn as take

    return take(estimator)


@guarded
def approximate(network: Network, error: Any, domain: Domain | None = None) -> Approximation:
    """Replace every smooth scalar operator of a network by an affine spline.

    Parameters
    ----------
    network : Network
        With `Sigmoid`, `Tanh`, `Softplus`, `SiLU`, `GELU` or `ELU` operators inside.
    error : number or text
        The largest error of each spline on the interval its units can reach: a sup-norm bound
        a unit, positive.
    domain : Domain, optional
        Where the network is to be approximated; all of R^D by default.

    Returns
    -------
    Approximation
        ``network`` is piecewise affine, ``units`` reports each operator, and ``error`` bounds
        the difference of the outputs.

    Raises
    ------
    UnsupportedOperatorError
        If something that is no scalar function (softmax, say) stands inside the network.
    ParameterError
        If the error is not a positive number.
    LimitError
        If an operator would need more than 10,000 pieces.
    ShapeError, DomainError
        If the domain does not fit the network, or is empty.

    Notes
    -----
    Guarantee: all bounds hold in real arithmetic. Those of the splines are proved in ball
    arithmetic; ranges and errors are carried through the operators in float64 rounded
    outwards. The network's bound grows with the operators' weights, so it can be far above
    the true difference in a deep net.

    All units of an operator share one spline, on the hull of their ranges. Convex operators
    (softplus; ELU with alpha from 0 to 1) become maxima of affine functions (MASOs), the
    others continuous splines (ASOs). With n pieces the error is about
    (integral of sqrt|f''|)^2 / (16 n^2), half of what chords without a shift give. On an
    unbounded range the outer pieces run along the asymptotes.

    An operator g at the output (softmax, log-softmax, sigmoid) stays and is not approximated.

    Cost: some 50 milliseconds a spline at an error of 1e-3, a second at 1e-6, about a
    millisecond a piece beyond; besides, about that of compiling the network.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: convex operators are
    approximated arbitrarily closely by max-affine spline operators.

    de Boor, "A Practical Guide to Splines", 1978, chapter III: the error of a chord,
    h^2 max|f''| / 8, and the best breakpoints.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [2]]), es.Tanh(), es.Dense([[1, -1]])], (1,))
    >>> found = es.approximate(net, error="0.1", domain=es.Box([-1], [1]))
    >>> found.units[0].pieces, float(found.error) < 0.2
    (3, True)
    >>> es.count_regions(found.network, es.Box([-1], [1]))
    5
    """
    from ..approximation import approximate as replace

    return replace(network, error, domain)


@guarded
def open_partition(path: PathLike, network: Network | None = None) -> Partition:
    """Open the partition in a store, or in a file that `Partition.save` has written.

    Parameters
    ----------
    path : path-like
        A store, as given to ``enumerate_regions(..., store=path)`` or ``--store``, of a finished
        run or of one that was stopped; the run may still be going on. Or a ``.json``, ``.npz``
        or ``.parquet`` file of a partition.
    network : Network, optional
        For files of older releases, which do not hold their network; else, that the file has
        this network is checked.

    Returns
    -------
    Partition
        Of all regions, or, ``complete`` being False, of the first ones: in a store those before
        everything that is still to be searched. From a store, codes, witnesses and facets are
        read when they are asked for. From a file all is read at once, and facets are found anew.

    Raises
    ------
    StoreError
        If there is no store, or it is damaged, or of a newer release.
    FormatError
        If a file is malformed, too large, or no partition, or if what it says of a region is not
        so.

    Notes
    -----
    Opening a store reads an index of 8192 regions an entry. Going through the regions in order
    takes memory for a few such chunks; ``edges``, ``locate`` and ``linear_regions`` take some
    dozens of bytes a region. The file must stay where it is. What is read is checked: checksums
    find damage, and numbers out of range are refused. Regions that somebody has made up on purpose
    are not found out.

    Of a file, every region is proved again: its witness lies strictly inside the cell of its
    code (some 100,000 regions a second). That no region is missing is the writer's word.

    Examples
    --------
    >>> import os, tempfile
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    >>> name = os.path.join(tempfile.mkdtemp(), "omega.sqlite")
    >>> omega = es.enumerate_regions(net, store=name)
    >>> es.open_partition(name).codes.tolist()
    [[0, 0], [1, 0], [1, 1]]
    >>> omega.save(name + ".npz")
    >>> es.open_partition(name + ".npz").codes.tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    if os.path.splitext(os.fsdecode(path))[1].lower() in _SAVED:
        from ..export.reading import read_partition

        return read_partition(path, network)
    from ..store import open_partition as read

    partition = read(path)
    if network is not None and network.program.sha256() != partition.network.program.sha256():
        raise StoreError(f"{os.fsdecode(path)}: its network is another one than that given")
    return partition
