"""A torch.fx trace that builds the network as it goes.

Every function that is called on a proxy is looked up among the handlers and adds operators at
once, so that shapes are plain integers in the module's own code (``x.size(0)``, ``x.shape``,
loops over axes), and in-place functions change what all names of a tensor see.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.fx import Proxy, Tracer

from ...discovery import load_files
from ...errors import ExactSplineError, UnsupportedOperatorError
from . import operators
from .operators.arithmetic import Extreme
from .operators.shapes import MOVERS, move
from .values import HANDLERS, MODULES, VIEWS, Const, Lowering, Unreadable, Var

__all__ = ["NetworkTracer"]

load_files(operators)  # they fill the table of handlers

# torch modules whose own forward is traced: it only calls functions that are known
_N = (1, 2, 3)
_THROUGH = frozenset({
    "AlphaDropout", "CELU", "ChannelShuffle", "Dropout", "ELU", "FeatureAlphaDropout", "Flatten",
    "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU",
    "Linear", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "PixelShuffle", "PixelUnshuffle",
    "RReLU", "ReLU", "ReLU6", "SELU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softmax2d",
    "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold",
    "Unflatten", "ModuleList", "ModuleDict", "NonDynamicallyQuantizableLinear", "ZeroPad1d",
    *(f"{name}{n}d" for n in _N for name in (
        "AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "BatchNorm", "CircularPad",
        "ConstantPad", "Conv", "ConvTranspose", "Dropout", "MaxPool", "ReflectionPad",
        "ReplicationPad", "ZeroPad",
    )),
})  # fmt: skip
_NUMPY_WORDS = {"axis": "dim", "keepdims": "keepdim"}  # torch takes them too
_PLACES = (torch, torch.nn.functional, torch._C._nn, torch.functional, torch.special, operator)


class _Storage:
    """The memory that a tensor and its views share: how often it was written."""

    def __init__(self) -> None:
        self.writes = 0


class _Value(Proxy):
    """A proxy that knows its value, hence its shape."""

    tracer: NetworkTracer

    def __init__(self, node: Any, tracer: NetworkTracer) -> None:
        super().__init__(node, tracer)
        self.value: Var | Const | Unreadable = Unreadable("it was never computed")
        self.storage = _Storage()
        self.seen = 0

    def holds(self, value: Any, storage: _Storage | None = None) -> _Value:
        """Set the value, and the memory it lies in if that is another tensor's."""
        self.value = value
        self.storage = storage or _Storage()
        self.seen = self.storage.writes
        return self

    def read(self) -> Var | Const:
        """The value, if it is still what it was."""
        if isinstance(self.value, Unreadable):
            raise UnsupportedOperatorError(self.value.reason)
        if self.seen != self.storage.writes:
            raise UnsupportedOperatorError(
                "reads a tensor that was changed in place through a view of it; "
                "call the function that is not in place"
            )
        return self.value

    def _call(self, method: str, *args: Any) -> Any:
        return self.tracer.create_proxy("call_method", method, (self, *args), {})

    # --- what is known without a trace ---

    @property
    def shape(self) -> torch.Size:
        return torch.Size(self.read().full)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def dim(self) -> int:
        return len(self.shape)

    ndimension = dim

    def numel(self) -> int:
        return math.prod(self.shape)

    nelement = numel

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def dtype(self) -> torch.dtype:
        return self.tracer.dtype

    @property
    def device(self) -> torch.device:
        return self.tracer.device

    @property
    def is_cuda(self) -> bool:
        return False

    @property
    def requires_grad(self) -> bool:
        return False

    def is_floating_point(self) -> bool:
        return True

    def is_contiguous(self, *args: Any, **kwargs: Any) -> bool:
        return True

    @property
    def data(self) -> Any:
        return self._call("detach")

    @property
    def T(self) -> Any:
        return self._call("permute", tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Any:
        return self._call("transpose", -2, -1)

    # --- what Python does to a tensor ---

    def __iter__(self) -> Iterator[Any]:
        return iter(self._call("unbind", 0))

    def __iadd__(self, other: Any) -> Any:
        return self._call("add_", other)

    def __isub__(self, other: Any) -> Any:
        return self._call("sub_", other)

    def __imul__(self, other: Any) -> Any:
        return self._call("mul_", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._call("div_", other)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})

    def _refuse(self, *args: Any) -> Any:
        return self.tracer.to_bool(self)

    __float__ = __int__ = __index__ = __contains__ = item = tolist = numpy = _refuse


class NetworkTracer(Tracer):
    """Traces a module on a batch of one and builds a network.

    Parameters
    ----------
    module : torch.nn.Module
        It may be changed: give a copy.
    input_shape : tuple of int
        Without the batch axis.
    """

    proxy_buffer_attributes = True

    def __init__(self, module: torch.nn.Module, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.lowering = Lowering(input_shape)
        self.module = module
        self.tensors: dict[str, torch.Tensor] = {
            **dict(module.named_parameters(remove_duplicate=False)),
            **dict(module.named_buffers(remove_duplicate=False)),
        }
        self._constants: dict[str, Const] = {}
        first = next(iter(module.parameters()), torch.zeros(()))
        self.dtype, self.device = first.dtype, torch.device("cpu")
        self.result: Any = None

    def run(self) -> Var:
        """Trace the module; the value that it returns."""
        try:
            self.trace(self.module)
        except ExactSplineError:
            raise
        except Exception as error:
            text = str(error).strip().split("\n")[0] or "no message"
            raise UnsupportedOperatorError(
                f"from_torch: {self._where()}cannot be traced: {type(error).__name__}: {text}"
            ) from error
        if isinstance(self.result, list | tuple | dict):
            raise UnsupportedOperatorError(
                f"from_torch: the module returns a {type(self.result).__name__} of values; "
                "wrap it in a module that returns one tensor"
            )
        try:
            value = self.result.read() if isinstance(self.result, _Value) else None
        except UnsupportedOperatorError as error:
            raise UnsupportedOperatorError(f"from_torch: the module's result: {error}") from None
        if not isinstance(value, Var):
            raise UnsupportedOperatorError(
                "from_torch: the module returns nothing that depends on its input"
            )
        return value

    # --- what torch.fx asks ---

    def create_args_for_root(
        self, root_fn: Any, is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        """One input; all other arguments keep their defaults."""
        proxy = super().create_proxy("placeholder", "input", (), {})
        assert isinstance(proxy, _Value)
        proxy.holds(self.lowering.input)
        try:
            inspect.signature(self.module.forward).bind(proxy)
        except TypeError as error:
            raise UnsupportedOperatorError(
                f"from_torch: forward of {type(self.module).__name__} does not take one tensor "
                f"({error}); wrap it in a module that does"
            ) from None

        def call(root: torch.nn.Module, x: Any) -> tuple[()]:
            self.result = self.call_module(root, root.forward, (x,), {})
            return ()

        return call, [self.module, proxy]

    def proxy(self, node: Any) -> Proxy:
        return _Value(node, self)

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        """Of torch's own modules only known ones are traced."""
        home, name = type(m).__module__, type(m).__name__
        if home.startswith(("torch.nn.", "torch.ao.")):
            return not (home.startswith("torch.nn.modules.") and name in _THROUGH | MODULES)
        return isinstance(m, torch.jit.ScriptModule)

    def call_module(
        self, m: torch.nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        path = self.path_of_module(m)
        if torch.nn.utils.parametrize.is_parametrized(m):
            raise UnsupportedOperatorError(
                f"from_torch: module {path!r} has parametrized weights, which are computed in "
                "floating point; torch.nn.utils.parametrize.remove_parametrizations stores them"
            )
        if m._forward_hooks or m._forward_pre_hooks:
            raise UnsupportedOperatorError(
                f"from_torch: module {path!r} ({type(m).__name__}) has forward hooks, which may "
                "change values and are not traced; remove them (remove_weight_norm and "
                "remove_spectral_norm for those)"
            )
        return super().call_module(m, m.forward, args, kwargs)

    def to_bool(self, obj: Any) -> bool:
        raise UnsupportedOperatorError(
            f"from_torch: {self._where()}uses a value as a Python number or truth value: control "
            "flow that depends on the data is no piecewise-affine network of fixed shape"
        )

    def create_proxy(
        self,
        kind: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Any = None,
    ) -> Any:
        proxy = super().create_proxy(kind, target, args, kwargs, name, type_expr)
        assert isinstance(proxy, _Value)
        if kind == "get_attr":
            return proxy.holds(self._constant(target))
        where = f"from_torch: node {proxy.node.name!r} ({_title(kind, target)}){self._inside()}"
        if kind == "call_module":
            raise UnsupportedOperatorError(
                f"{where}: {type(self._module(target)).__name__} is not supported"
            )
        try:
            return self._call(proxy, kind, target, args, kwargs)
        except ExactSplineError as error:
            raise type(error)(f"{where}: {error}") from None

    # --- building ---

    def _module(self, path: str) -> torch.nn.Module:
        return self.module.get_submodule(path)

    def _where(self) -> str:
        path = self.scope.module_path if hasattr(self, "scope") else ""
        return f"module {path!r} " if path else "the module "

    def _inside(self) -> str:
        path = self.scope.module_path
        kind = self.scope.module_type
        return f" in module {path!r} ({getattr(kind, '__name__', kind)})" if path else ""

    def _constant(self, name: str) -> Const:
        if name not in self._constants:
            self._constants[name] = Const.of(self.tensors[name], f"from_torch: {name}")
        return self._constants[name]

    def _call(
        self, proxy: _Value, kind: str, target: Any, args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        """What a function gives for its arguments, as proxies."""
        name, in_place = _name(kind, target)
        if "input" in kwargs:  # torch's name of the first argument
            args, kwargs = (kwargs["input"], *args), {k: kwargs[k] for k in kwargs if k != "input"}
        values = _mapped(args, lambda p: p.read())
        named = _mapped(kwargs, lambda p: p.read())
        self._settle(name)
        if name in MOVERS:
            function = getattr(torch.Tensor, name) if kind == "call_method" else target
            result = move(self.lowering, function, values, named)
        else:
            known = HANDLERS.get(name)
            if known is None:
                raise UnsupportedOperatorError("is not supported")
            plain = {_NUMPY_WORDS.get(key, key): value for key, value in named.items()}
            try:
                bound = _signature(known).bind(self.lowering, *values, **plain)
            except TypeError as error:
                raise UnsupportedOperatorError(
                    f"has arguments that are not supported: {error}"
                ) from None
            result = known(*bound.args, **bound.kwargs)
            in_place = in_place or bool(bound.arguments.get("inplace", False))
        source = next((a for a in args if isinstance(a, _Value)), None)
        if in_place:
            return self._written(source, result)
        shared = source is not None and (name in MOVERS or name in VIEWS)
        view = source.storage if source is not None and shared else None
        if isinstance(result, Extreme):
            return Extreme(*(self._more(proxy, v) for v in result))
        if isinstance(result, tuple):
            return tuple(self._more(proxy, v, view) for v in result)
        return proxy.holds(result, view)

    def _more(self, proxy: _Value, value: Any, view: _Storage | None = None) -> _Value:
        return _Value(proxy.node, self).holds(value, view)

    def _written(self, source: _Value | None, result: Any) -> _Value:
        """The tensor that was changed in place: all of its names see the new value."""
        if source is None or not isinstance(source.value, Var) or not isinstance(result, Var):
            raise UnsupportedOperatorError("changes a parameter or buffer in place")
        if result.shape != source.value.shape:
            raise UnsupportedOperatorError(
                f"changes shape {source.value.full} in place to {result.full}"
            )
        source.storage.writes += 1
        source.value, source.seen = result, source.storage.writes
        return source

    def _settle(self, name: str) -> None:
        """Names of the operators to come: a torch module's path, else the path and function."""
        path, kind = self.scope.module_path, self.scope.module_type
        whole = getattr(kind, "__module__", "").startswith("torch.nn.modules.")
        self.lowering.module = kind.__name__ if whole else ""
        if whole:
            self.lowering.base = path or kind.__name__
        else:
            self.lowering.base = f"{path}.{name}" if path else name


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _mapped(value: Any, change: Callable[[_Value], Any]) -> Any:
    """The same nested arguments with every proxy replaced."""
    if isinstance(value, _Value):
        return change(value)
    if isinstance(value, dict):
        return {k: _mapped(v, change) for k, v in value.items()}
    if isinstance(value, torch.Size):
        return value
    if isinstance(value, tuple | list):
        changed = [_mapped(v, change) for v in value]
        return tuple(changed) if isinstance(value, tuple) else changed
    return value


def _name(kind: str, target: Any) -> tuple[str, bool]:
    """The function's plain name, and whether it works in place."""
    name = target if kind == "call_method" else getattr(target, "__name__", "")
    if kind == "call_function" and not any(
        getattr(place, name, None) is target for place in _PLACES
    ):
        raise UnsupportedOperatorError("is no function of torch")
    if name.endswith("_") and not name.endswith("__"):
        return name[:-1], True
    return name, False


def _title(kind: str, target: Any) -> str:
    if kind == "call_method":
        return f"method {target}"
    if kind == "call_module":
        return f"module {target}"
    module = getattr(target, "__module__", None)
    name = getattr(target, "__name__", str(target))
    return f"{module}.{name}" if module else name
