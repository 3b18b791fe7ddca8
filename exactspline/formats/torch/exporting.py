"""From a PyTorch module to a program of torch.export, and what its errors mean."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import math
import os
import re
import sysconfig
import traceback
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch.export import ExportedProgram

from ...errors import ExactSplineError, FormatError, ShapeError, UnsupportedOperatorError
from ..signature import Input
from .inputs import examples_of
from .values import MAX_ENTRIES

__all__ = ["exported", "is_own", "quiet"]

_DATA = ("DataDependent", "GuardOnDataDependent", "PendingUnbacked")  # torch's errors for it
_DATA_TEXT = (
    "data-dependent", "data dependent", "unbacked", "_local_scalar_dense",
    ".numpy() is not supported", ".tolist() is not supported",
)  # fmt: skip
_NOISY = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")
_OWN_REASONS = {  # what torch says: what it means here
    "Expected more than 1 value per channel": "normalises with the statistics of the batch, not "
    "with running ones (track_running_stats=True); a network acts on every sample alone",
    "fake tensor in the exported program": "reads x.data, which torch.export does not follow; use "
    "x.detach()",
}
_PYTHON = os.path.join(sysconfig.get_paths()["stdlib"], "")
_NOT_OWN = (  # where no line of the user's stands
    "<", os.path.join(os.path.dirname(torch.__file__), ""),
    os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), ""),
)  # fmt: skip


def exported(
    module: torch.nn.Module, inputs: Sequence[Input], *, by_name: bool = False
) -> ExportedProgram:
    """The program of a module, for a batch of one.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode. It may be changed: give a copy.
    inputs : sequence of Input
        The tensors that it takes.
    by_name : bool
        Whether ``forward`` is called with the inputs' names, else with as many arguments.

    Raises
    ------
    UnsupportedOperatorError
        For control flow that depends on the data, and whatever torch cannot export.
    """
    _check_parts(module)
    kind = _type_of(module, inputs)
    args, kwargs = examples_of(module, inputs, kind, by_name=by_name)
    try:
        inspect.signature(module.forward).bind(*args, **kwargs)
    except TypeError as error:
        takes = "one tensor" if len(inputs) == 1 else f"{len(inputs)} tensors"
        raise UnsupportedOperatorError(
            f"from_torch: forward of {type(module).__name__} does not take {takes} ({error}); "
            "give input_shape as a list with a shape for each tensor that it takes, or wrap it in "
            "a module that takes other arguments"
        ) from None
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(module, args, kwargs, strict=False)
    except ExactSplineError:
        raise
    except Exception as error:
        raise _explained(error) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what torch writes about errors that it raises as well."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _check_parts(module: torch.nn.Module) -> None:
    """Refuse parts that hold no numbers which could be read."""
    for path, part in module.named_modules():
        where = f"from_torch: module {path!r} ({type(part).__name__})"
        if type(part).__module__.startswith(("torch.ao.nn.quantized", "torch.nn.quantized")):
            raise UnsupportedOperatorError(
                f"{where} is quantized: it rounds, so it jumps; give the module it was made from"
            )
        if isinstance(part, torch.jit.ScriptModule):
            raise UnsupportedOperatorError(
                f"{where} is of TorchScript (torch.jit); put the torch.nn.Module it was made from "
                "there"
            )


def _type_of(module: torch.nn.Module, inputs: Sequence[Input]) -> torch.dtype:
    """The type of the parameters; of several types they become double, exactly."""
    size = sum(math.prod(x.shape) for x in inputs)
    if size > MAX_ENTRIES:
        shapes = ", ".join(str(x.inner) for x in inputs[:8])
        raise ShapeError(
            f"from_torch: input_shape {shapes} has {size:,} entries; up to {MAX_ENTRIES:,}"
        )
    types = set()
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor):
            raise FormatError(
                f"from_torch: {name} has no values yet; call the module once, it is lazy"
            )
        if tensor.is_meta:
            raise FormatError(
                f"from_torch: {name} has no values (device 'meta'); load its weights before"
            )
        if tensor.is_floating_point():
            types.add(tensor.dtype)
    if isinstance(module, torch.fx.GraphModule):  # of a program: it knows the type of its input
        given = [n.meta.get("val") for n in module.graph.nodes if n.op == "placeholder"]
        types = {v.dtype for v in given if isinstance(v, torch.Tensor)} or types
    module.to("cpu")
    if len(types) > 1:
        module.double()
    return torch.float64 if len(types) > 1 else next(iter(types), torch.float32)


def _explained(error: Exception) -> ExactSplineError:
    """One clear error for what torch.export says in many lines."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error).strip()
    first = re.split(r"\n\s*\n|\n", text)[0][:300] or "no message"
    where = _line(error)
    if any(name.startswith(_DATA) for name in names) or any(t in text for t in _DATA_TEXT):
        return UnsupportedOperatorError(
            f"from_torch: the module{where} uses a value as a Python number or truth value: "
            "control flow that depends on the data is no piecewise-affine network of fixed shape; "
            "torch.where, clamp, maximum and the like choose entry by entry"
        )
    for theirs, ours in _OWN_REASONS.items():
        if theirs in text:
            return UnsupportedOperatorError(f"from_torch: the module{where} {ours}")
    kind = ShapeError if _SHAPES.search(text) else UnsupportedOperatorError
    return kind(
        f"from_torch: the module{where} cannot be exported: {type(error).__name__}: {first}"
    )


_SHAPES = re.compile(  # torch complains of shapes that do not fit, in many words
    r"shape|size of tensor|must match|mat1|reduction dim|expected input|[Ee]xpected \d+D? ?-?D?|"
    r"out of (range|bounds) for dim|Dimension out of range|size mismatch|too small|Kernel size|"
    r"should contain|Provided sizes|non-empty|channels"
)


def is_own(file: str) -> bool:
    """Whether a file is the user's, not torch's, Python's or of this package."""
    if file.startswith(_NOT_OWN):
        return False
    return not file.startswith(_PYTHON) or "-packages" in file  # they are inside of Python's folder


def _line(error: BaseException) -> str:
    """The last line of the user's own code that led to an error."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename)]
    if not own:
        return ""
    name = own[-1].filename.replace("\\", "/").rpartition("/")[2]
    line = f" `{own[-1].line}`" if own[-1].line else ""
    return f" ({name} line {own[-1].lineno}{line})"
