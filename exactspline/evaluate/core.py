"""A network ready to be evaluated: which pass runs, and what is made of it."""

from __future__ import annotations

import math
import weakref
from contextlib import suppress
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import LimitError, ParameterError, ShapeError
from ..mode import checks_itself, guarded, is_standard
from ..network.network import Network
from ..partition.pieces.vanishing import backwards_is_safe
from ..texts import no_network
from .fast import FastPass, OneSample, all_finite
from .inputs import Samples
from .levels import Rounded
from .maps import maps_by_prefixes
from .plain import BeyondRangeError, PlainPass
from .plan import Plan, make_plan
from .result import Forward, LayerValues
from .settle import Settler
from .threads import checked_threads

__all__ = ["ForwardCore", "core_of"]

MOST_BYTES = 2**32  # of the arrays that one call returns
_LOADING = 3e8  # multiplications that take NumPy longer than loading kernels
_ENGINES = ("auto", "numba", "numpy")
_ARRAY, _BYTES, _empty = np.ndarray, np.dtype(np.uint8), np.empty  # looked up at every sample


@guarded
class ForwardCore:
    """A network prepared for passes over samples.

    Parameters
    ----------
    network : Network
    dtype : data type
        float32 or float64: of inputs, values and maps, and of all arithmetic.
    engine : str
        "numpy", "numba" (kernels are loaded or compiled when it is made), or "auto": kernels
        once a batch is worth loading them.
    threads : int, optional
        Of the Numba passes; all cores by default. BLAS has its own.

    Raises
    ------
    ParameterError
        For other types and engines; for "numba", if a unit has more than 256 pieces.

    Notes
    -----
    A core is not for several threads at once: single samples share buffers.

    See Also
    --------
    exactspline.prepare : the usual way to make one.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
    >>> core = es.ForwardCore(net)  # es.prepare(net) also loads the kernels
    >>> core.forward([[1, 2], [3, 1]]).tolist()
    [[3.0], [6.0]]
    """

    def __init__(
        self, network: Network, dtype: Any = np.float64, engine: str = "auto",
        threads: int | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(network, Network):
            raise ShapeError(no_network(network))
        if engine not in _ENGINES:
            raise ParameterError(f"engine {engine!r}: give one of {', '.join(_ENGINES)}")
        self.network, self.dtype = network, _checked_dtype(dtype)
        self.threads = checked_threads(threads)
        self.program = network.program
        self.engine = engine
        self._plain = PlainPass(self.program, self.dtype)
        self._beyond = _beyond_range(self._plain, self.dtype)
        self._settler = Settler(self.program)
        self._plan: Plan | None = None
        self._fast: FastPass | None = None
        self._sample: OneSample | None = None
        self._wide: ForwardCore | None = None  # the same in float64
        self._shapes = {network.input_shape, (network.input_dim,)}
        self._flat_output = len(network.output_shape) == 1
        self._code_type = np.dtype(np.min_scalar_type(max(0, int(self.program.max_pieces) - 1)))
        if engine == "numba":
            self.load()
            if self._plan is None and not self._beyond:
                raise ParameterError(
                    "the Numba passes take units of at most 256 pieces; give engine='numpy'"
                    if _have_kernels()
                    else "the Numba passes have not been tried with this release of Numba, or "
                    "EXACTSPLINE_PLAIN_KERNELS is set; give engine='numpy'"
                )

    def __repr__(self) -> str:
        return f"<ForwardCore of {self.network!r}, {self.dtype}, {self.engine}>"

    def load(self) -> None:
        """Load the kernels now, or compile them if this machine never did.

        Examples
        --------
        >>> import exactspline as es
        >>> core = es.ForwardCore(es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,)))
        >>> core.load()  # kernels and tables: later calls do not wait for them
        >>> core.forward([2, 1]).tolist()
        [1.0]
        """
        fast = self._load()
        if fast is not None:
            self._sample = fast.one_sample()
            fast.load()

    # --- One sample --------------------------------------------------------------------------

    @checks_itself  # and as fast as can be: kernels ask nothing of NumPy's settings
    def point(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Value and code of one sample, with the least overhead.

        Parameters
        ----------
        x : array
            Of the input shape, or flat. An array of the core's type is taken as it is.

        Returns
        -------
        value : array, shape output_shape
        code : array, shape (units,)

        Raises
        ------
        ShapeError, ParameterError
            As `run`; also for a batch.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1.0], [-1.0]]), es.ReLU()], (1,))
        >>> core = es.prepare(net)
        >>> value, code = core.point([2.0])
        >>> value.tolist(), code.tolist()
        ([2.0, 0.0], [1, 0])
        """
        one = self._sample
        # the kernel looks at the length, at the entries, and at the floating-point mode itself
        if one is not None and type(x) is _ARRAY and x.ndim == 1 and x.dtype is one.dtype:
            values, code = _empty(one.outputs, one.dtype), _empty(one.units, _BYTES)
            if one.kernel(one.table, x, values, code):
                if self._flat_output:
                    return values, code
                return values.reshape(self.network.output_shape), code
        return self._otherwise(x)

    @checks_itself
    def _otherwise(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """One sample in another shape, type or floating-point mode, or none that can be taken."""
        if not is_standard():
            return guarded(self.point)(x)
        if (
            self._fast is not None and not self._beyond and type(x) is np.ndarray
            and x.dtype == self.dtype and x.shape in self._shapes
        ):  # fmt: skip
            if self._sample is None:
                self._sample = self._fast.one_sample()
            one, flat = self._sample, np.array(x, self.dtype, order="C").reshape(-1)
            values, code = np.empty(one.outputs, one.dtype), np.empty(one.units, np.uint8)
            if one.kernel(one.table, flat, values, code):
                return values.reshape(self.network.output_shape), code
        return self._one(x)

    @guarded
    def _one(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        samples = Samples(self.network, x, self.dtype)
        if not samples.single:
            raise ShapeError(
                f"point: one input of shape {self.network.input_shape} is needed; give batches "
                "to forward, codes or run"
            )
        out = self._pass(samples, maps=False, proved=False, exact=False, layers=False)
        return out.values.reshape(self.network.output_shape), out.codes[0]

    # --- Batches -----------------------------------------------------------------------------

    def forward(self, X: Any, *, output_operator: bool = False, return_layers: bool = False) -> Any:
        """Values of samples; see `exactspline.forward`.

        Examples
        --------
        >>> import exactspline as es
        >>> core = es.ForwardCore(es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,)))
        >>> core.forward([[2, 1], [1, 2]]).tolist()
        [[1.0], [0.0]]
        """
        samples = Samples(self.network, X, self.dtype)
        if return_layers:
            out = self._pass(samples, maps=False, proved=False, exact=False, layers=True)
            values, layers = self._shaped(out.values, samples, output_operator), out.layers
            assert layers is not None
            if samples.single:
                layers = tuple(LayerValues(a[0], c[0]) for a, c in layers)
            return values, layers
        self._check_room(len(samples), self.network.output_dim * self.dtype.itemsize)
        values = np.empty((len(samples), self.network.output_dim), self.dtype)
        self._values(samples, values, None, None)
        return self._shaped(values, samples, output_operator)

    def codes(self, X: Any, *, exact: bool = False) -> np.ndarray:
        """Codes of samples; see `exactspline.codes`.

        Examples
        --------
        >>> import exactspline as es
        >>> core = es.ForwardCore(es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,)))
        >>> core.codes([[2, 1], [1, 2]]).tolist()
        [[1], [0]]
        """
        samples = Samples(self.network, X, self.dtype)
        n = len(samples)
        self._check_room(n, self.program.n_units * self._code_type.itemsize)
        codes = np.empty((n, self.program.n_units), self._code_type)
        stats = np.zeros((n, 3)) if exact else None
        try:
            self._values(samples, np.empty((n, self.network.output_dim), self.dtype), codes, stats)
        except BeyondRangeError:
            if stats is None:
                raise
            stats[:] = 0  # values are not asked for, and codes can be told
        if stats is not None:
            self._prove(samples, codes, stats[:, 0] != 0, stats[:, 1] != 0, exact=True)
        return codes[0] if samples.single else codes

    def affine_maps(self, X: Any, *, fresh: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Affine maps at samples; see `exactspline.affine_maps`.

        Examples
        --------
        >>> import exactspline as es
        >>> core = es.ForwardCore(es.Network([es.Dense([[1, -1]], [3]), es.ReLU()], (2,)))
        >>> A, b = core.affine_maps([[2, 1], [1, 9]])
        >>> A.tolist(), b.tolist()
        ([[[1.0, -1.0]], [[0.0, 0.0]]], [[3.0], [0.0]])
        """
        samples = Samples(self.network, X, self.dtype)
        n, n_out = len(samples), self.network.output_dim
        each = n_out * (self.network.input_dim + 2) * self.dtype.itemsize
        self._check_room(n, each + self.program.n_units * self._code_type.itemsize)
        fast, done = self._chosen_for_maps(n), False
        A, b = self._empty_maps(n)
        if fast is not None and not self._beyond and self._is_safe(samples, fast):
            done = fast.maps_of(samples.values, A, b, fresh=fresh)
        if not done:
            codes = np.empty((n, self.program.n_units), self._code_type)
            self._values(samples, np.empty((n, n_out), self.dtype), codes, None)
            A, b = self._maps(codes, fresh=fresh)
        return (A[0], b[0]) if samples.single else (A, b)

    def run(
        self, X: Any, *, affine: bool = False, proved: bool = False, exact: bool = False,
        return_layers: bool = False, output_operator: bool = False,
    ) -> Forward:  # fmt: skip
        """All of it in one pass; see `exactspline.forward_core`.

        Examples
        --------
        >>> import exactspline as es
        >>> core = es.ForwardCore(es.Network([es.Dense([[1, -1]], [3]), es.ReLU()], (2,)))
        >>> found = core.run([2, 1], affine=True, proved=True)
        >>> found.values.tolist(), found.A.tolist(), bool(found.proved)
        ([4.0], [[1.0, -1.0]], True)
        """
        samples = Samples(self.network, X, self.dtype)
        out = self._pass(
            samples, maps=affine, proved=proved or exact, exact=exact, layers=return_layers
        )
        values = self._shaped(out.values, samples, output_operator)
        if not samples.single:
            return Forward(
                values, out.codes, out.on_boundary, out.proved, out.error, out.A, out.b, out.layers
            )
        rest = [
            None if a is None else a[0]
            for a in (out.codes, out.on_boundary, out.proved, out.error, out.A, out.b)
        ]
        layers = out.layers and tuple(LayerValues(a[0], c[0]) for a, c in out.layers)
        return Forward(values, *rest, layers)  # type: ignore[arg-type, call-arg]

    # --- Passes ------------------------------------------------------------------------------

    def _pass(
        self, samples: Samples, *, maps: bool, proved: bool, exact: bool, layers: bool
    ) -> Forward:
        n, program = len(samples), self.program
        size = self.dtype.itemsize
        each = program.n_units * (self._code_type.itemsize + (size if layers else 0))
        n_out, dim = self.network.output_dim, self.network.input_dim
        self._check_room(n, each + n_out * size * (dim + 2 if maps else 1))
        values = np.empty((n, n_out), self.dtype)
        codes = np.zeros((n, program.n_units), self._code_type)
        stats = np.zeros((n, 3))
        outputs = None
        if layers:
            outputs = [np.empty((n, len(layer.units)), self.dtype) for layer in program.layers]
        self._values(samples, values, codes, stats, outputs)
        sure, boundary = stats[:, 0] != 0, stats[:, 1] != 0
        if proved:
            self._prove(samples, codes, sure, boundary, exact=exact)
        A, b = self._maps(codes) if maps else (None, None)
        by_layer = None
        if outputs is not None:
            cuts = np.split(codes, program.unit_start[1:-1], axis=1)
            by_layer = tuple(LayerValues(o, c) for o, c in zip(outputs, cuts, strict=False))
        return Forward(
            values, codes, boundary, sure if proved else None,
            stats[:, 2].copy() if proved else None, A, b, by_layer,
        )  # fmt: skip

    def _values(
        self, samples: Samples, values: np.ndarray, codes: np.ndarray | None,
        stats: np.ndarray | None, outputs: list[np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        if self._beyond:
            raise BeyondRangeError(self._beyond)
        X, errors = samples.values, samples.errors
        fast = self._chosen(len(X)) if outputs is None else None
        if fast is not None and self._is_safe(samples, fast):
            fast(X, errors, values, codes, stats)
        else:
            self._plain(X, errors, values, codes, stats, outputs)

    def _prove(
        self, samples: Samples, codes: np.ndarray, sure: np.ndarray, boundary: np.ndarray,
        *, exact: bool,
    ) -> None:  # fmt: skip
        """Settle the codes that the pass left open."""
        open_ = np.flatnonzero(~sure)
        if self.dtype.itemsize == 4 and len(open_):
            if self._wide is None:  # most of them are settled by the same pass in float64
                self._wide = ForwardCore(self.network, np.float64, "auto", self.threads)
            wide = self._wide
            if self._fast is not None and not wide._beyond:
                wide._load()
            if not wide._beyond:
                again = samples.take(open_, np.dtype(np.float64))
                own = np.zeros((len(open_), codes.shape[1]), codes.dtype)
                stats = np.zeros((len(open_), 3))
                values = np.empty((len(open_), self.network.output_dim))
                with suppress(BeyondRangeError):  # then the settler takes them all
                    wide._values(again, values, own, stats)
                    codes[open_], sure[open_] = own, stats[:, 0] != 0
                    boundary[open_] = stats[:, 1] != 0
        if not sure.all():
            self._settler(samples, codes, sure, boundary, exact=exact)

    def _maps(self, codes: np.ndarray, *, fresh: bool = False) -> tuple[np.ndarray, np.ndarray]:
        A, b = self._empty_maps(len(codes))
        fast = self._chosen_for_maps(len(codes))
        if fast is not None:
            fast.maps(codes, A, b, fresh=fresh)
        if fast is None or not all_finite(A, b):
            maps_by_prefixes(self.program, codes, A, b)
        self._check_maps(A, b, fast)
        return A, b

    def _check_maps(self, A: np.ndarray, b: np.ndarray, fast: FastPass | None) -> None:
        """Refuse maps that the type cannot hold."""
        if fast is not None and fast.safe >= 1:
            return  # an entry is a value at a point of size 1, without cancellation at most
        if not all_finite(A, b):
            raise ParameterError(
                f"an affine map has entries beyond the range of {self.dtype}; take float64, or "
                "ask regions_at(network, x) for affine(exact=True)"
            )

    def _empty_maps(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        n_out, dim = self.network.output_dim, self.network.input_dim
        return np.empty((n, n_out, dim), self.dtype), np.empty((n, n_out), self.dtype)

    def _chosen_for_maps(self, n: int) -> FastPass | None:
        """Backwards a layer costs C products, forwards D + 1, and beginnings are shared.

        Backwards nobody watches for products of parameters that underflow on the way.
        """
        n_out, dim = self.network.output_dim, self.network.input_dim
        if n_out > 2 * (dim + 1):
            return None
        fast = self._chosen(n * n_out)
        return fast if fast is not None and self._keeps_maps else None

    @cached_property
    def _keeps_maps(self) -> bool:
        """Whether no map in float64 can lose what counts to underflow (float32 is as it is)."""
        return self.dtype.itemsize == 4 or backwards_is_safe(self.program)

    def _is_safe(self, samples: Samples, fast: FastPass) -> bool:
        """Whether no value can leave the type's range."""
        return float(np.abs(samples.values).max(initial=0.0)) <= fast.safe

    def _chosen(self, n: int) -> FastPass | None:
        """The Numba pass, if it is to be taken for so many samples."""
        if self.engine == "numpy" or n == 0:
            return None
        if self._fast is None and n * self._plain.work >= _LOADING:
            self._load()
        return self._fast

    def _load(self) -> FastPass | None:
        if self._fast is None and self._plan is None and not self._beyond and _have_kernels():
            self._plan = make_plan(self.program, self.dtype)
            if self._plan is not None and self._plan.N[0] >= 0:
                self._fast = FastPass(
                    self._plan, self.network.input_dim, self.network.output_dim,
                    self.program.n_units, self.threads,
                )  # fmt: skip
        return self._fast

    def _shaped(self, values: np.ndarray, samples: Samples, output_operator: bool) -> np.ndarray:
        """Values in the output's shape, after the output operator if that is asked for."""
        out = values.reshape(len(values), *self.network.output_shape)
        if output_operator:
            cut = len(self.network.nodes)
            made: list[np.ndarray] = []
            for node in self.network.output_nodes:
                made.append(
                    node.operator.forward(*(out if i < cut else made[i - cut] for i in node.inputs))
                )
            out = made[-1].astype(self.dtype, copy=False) if made else out
        return np.asarray(out[0, ...]) if samples.single else out

    def _check_room(self, n: int, each: int) -> None:
        if n * each > MOST_BYTES:
            raise LimitError(
                f"{n:,} samples would give {n * each:,} bytes, over the limit of {MOST_BYTES:,}; "
                f"give at most {max(1, MOST_BYTES // max(1, each)):,} at once"
            )


def _have_kernels() -> bool:
    """Whether the compiled passes may be used: their sums are written in LLVM's own terms."""
    from ..kernels import inside_is_known

    return inside_is_known()


def _checked_dtype(dtype: Any) -> np.dtype:
    try:
        out = np.dtype(dtype)
    except TypeError:
        out = np.dtype(object)
    if out not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ParameterError(f"dtype {dtype!r}: give numpy.float32 or numpy.float64")
    return out


def _beyond_range(plain: PlainPass, dtype: np.dtype) -> str:
    """What to say if a parameter is beyond the range of the type; empty if none is."""
    for l, level in enumerate(plain.levels):  # noqa: E741
        parts: tuple[Rounded, ...] = (
            level.members.data, level.members.const, level.shift, level.slope, level.offset,
        )  # fmt: skip
        if any(not math.isfinite(part.error()) for part in parts):
            where = f"layer {l}" if level.units is not None else "the output"
            other = "take float64, or " if dtype.itemsize == 4 else ""
            return (
                f"{where}: a parameter of the compiled network is beyond the range of {dtype}; "
                f"{other}evaluate with Network.forward(x, exact=True) and codes(..., exact=True)"
            )
    return ""


_CORES: weakref.WeakKeyDictionary[Network, dict[Any, ForwardCore]] = weakref.WeakKeyDictionary()


def core_of(network: Network | ForwardCore, dtype: Any) -> ForwardCore:
    """The core of a network, kept as long as the network is; a core itself if one is given."""
    if isinstance(network, ForwardCore):
        if dtype is not None and _checked_dtype(dtype) != network.dtype:
            raise ParameterError(f"the core is of {network.dtype}; prepare one of {dtype!r}")
        return network
    if not isinstance(network, Network):
        raise ShapeError(f"a Network or ForwardCore is needed, not a {type(network).__name__}")
    kind = _checked_dtype(np.float64 if dtype is None else dtype)
    cores = _CORES.setdefault(network, {})
    if kind not in cores:
        _ = network.program  # made once, for the network and its twin
        # of a twin that shares everything: a value that held its key would keep it for ever
        cores[kind] = ForwardCore(copy(network), kind)
    return cores[kind]
