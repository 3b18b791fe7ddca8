"""The public functions: they wire network, domain, search and partition together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .clock import Clock, OutOfTime
from .domain import Domain, WholeSpace
from .errors import ParameterError, ShapeError
from .mode import checks_itself, guarded
from .network.network import Network

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from .approximation import Approximation
    from .formats.files import PathLike
    from .partition.partition import Partition
    from .partition.regions.region import Region
    from .search.decisions import Batch, Decisions, Stop
    from .search.run import Run, Unprepared
    from .store import StoredRun
    from .tasks.coordinate import TaskRun

    AnyRun: TypeAlias = Run | TaskRun | StoredRun | Unprepared

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
]

Progress = Callable[["AnyRun"], None]


class RegionCount(int):
    """The number of regions, with how it was found.

    It is an ``int``, and carries

    Attributes
    ----------
    complete : bool
        False: the search was stopped, and the number is a certified lower bound.
    certificates : Decisions
        How many decisions each tier proved.
    seconds : float
        Time of the search.
    engine : str
        The engine that ran.
    domain : Domain
    stopped : Stop or None
        Why and where the search was stopped: ``reason``, ``phase`` and ``share`` (of the search
        tree that is done). None if it is complete.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1], [1]], [0, 1, 2]), es.ReLU()], (1,))
    >>> count = es.count_regions(net)
    >>> count + 1, count.complete, count.stopped
    (5, True, None)
    >>> part = es.count_regions(net, limit=3)
    >>> int(part), part.complete, part.stopped.reason
    (3, False, 'limit')
    """

    complete: bool
    certificates: Decisions
    seconds: float
    engine: str
    domain: Domain
    stopped: Stop | None

    @classmethod
    def _of(cls, run: AnyRun, seconds: float, stopped: Stop | None) -> RegionCount:
        out = cls(run.regions)
        out.complete, out.stopped = stopped is None, stopped
        out.certificates = run.decisions
        out.seconds = seconds
        out.engine = run.engine_name
        out.domain = run.domain
        return out


@guarded
def load(path: Any) -> Network:
    """Read a network from a file: ONNX (.onnx), .nnet, .npz or .json.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Network

    Raises
    ------
    FormatError
        If the file cannot be read or is malformed.
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

    return load_file(path)


@guarded
def from_torch(
    module: Any, input_shape: Sequence[int], *, weights: str | os.PathLike[str] | None = None
) -> Network:
    """Take the network of a PyTorch module, in inference (eval) mode.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor, a batch, and gives one. It is traced in a copy: its parameters,
        buffers and training flags stay as they are.
    input_shape : sequence of int
        Without the batch axis; ``(channels, height, width)`` for images.
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
        For what is not piecewise affine or not known: the message has the node of the trace,
        the function, and the module's path. For control flow that depends on the data.
    FormatError
        If the file cannot be read, is no state dict, or does not fit the module; and for
        parameters without values.
    ParameterError
        For NaN and infinite parameters.
    ShapeError
        If shapes do not fit.

    Notes
    -----
    The network is the module's function for a batch of one, with the stored parameters as the
    exact numbers they are: float16, bfloat16, float32, float64; a Python float in the module
    (a slope, eps of batch normalisation) is the double it is. The shape of the input is known
    while tracing, so ``x.size(0)``, ``x.shape`` and loops over them work. Sums and products of
    parameters are computed exactly.

    Examples
    --------
    >>> import torch
    >>> import exactspline as es
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    >>> net = es.from_torch(module, (2,))
    >>> str(net.unit_name(2))
    '1[2]'
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


def _checked(network: Network, domain: Domain | None) -> Domain:
    """The domain to work on; it fits the network."""
    if not isinstance(network, Network):
        raise ShapeError(f"a Network is needed, not a {type(network).__name__}")
    if domain is None:
        domain = WholeSpace(network.input_dim)
    if not isinstance(domain, Domain):
        raise ShapeError(
            f"a domain is needed (Box, Polytope, Slice, WholeSpace), not a {type(domain).__name__}"
        )
    if domain.dim != network.input_dim:
        raise ShapeError(
            f"the domain lies in R^{domain.dim}, but the network has {network.input_dim} inputs "
            f"(shape {network.input_shape})"
        )
    return domain


def _prepared(
    network: Network, domain: Domain | None, limit: int | None, **options: Any
) -> Run:
    from .search.run import Run

    domain = _checked(network, domain)
    if limit is not None:
        if isinstance(limit, bool) or int(limit) != limit or limit < 1:
            raise ParameterError(f"limit {limit!r}: give a whole number of at least 1")
        options["max_regions"] = int(limit)
    return Run(network.program, domain, **options)


def _in_tasks(
    network: Network, run: Run, executor: Executor | None, store: PathLike | None = None, *,
    resume: bool = False, stream: bool = False,
) -> AnyRun:  # fmt: skip
    """The run as tasks for an executor or a store; as it is, if there is neither."""
    if executor is not None:
        from .tasks.workers import check_executor

        check_executor(executor)
    if store is not None:
        from .store import StoredRun

        return StoredRun(network, run, executor, store, resume=resume, stream=stream)
    if executor is None or run.trivial:
        return run
    from .tasks.coordinate import TaskRun

    return TaskRun(network, run, executor)


def _clock(time_limit: float | None) -> Clock:
    """A clock for a time limit that begins now."""
    if time_limit is not None and not time_limit >= 0:
        raise ParameterError(f"time_limit {time_limit!r}: give seconds, at least 0")
    return Clock.limit(time_limit)


def _begun(
    network: Network, domain: Domain, engine: str, clock: Clock, begin: Callable[[], AnyRun]
) -> AnyRun:
    """A run, or what stands for one that the clock has stopped while it was being made."""
    from .search.decisions import LOWERING, PREPARING
    from .search.run import Unprepared

    try:
        with clock.running():
            return begin()
    except OutOfTime:
        phase = PREPARING if "program" in network.__dict__ else LOWERING
        return Unprepared(domain, engine, phase)


def _stop(run: AnyRun, limit: int | None, interrupted: bool) -> Stop | None:
    """Why and where a run has stopped; None if it is complete."""
    from .search.decisions import Stop

    if run.complete and not interrupted:
        return None
    reason = "time limit"
    if interrupted:
        reason = "interrupt"
    elif limit is not None and run.regions >= limit:
        reason = "limit"
    return Stop(reason, run.phase, min(1.0, run.share))


def _searched(
    begin: Callable[[], AnyRun], clock: Clock, limit: int | None, progress: Progress | None,
    take: Callable[[Batch], None] = lambda _: None,
) -> tuple[AnyRun, Stop | None]:  # fmt: skip
    """Begin a run and go through it, until its end, the clock's, or an interrupt.

    The first Ctrl-C asks the search to stop; whatever else raises KeyboardInterrupt once it is
    going on (a handler of the caller's, ``progress``) ends it likewise.
    """
    from .interrupts import Requests

    with Requests(clock) as requests:
        run = begin()
        interrupted = False
        try:
            with closing(run.batches(clock)) as batches:
                for batch in batches:
                    take(batch)
                    if progress is not None:
                        progress(run)
        except KeyboardInterrupt:
            if requests.asked:  # the second one
                raise
            interrupted = True
        asked = requests.asked and not run.complete
    return run, _stop(run, limit, interrupted or asked)


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
        An int with ``complete``, ``stopped``, ``certificates``, ``seconds``, ``engine``,
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
    start = time.perf_counter()
    clock = _clock(time_limit)
    domain = _checked(network, domain)

    def begin() -> AnyRun:
        run = _prepared(network, domain, limit, store=False, engine=engine)
        return _in_tasks(network, run, executor)

    run, stop = _searched(
        lambda: _begun(network, domain, engine, clock, begin), clock, limit, progress
    )
    return RegionCount._of(run, time.perf_counter() - start, stop)


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
) -> Partition | RegionStream:
    """Enumerate the activation regions of a network on a domain, exactly.

    Parameters
    ----------
    network, domain, limit, time_limit, engine, executor, progress
        As in ``count_regions``.
    stream : bool
        True gives a ``RegionStream`` to iterate over, in bounded memory.
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
    Partition or RegionStream
        Regions in lexicographic order of their codes, whatever the engine and the workers. If
        the search was stopped, the first ones of all; ``stopped`` of a partition says where.
        Ctrl-C stops the search as a limit does, and what was found is returned; a second one,
        before that, raises KeyboardInterrupt. It does so at once in a stream.

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
    >>> for region in es.enumerate_regions(net, stream=True):
    ...     print(region.code.tolist())
    [0, 0]
    [1, 0]
    [1, 1]
    """
    from .partition.partition import Partition

    if resume and store is None:
        raise ParameterError("resume=True: give the store to resume from, store=...")

    domain = _checked(network, domain)

    def begin(clock: Clock, *, resume: bool) -> AnyRun:
        def run() -> AnyRun:
            made = _prepared(network, domain, limit, store=True, engine=engine, facets=graph)
            return _in_tasks(network, made, executor, store, resume=resume, stream=stream)

        return _begun(network, domain, engine, clock, run)

    if stream:
        return RegionStream(begin, resume, limit, time_limit, progress)
    start = time.perf_counter()
    clock = _clock(time_limit)
    out = Partition(network, domain)
    run, stop = _searched(
        lambda: begin(clock, resume=resume), clock, limit, progress, out._append
    )
    out._finish()
    out.seconds = time.perf_counter() - start
    out.complete, out.certificates, out.engine = stop is None, run.decisions, run.engine_name
    if store is not None and os.path.exists(store):
        from .store import open_partition

        out = open_partition(store)
    out.stopped = None if out.complete else stop
    return out


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
    from .partition.regions.fan import regions_at as find

    return find(network, x, _checked(network, domain), limit)


class StreamedRegion:
    """One region of a stream: its code and witness (domain coordinates).

    Attributes
    ----------
    index : int
    code : array, shape (units,)
    witness : float64 array, shape (k,)
    exact_witness : tuple of Fraction or None
        Where no float64 point of the region could be proved.
    """

    __slots__ = ("code", "exact_witness", "index", "witness")

    def __init__(
        self, index: int, code: np.ndarray, witness: np.ndarray,
        exact_witness: tuple[Fraction, ...] | None,
    ) -> None:  # fmt: skip
        self.index, self.code, self.witness = index, code, witness
        self.exact_witness = exact_witness


@guarded
class RegionStream:
    """Regions one by one, in order and in bounded memory.

    Attributes
    ----------
    complete : bool
        True once all regions have been seen; until then what was seen is a certified lower
        bound.
    stopped : Stop or None
        Once it has been gone through: why and where a limit stopped it, if one did.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, 1]), es.ReLU()], (1,))
    >>> stream = es.enumerate_regions(net, stream=True)
    >>> [region.code.tolist() for region in stream], stream.complete
    ([[0, 0], [0, 1], [1, 1]], True)
    """

    def __init__(
        self, begin: Callable[..., AnyRun], resume: bool, limit: int | None = None,
        time_limit: float | None = None, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        self._begin, self._limit, self._time_limit = begin, limit, time_limit
        self._run = begin(_clock(time_limit), resume=resume)
        self._used = False
        self._progress = progress
        self.stopped: Stop | None = None

    @property
    def complete(self) -> bool:
        """Whether the stream has come to the end of the search.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.enumerate_regions(es.Network([es.ReLU()], (2,)), stream=True)
        >>> stream.complete, sum(1 for region in stream), stream.complete
        (False, 4, True)
        """
        return self._run.complete

    @property
    def certificates(self) -> Decisions:
        """Proved decisions so far, by tier.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.enumerate_regions(es.Network([es.ReLU()], (2,)), stream=True)
        >>> before, regions = stream.certificates.total, list(stream)
        >>> before, stream.certificates.total >= len(regions)
        (0, True)
        """
        return self._run.decisions

    def batches(self) -> Iterator[Batch]:
        """The same regions in arrays: ``codes``, ``points``, ``exact``.

        Examples
        --------
        >>> import exactspline as es
        >>> stream = es.enumerate_regions(es.Network([es.ReLU()], (2,)), stream=True)
        >>> for batch in stream.batches():
        ...     print(batch.codes.tolist(), batch.points.shape)
        [[0, 0], [0, 1], [1, 0], [1, 1]] (4, 2)
        """
        clock = _clock(self._time_limit)
        if self._used:  # once more, from the beginning
            self.stopped = None
            self._run = self._begin(clock, resume=True)
        self._used = True
        for batch in self._run.batches(clock):
            if self._progress is not None:
                self._progress(self._run)
            if len(batch.codes):
                yield batch
        self.stopped = _stop(self._run, self._limit, interrupted=False)

    @checks_itself  # between two batches entries are only taken out of arrays
    def __iter__(self) -> Iterator[StreamedRegion]:
        index = 0
        for batch in self.batches():
            for i in range(len(batch.codes)):
                yield StreamedRegion(
                    index, batch.codes[i], batch.points[i], batch.exact.get(i)
                )
                index += 1
