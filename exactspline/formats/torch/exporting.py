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
from collections.abc import Iterator

import torch
from torch.export import ExportedProgram

from ...errors import ExactSplineError, FormatError, ShapeError, UnsupportedOperatorError
from .values import MAX_ENTRIES, Shape

__all__ = ["exported", "input_of_module", "input_of_program", "is_own", "quiet"]

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


def exported(module: torch.nn.Module, input_shape: Shape, lead: int) -> ExportedProgram:
    """The program of a module, for a batch of one.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode. It may be changed: give a copy.
    input_shape : tuple of int
        Without the batch axis.
    lead : int
        1 for a batch axis in front, else 0.

    Raises
    ------
    UnsupportedOperatorError
        For control flow that depends on the data, and whatever torch cannot export.
    """
    _check_parts(module)
    example = _example(module, (1,) * lead + input_shape)
    try:
        inspect.signature(module.forward).bind(example)
    except TypeError as error:
        raise UnsupportedOperatorError(
            f"from_torch: forward of {type(module).__name__} does not take one tensor ({error}); "
            "wrap it in a module that does"
        ) from None
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(module, (example,), strict=False)
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


def _example(module: torch.nn.Module, input_shape: Shape) -> torch.Tensor:
    """An input of the type of the parameters; of several types they become double, exactly."""
    size = math.prod(input_shape)
    if size > MAX_ENTRIES:
        raise ShapeError(
            f"from_torch: input_shape {input_shape} has {size:,} entries; up to {MAX_ENTRIES:,}"
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
    kind = torch.float64 if len(types) > 1 else next(iter(types), torch.float32)
    return torch.zeros(input_shape, dtype=kind)


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


# --- the input ---------------------------------------------------------------------------------


def input_of_program(program: ExportedProgram, input_shape: Shape | None) -> tuple[Shape, int]:
    """Shape of a program's input without the batch axis, and how many batch axes it has (0, 1).

    Raises
    ------
    UnsupportedOperatorError
        If it does not take one tensor of real numbers.
    ShapeError
        If its shape is not known, differs from the one that was given, or has a batch of several.
    """
    names = set(program.graph_signature.user_inputs)
    given = [n for n in program.graph.nodes if n.op == "placeholder" and n.name in names]
    return _input_of(given, input_shape)


def input_of_module(module: torch.nn.Module, input_shape: Shape | None) -> tuple[Shape, int]:
    """As `input_of_program`: what was given, or what a graph says of itself."""
    if isinstance(module, torch.fx.GraphModule):
        given = [n for n in module.graph.nodes if n.op == "placeholder"]
        if given and all(isinstance(n.meta.get("val"), torch.Tensor) for n in given):
            return _input_of(given, input_shape)
    if input_shape is None:
        raise ShapeError(
            "from_torch: give input_shape, without the batch axis: from_torch(module, (1, 28, 28))"
        )
    return input_shape, 1


def _input_of(nodes: list[torch.fx.Node], given: Shape | None) -> tuple[Shape, int]:
    tensors = [n.meta["val"] for n in nodes if isinstance(n.meta.get("val"), torch.Tensor)]
    if len(tensors) != 1:
        raise UnsupportedOperatorError(
            f"from_torch: the program takes {len(tensors)} tensors; export a module that takes one"
        )
    if not tensors[0].is_floating_point():
        raise UnsupportedOperatorError(
            f"from_torch: the program's input is of type {tensors[0].dtype}; a network takes real "
            "numbers"
        )
    sizes = [n if isinstance(n, int) else None for n in tensors[0].shape]  # None: of any length
    shown = f"({', '.join('any' if n is None else str(n) for n in sizes)})"
    if given is not None and len(given) == len(sizes) and _fits(given, sizes):
        return given, 0
    if len(sizes) == 1 and sizes[0] is not None and given is None:
        return (sizes[0],), 0
    if len(sizes) < 2:
        raise ShapeError(f"from_torch: the program's input has shape {shown}; give input_shape")
    if sizes[0] not in (1, None):
        raise ShapeError(
            f"from_torch: the program's input has shape {shown}, a batch of {sizes[0]}; export it "
            "with a batch of one, or of any size (dynamic_shapes). If its first axis is no batch "
            f"axis, give the whole shape: input_shape={shown}"
        )
    if given is None:
        known = tuple(n for n in sizes[1:] if n is not None)
        if len(known) < len(sizes) - 1:
            raise ShapeError(
                f"from_torch: the program's input has shape {shown}; give input_shape, without the "
                "batch axis"
            )
        return known, 1
    if not _fits(given, sizes[1:]):
        raise ShapeError(
            f"from_torch: input_shape {given} does not fit the program's input of shape {shown}, "
            "the batch axis in front"
        )
    return given, 1


def _fits(shape: Shape, sizes: list[int | None]) -> bool:
    return len(shape) == len(sizes) and all(
        n is None or n == m for m, n in zip(shape, sizes, strict=True)
    )
