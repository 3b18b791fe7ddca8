"""The public functions: they wire network, domain, search and partition together."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .domain import Domain
from .driver.driver import Driver
from .driver.outcome import RegionCount
from .driver.request import Request, checked_domain, clock_of
from .driver.stream import RegionStream
from .errors import ParameterError
from .mode import guarded
from .network.network import Network

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from .approximation import Approximation
    from .driver.request import AnyRun
    from .formats.files import PathLike
    from .partition.partition import Partition
    from .partition.regions.region import Region

__all__ = [
    "RegionCount",
    "RegionStream",
    "approximate",
    "count_regions",
    "enumerate_regions",
    "from_sklearn",
    "from_torch",
    "load",
    "open_partition",
    "regions_at",
    "stream_regions",
]

Progress = Callable[["AnyRun"], None]


@guarded
def load(path: Any, *, output: str | None = None, batch: bool = True) -> Network:
    """Read a network from a file: ONNX (.onnx), .nnet, .npz or .json.

    Parameters
    ----------
    path : str or path-like
    output : str, optional
        Which of the several outputs of an ONNX model is read, by its name.
    batch : bool
        Whether the first axis of an ONNX model's input is the batch axis, if it has several;
        with False it is an axis like others.

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
    from .formats import load as load_file

    return load_file(path, output=output, batch=batch)


@guarded
def from_torch(
    module: Any,
    input_shape: Sequence[int] | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
) -> Network:
    """Take the network of a PyTorch module, in inference (eval) mode, or of a program.

    Parameters
    ----------
    module : torch.nn.Module or torch.export.ExportedProgram
        Takes one tensor, a batch, and gives one. A module is exported by ``torch.export`` in a
        copy: its parameters, buffers and training flags stay as they are.
    input_shape : sequence of int, optional
        Without the batch axis; ``(channels, height, width)`` for images. A program knows it.
        The whole shape of a program's input says that there is no batch axis.
    weights : path-like, optional
        A file with the module's state dict, written by ``torch.save``; it is loaded into the
        copy, with ``weights_only``. Its numbers are taken as they are stored, also where the
        module's own are of another type.

    Returns
    -------
    Network
        Operators have the modules' paths as names: "layer1.0.conv1".

    Raises
    ------
    UnsupportedOperatorError
        For what is not piecewise affine, jumps, or is not known: the message has the node of the
        program, the ATen function, the module's path and the line of your file. For control flow
        that depends on the data, TorchScript and quantized modules.
    FormatError
        If the file cannot be read, is no state dict, or does not fit the module; and for
        parameters without values.
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
    """
    from .formats.torch.reader import from_torch as take

    return take(module, input_shape, weights=weights)


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
    from .formats.sklearn import from_sklearn as take

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
    from .approximation import approximate as replace

    return replace(network, error, domain)


@guarded
def count_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    limit: int | None = None,
    time_limit: float | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> RegionCount:
    """Count the activation regions of a network on a domain, exactly.

    Parameters
    ----------
    network : Network
    domain : Domain, optional
        All of R^D by default: no artificial box.
    limit : int, optional
        Stop after so many regions; the result is then a certified lower bound.
    time_limit : float, optional
        Stop after so many seconds, likewise: the larger of a tenth and a second later at most,
        counted from the call, whatever the search is doing then.
    engine : str
        "auto", "kernel" (Numba), "highs" (for wide inputs) or "rational" (slow reference).
    executor : concurrent.futures.Executor, optional
        Has its workers search: processes, or a cluster (``client.get_executor()`` of
        dask.distributed). The count is the same, in any case. It is not shut down.
    progress : callable, optional
        Called now and then with the run (``regions``, ``share``).

    Returns
    -------
    RegionCount
        An int with ``complete``, ``stopped``, ``decisions``, ``seconds``, ``engine``,
        ``domain``. Ctrl-C stops the search as a limit does, and the count so far is returned
        (``stopped.reason`` is "interrupt"); a second Ctrl-C, before that, raises
        KeyboardInterrupt as usual.

    Raises
    ------
    ShapeError
        If domain and network do not fit.
    DomainError
        If the domain is empty.
    WorkerError
        If the executor is gone, or its workers fail again and again.
    UnsupportedOperatorError
        With an executor, for operators that are none of exactspline's own.

    Notes
    -----
    Guarantee: the count is that of the exact real function with the stored parameters; every
    decision is proved. Memory does not grow with the count. An activation region is the
    interior, relative to the domain, of a set of points with the same code ("proper
    activation regions" in Stargalla, Hertrich and Reichman 2025).

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], input_shape=(2,))
    >>> es.count_regions(net)
    6
    """
    clock = clock_of(time_limit)
    request = Request(
        network, checked_domain(network, domain), limit, engine, keep=False, executor=executor
    )
    return RegionCount._of(Driver(request, clock).go(progress=progress))


@guarded
def enumerate_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    limit: int | None = None,
    time_limit: float | None = None,
    engine: str = "auto",
    stream: bool = False,
    graph: bool = False,
    executor: Executor | None = None,
    store: PathLike | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Partition:
    """Enumerate the activation regions of a network on a domain, exactly.

    Parameters
    ----------
    network, domain, limit, time_limit, engine, executor, progress
        As in ``count_regions``.
    stream : bool
        Deprecated: `stream_regions` gives a ``RegionStream`` to iterate over.
    graph : bool
        Find the regions' facets in the same search; without it they are searched for when
        ``edges``, ``borders`` or ``adjacency_graph()`` are first asked for.
    store : path-like, optional
        Keep the run in this file (SQLite): memory stays bounded, and after a crash, Ctrl-C, or
        a limit, it can be resumed. ``limit`` then counts what the file holds. The partition
        that is returned reads from it, as that of `open_partition` does.
    resume : bool
        Go on with the run in ``store``, if there is one; a finished one is only opened.

    Returns
    -------
    Partition
        Regions in lexicographic order of their codes, whatever the engine and the workers. If
        the search was stopped, the first ones of all; ``stopped`` of a partition says where.
        Ctrl-C stops the search as a limit does, and what was found is returned; a second one,
        before that, raises KeyboardInterrupt.

    Raises
    ------
    ShapeError, DomainError, WorkerError, UnsupportedOperatorError
        As ``count_regions``.
    StoreError
        If the file is there and not to be resumed, belongs to another run or is in use, and
        if it cannot be written: what was stored before stays readable.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs()], input_shape=(1,))
    >>> es.enumerate_regions(net).codes.tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    request = _request(network, domain, limit, engine, graph, executor, store, resume)
    if stream:
        warnings.warn(
            "enumerate_regions(stream=True) is deprecated: call stream_regions instead",
            DeprecationWarning, stacklevel=4,
        )  # fmt: skip
        return RegionStream(  # type: ignore[return-value]
            replace(request, stream=True), time_limit, progress
        )
    from .driver.partitions import enumerated

    return enumerated(request, clock_of(time_limit), progress)


@guarded
def stream_regions(
    network: Network,
    domain: Domain | None = None,
    *,
    limit: int | None = None,
    time_limit: float | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
    store: PathLike | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> RegionStream:
    """Enumerate the activation regions one by one, in bounded memory.

    Parameters
    ----------
    network, domain, limit, time_limit, engine, executor, store, resume, progress
        As in ``enumerate_regions``.

    Returns
    -------
    RegionStream
        To iterate over, once or more often: regions in lexicographic order of their codes.
        Ctrl-C raises KeyboardInterrupt at once.

    Raises
    ------
    ShapeError, DomainError, WorkerError, UnsupportedOperatorError, StoreError
        As ``enumerate_regions``.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.Abs()], input_shape=(1,))
    >>> for region in es.stream_regions(net):
    ...     print(region.code.tolist())
    [0, 0]
    [1, 0]
    [1, 1]
    """
    request = _request(network, domain, limit, engine, False, executor, store, resume)
    return RegionStream(replace(request, stream=True), time_limit, progress)


def _request(
    network: Network, domain: Domain | None, limit: int | None, engine: str, facets: bool,
    executor: Executor | None, store: PathLike | None, resume: bool,
) -> Request:  # fmt: skip
    if resume and store is None:
        raise ParameterError("resume=True: give the store to resume from, store=...")
    return Request(
        network, checked_domain(network, domain), limit, engine, facets=facets,
        executor=executor, store=store, resume=resume,
    )  # fmt: skip


@guarded
def open_partition(path: PathLike) -> Partition:
    """Open the partition in a store, of a finished run or of one that was stopped.

    Parameters
    ----------
    path : path-like
        As given to ``enumerate_regions(..., store=path)`` or ``--store``. The run may still
        be going on.

    Returns
    -------
    Partition
        Of all regions, or, ``complete`` being False, of the first ones: those before
        everything that is still to be searched. Codes, witnesses and facets are read when they
        are asked for.

    Raises
    ------
    StoreError
        If there is no store, or it is damaged, or of a newer release.

    Notes
    -----
    Opening reads an index of 8192 regions an entry. Going through the regions in order takes
    memory for a few such chunks; ``edges``, ``locate`` and ``linear_regions`` take some dozens
    of bytes a region. The file must stay where it is. What is read is checked: checksums find
    damage, and numbers out of range are refused. Regions that somebody has made up on purpose
    are not found out.

    Examples
    --------
    >>> import os, tempfile
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    >>> name = os.path.join(tempfile.mkdtemp(), "omega.sqlite")
    >>> omega = es.enumerate_regions(net, store=name)
    >>> es.open_partition(name).codes.tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    from .store import open_partition as read

    return read(path)


@guarded
def regions_at(
    network: Network, x: Any, domain: Domain | None = None, *, limit: int = 10_000
) -> list[Region]:
    """All regions whose closure holds a point, without enumerating the partition.

    Parameters
    ----------
    network : Network
    x : array_like
        An input, in the network's input shape or flat: floats (as the dyadic rationals they
        are), Fractions, or texts such as ``"0.1"`` and ``"1/3"`` (exactly).
    domain : Domain, optional
        All of R^D by default.
    limit : int
        The most regions to give.

    Returns
    -------
    list of Region
        In lexicographic order of their codes; a single one unless the point is on a boundary
        between regions. They have no ids.

    Raises
    ------
    DomainError
        If the point is not in the domain, or the domain is empty.
    ShapeError
        If the point or the domain does not fit the network.
    ParameterError
        For NaN, infinities and what is no number.
    LimitError
        If more than ``limit`` regions meet at the point.

    Notes
    -----
    Guarantee: exact. Off the boundaries the cost is one evaluation of the network in
    rationals. On a boundary the fan of cones at the point is searched, depth first, by exact
    linear programs: where k generic hyperplanes meet in R^k there are 2^k regions.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], input_shape=(2,))
    >>> [region.code.tolist() for region in es.regions_at(net, [1, "0.5"])]
    [[1, 1, 1]]
    >>> [region.code.tolist() for region in es.regions_at(net, [1, -1])]
    [[1, 0, 0], [1, 0, 1]]
    """
    from .partition.regions.at import regions_at as find

    return find(network, x, checked_domain(network, domain), limit)
