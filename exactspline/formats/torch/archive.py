"""Programs of torch.export in files (.pt2), read without torch's own loader, which unpickles parts.

Such a file is a zip archive: the graph is JSON, the weights are plain bytes. Both are read here;
pickled parts (example inputs) are left alone. Only ATen functions that are on a list are called,
on tensors without memory (torch.export's), and every size is checked before.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
import os
import re
import zipfile
from typing import Any, BinaryIO

import torch

from ...errors import ExactSplineError, FormatError, ShapeError, UnsupportedOperatorError
from ...network import Network
from ..files import PathLike, open_file
from ..graph import build_graph
from ..limits import MAX_BINARY_BYTES, MAX_TEXT_BYTES, Budget
from ..signature import MOST_INPUTS, Input, Output, chosen_output, named_slices
from .exporting import exported
from .inputs import input_of_sizes, names_of_stored
from .operators.shapes import MOVERS
from .program import LIKE, SILENT, ProgramReader, plain_program
from .values import HANDLERS, Shape

__all__ = ["load_program"]

_MAX_MEMBERS = 100_000
_MAX_NODES = 20_000
_MOST_PARTS = 4_096  # of one value, by split, chunk, unbind
_FREE = "give the program to es.from_torch(torch.export.load(path)), if you trust the file"
_TYPES = {  # torch's numbers of types: torch's type, bytes
    1: (torch.uint8, 1), 2: (torch.int8, 1), 3: (torch.int16, 2), 4: (torch.int32, 4),
    5: (torch.int64, 8), 6: (torch.float16, 2), 7: (torch.float32, 4), 8: (torch.float64, 8),
    12: (torch.bool, 1), 13: (torch.bfloat16, 2),
}  # fmt: skip
# functions that are written in terms of those with handlers, or make constants
_OTHERS = frozenset({
    "_weight_norm", "addbmm", "arange", "diff", "empty", "eye", "full", "linalg_norm", "linspace",
    "ones", "outer", "pairwise_distance", "rnn_relu", "scalar_tensor", "sym_size", "tensordot",
    "zeros",
})  # fmt: skip
_ON_SIZES = {  # arithmetic of sizes
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "floordiv", "mod", "neg", "eq", "ne", "ge", "gt", "le", "lt")
}


def load_program(path: PathLike, *, output: Output = None, batch: bool = True) -> Network:
    """Read the network of a ``.pt2`` file, as ``torch.export.save`` writes it.

    Parameters
    ----------
    path : path-like
    output : str or int, optional
        Which of several outputs is read, by its name or position.
    batch : bool
        Whether the first axis of an input with several axes is the batch axis.

    Raises
    ------
    FormatError
        If the file is unreadable, damaged, too large, or keeps its weights in a pickle; if it has
        several outputs and none is named, or another one.
    UnsupportedOperatorError
        For functions that are not read, as `exactspline.from_torch`.
    """
    with open_file(path, MAX_BINARY_BYTES) as stream:
        digest = _digest(stream)
        try:
            with zipfile.ZipFile(stream) as archive:
                program = _Archive(archive, path).program(batch)
        except ExactSplineError:
            raise
        except Exception as error:  # zipfile, json and torch raise whatever they like
            text = str(error).strip().split("\n")[0][:200]
            raise FormatError(
                f"{path}: is no program that can be read ({type(error).__name__}: {text}); {_FREE}"
            ) from None
    for part in program.modules():
        part.training = False

    def read(k: int) -> tuple[list[Any], Shape]:
        program.read_output(k)
        found = program.rename(exported(program, program.inputs))
        reader = ProgramReader(plain_program(found), program.inputs)
        return reader.nodes_up_to(reader.run(0)), reader.input_shape

    try:
        with torch.no_grad():
            nodes, shape = chosen_output(program.output_names, output, program.float_outputs, read)
    except ExactSplineError as error:
        text = str(error).removeprefix("from_torch: ").removeprefix(f"{path}: ")
        raise type(error)(f"{path}: {text}") from None
    return build_graph(nodes, shape, digest, path, named=named_slices(program.inputs))


def _digest(stream: BinaryIO) -> str:
    found = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        found.update(chunk)
    return found.hexdigest()


class _Archive:
    """A .pt2 file: its graph and its weights."""

    def __init__(self, archive: zipfile.ZipFile, path: PathLike) -> None:
        members = archive.infolist()
        if len(members) > _MAX_MEMBERS:
            raise FormatError(f"{path}: has {len(members):,} members; up to {_MAX_MEMBERS:,}")
        self._archive, self._path = archive, path
        self._taken = 0  # bytes of all tensors: several may read one member
        # the folder in front has the file's name
        self._members = {info.filename.partition("/")[2]: info for info in members}

    def program(self, batch: bool) -> _Stored:
        """The program, as a module whose forward goes through the stored nodes."""
        models = [n for n in self._members if re.fullmatch(r"models/[^/]{1,200}\.json", n)]
        if len(models) != 1:
            old = "serialized_exported_program.json" in {n.filename for n in self._archive.filelist}
            what = "was written by an older torch" if old else f"has {len(models)} programs"
            raise FormatError(
                f"{self._path}: {what}; one is read, in the layout of torch 2.13. Else {_FREE}"
            )
        name = models[0].removeprefix("models/").removesuffix(".json")
        graph = self._json(models[0])["graph_module"]
        tensors = {
            key: self._tensor(folder, key, entry)
            for folder, config in (
                ("weights", f"data/weights/{name}_weights_config.json"),
                ("constants", f"data/constants/{name}_constants_config.json"),
            )
            for key, entry in self._json(config)["config"].items()
        }
        return _Stored(graph, tensors, os.fspath(self._path), batch)

    def _bytes(self, name: str, limit: int) -> bytes:
        info = self._members.get(name)
        if info is None:
            raise FormatError(f"{self._path}: lacks {name[:80]!r}; {_FREE}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
            raise FormatError(
                f"{self._path}: {name[:80]!r} is compressed, or has more than {limit:,} bytes"
            )
        return self._archive.read(info)

    def _json(self, name: str) -> Any:
        return json.loads(self._bytes(name, MAX_TEXT_BYTES))

    def _tensor(self, folder: str, key: str, entry: Any) -> torch.Tensor:
        """A stored tensor, if it is what it says and is no pickle."""
        where = f"{self._path}: tensor {key[:80]!r}"
        if entry["use_pickle"]:
            raise FormatError(f"{where} is pickled, which can run code; {_FREE}")
        meta = entry["tensor_meta"]
        if meta["dtype"] not in _TYPES:
            raise UnsupportedOperatorError(f"{where} is of a type that is not read; {_FREE}")
        kind, width = _TYPES[meta["dtype"]]
        sizes, strides = ([_size(n) for n in meta[k]] for k in ("sizes", "strides"))
        data = self._bytes(f"data/{folder}/{entry['path_name']}", MAX_BINARY_BYTES)
        start = _size(meta["storage_offset"])
        last = start + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True))
        if 0 in sizes:
            return torch.zeros(sizes, dtype=kind)
        self._taken += len(data)
        if self._taken > MAX_BINARY_BYTES:
            raise FormatError(f"{where}: all tensors have more than {MAX_BINARY_BYTES:,} bytes")
        if math.prod(sizes) > len(data) // width or last >= len(data) // width:
            raise FormatError(
                f"{where} of sizes {sizes} needs more than the {len(data):,} bytes that are there"
            )
        flat = torch.frombuffer(bytearray(data), dtype=kind, count=len(data) // width)
        return flat.as_strided(sizes, strides, start).clone()


def _size(value: Any) -> int:
    """A size that is known: ``{"as_int": 3}``."""
    number = value["as_int"]
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"{number!r} is no size")
    return number


class _Scope(torch.nn.Module):
    """Stands for a module of the program, so that operators get its name."""

    def forward(self, call: Any) -> Any:
        return call()


class _Stored(torch.nn.Module):
    """A stored program: its forward calls the functions of its nodes in order."""

    def __init__(
        self, graph_module: Any, tensors: dict[str, torch.Tensor], path: str, batch: bool
    ) -> None:
        super().__init__()
        graph, signature = graph_module["graph"], graph_module["signature"]
        self._path = path
        self._nodes = graph["nodes"]
        if len(self._nodes) > _MAX_NODES:
            raise FormatError(f"{path}: has {len(self._nodes):,} nodes; up to {_MAX_NODES:,}")
        self._given: dict[str, Any] = {}
        self._tensors: list[torch.Tensor] = []
        self._meta = graph["tensor_values"]
        names = [self._input(spec, tensors) for spec in signature["input_specs"]]
        self._names = [name for name in names if name]
        if not 1 <= len(self._names) <= MOST_INPUTS or len({*self._names}) < len(self._names):
            raise UnsupportedOperatorError(
                f"{path}: the program takes {len(self._names)} tensors; 1 to {MOST_INPUTS:,} of "
                "different names are read"
            )
        self.inputs = [self._shaped(name, batch) for name in self._names]
        kind = _TYPES.get(self._meta[self._names[0]]["dtype"], (torch.float32, 4))[0]
        self.register_buffer("_type_of_input", torch.zeros((), dtype=kind))
        outputs = [s["user_output"]["arg"] for s in signature["output_specs"] if "user_output" in s]
        if not outputs or len(outputs) != len(signature["output_specs"]):
            raise UnsupportedOperatorError(
                f"{path}: the program returns nothing, or changes buffers; export a module that "
                "returns tensors and keeps nothing from one call to the next"
            )
        self._outputs, self._wanted = outputs, 0
        tree = graph_module["module_call_graph"][0]["signature"]["out_spec"]
        self.output_names = names_of_stored(tree, len(outputs))
        self._live = list(self._nodes)
        self._wires = [  # what every node reads and makes
            (node, set(_names_in(node["inputs"])), set(_names_in(node["outputs"])))
            for node in self._nodes
        ]
        self.float_outputs = self._float_outputs()
        self._scopes: dict[tuple[str, str], _Scope] = {}
        self.paths: dict[str, str] = {}  # of scopes: the path in the stored module
        for node in self._nodes:
            self._scope(node)

    def _input(self, spec: Any, tensors: dict[str, torch.Tensor]) -> str:
        """The name of an input; empty for what is stored."""
        kind, entry = next(iter(spec.items()))
        if kind == "user_input" and "as_tensor" in entry["arg"]:
            return str(entry["arg"]["as_tensor"]["name"])
        if kind in ("parameter", "buffer", "tensor_constant"):
            tensor = tensors[entry[f"{kind}_name"]]
            number = len(self._tensors)
            self._tensors.append(tensor)
            self.register_buffer(f"stored{number}", tensor)
            self._given[entry["arg"]["name"]] = f"stored{number}"
            return ""
        if kind in ("user_input", "constant_input"):  # None, numbers: no node needs them
            return ""
        raise UnsupportedOperatorError(f"{self._path}: an input of kind {kind!r} is not read")

    def _shaped(self, name: str, batch: bool) -> Input:
        """An input of known sizes."""
        meta = self._meta[name]
        kind = _TYPES.get(meta["dtype"], (torch.float32, 4))[0]
        if not kind.is_floating_point:
            raise UnsupportedOperatorError(
                f"{self._path}: the program's input {name[:80]!r} is of type {kind}; a network "
                "takes real numbers"
            )
        sizes = [_size(n) if "as_int" in n else None for n in meta["sizes"]]
        try:
            found = input_of_sizes(name, sizes, None, batch)
        except ShapeError as error:
            raise UnsupportedOperatorError(
                f"{self._path}: {str(error).removeprefix('from_torch: ')}. A file states all sizes "
                "but that of the batch; else call es.from_torch(torch.export.load(path), "
                "input_shape), if you trust it"
            ) from None
        Budget().value(found.shape, f"{self._path}: input {name[:80]!r}")
        return found

    # --- outputs ---

    def _float_outputs(self) -> list[int]:
        """Positions of outputs that are float tensors and depend on the inputs."""
        depends, out = set(self._names), []
        if any(_changes(node) for node in self._nodes):  # through views, which have other names
            depends.update(self._meta)
        for node, reads, makes in self._wires:
            of_shape = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.\w+", node["target"])
            if of_shape and of_shape[1] in LIKE | {"sym_size"}:
                continue
            if depends & reads:
                depends |= makes
        for k, output in enumerate(self._outputs):
            name = output["as_tensor"]["name"] if "as_tensor" in output else ""
            kind = _TYPES.get(self._meta[name]["dtype"]) if name in self._meta else None
            if name in depends and kind is not None and kind[0].is_floating_point:
                out.append(k)
        return out

    def read_output(self, position: int) -> None:
        """Let `forward` give this output alone, by the nodes that lead to it."""
        self._wanted = position
        needed, live = set(_names_in(self._outputs[position])), []
        for node, reads, makes in reversed(self._wires):
            if not makes or makes & needed or _changes(node):
                needed |= reads
                live.append(node)
        self._live = live[::-1]

    def _scope(self, node: Any) -> _Scope:
        """A module of the path and type that a node states, for the names of operators."""
        entry = (node["metadata"].get("nn_module_stack") or "").rpartition(";")[2].split(",")
        path, kind = (entry[1], entry[2]) if len(entry) == 3 else ("", "")
        if not re.fullmatch(r"(?=.{1,300}\Z)\w+(\.\w+){0,30}", path):
            path = ""
        home, _, name = kind.rpartition(".")
        if not re.fullmatch(r"torch\.nn\.modules\.\w{1,50}", home) or not name.isidentifier():
            home, name = "program", "Module"
        key = (path, f"{home}.{name}")
        if key not in self._scopes:
            made: _Scope = type(name, (_Scope,), {"__module__": home})()
            self.paths[f"scope{len(self._scopes)}"] = path
            self.add_module(f"scope{len(self._scopes)}", made)
            self._scopes[key] = made
        return self._scopes[key]

    def rename(self, program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
        """Give nodes the paths that the file states."""
        for node in program.graph.nodes:
            stack = node.meta.get("nn_module_stack") or {}
            for key, (path, kind) in list(stack.items()):
                if path in self.paths:
                    stack[key] = (self.paths[path], kind)
        return program

    # --- running -------------------------------------------------------------------------------

    def forward(self, *tensors: torch.Tensor) -> Any:
        values: dict[str, Any] = {name: getattr(self, at) for name, at in self._given.items()}
        values |= dict(zip(self._names, tensors, strict=True))
        budget = Budget()
        for node in self._live:
            where = f"{self._path}: node {str(node.get('name'))[:80]!r} ({node['target'][:80]})"
            try:
                function = _function(node["target"], where)
                call = _Call(function, node["inputs"], values)
                found = self._scope(node)(call)
            except ExactSplineError:
                raise
            except (KeyError, TypeError, AttributeError, StopIteration) as error:
                raise FormatError(f"{where}: is malformed ({error!r})") from None
            for part in found if isinstance(found, tuple | list) else [found]:
                known = isinstance(part, torch.Tensor) and all(type(n) is int for n in part.shape)
                if known and 0 not in part.shape:
                    budget.value(tuple(part.shape) or (1,), where)
            _name_results(node["outputs"], found, values)
        try:
            return _argument(self._outputs[self._wanted], values)
        except (KeyError, TypeError, StopIteration) as error:
            raise FormatError(f"{self._path}: the result is malformed ({error!r})") from None


def _names_in(stored: Any) -> list[str]:
    """The names of values in a node's arguments or results, whatever their kind."""
    out, waiting = [], [stored]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            out += [value[k] for k in ("name", "as_name") if isinstance(value.get(k), str)]
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return out


def _changes(node: Any) -> bool:
    """Whether a node changes what it reads in place; who sees that is not told by names."""
    return re.fullmatch(r"torch\.ops\.aten\.\w+_\.\w+", node["target"]) is not None


class _Call:
    """One call of a function with stored arguments."""

    def __init__(self, function: Any, inputs: Any, values: dict[str, Any]) -> None:
        self._function = function
        self._args = [_argument(i["arg"], values) for i in inputs if i.get("kind") in (1, None)]
        self._kwargs = {i["name"]: _argument(i["arg"], values) for i in inputs if i["kind"] == 2}

    def __call__(self) -> Any:
        first = self._args[0] if self._args else None
        parts = re.search(r"split|chunk|unbind", getattr(self._function, "__name__", ""))
        if parts and isinstance(first, torch.Tensor) and max(first.shape, default=1) > _MOST_PARTS:
            raise FormatError(f"cuts an axis of more than {_MOST_PARTS:,} entries up")
        return self._function(*self._args, **self._kwargs)


def _function(target: str, where: str) -> Any:
    """The function of a node, if it is on the list."""
    if target.startswith("_operator.") and target[10:] in _ON_SIZES:
        return _ON_SIZES[target[10:]]
    found = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.(\w+)", target)
    name = found[1] if found else ""
    known = HANDLERS.keys() | MOVERS | LIKE | SILENT | _OTHERS
    if name not in known and not (name.endswith("_") and name[:-1] in known):
        raise UnsupportedOperatorError(f"{where}: is not supported in a file; {_FREE}")
    assert found is not None
    packet = getattr(torch.ops.aten, name, None)
    if packet is None or found[2] not in packet.overloads() or "out" in found[2]:
        raise UnsupportedOperatorError(f"{where}: is not known to this version of torch")
    return getattr(packet, found[2])


def _argument(stored: Any, values: dict[str, Any]) -> Any:
    """An argument of a node, of one of a few plain kinds."""
    kind, value = next(iter(stored.items()))
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return values[value["name"]]
    if kind == "as_tensors":
        return [values[v["name"]] for v in value]
    if kind in ("as_optional_tensor", "as_sym_int", "as_sym_bool"):
        return values[value["as_name"]] if "as_name" in value else _argument(value, values)
    if kind in ("as_optional_tensors", "as_sym_ints"):
        inner = "as_optional_tensor" if kind == "as_optional_tensors" else "as_sym_int"
        return [_argument({inner: v}, values) for v in value]
    if kind in ("as_float", "as_floats"):  # infinities are texts
        return [float(v) for v in value] if isinstance(value, list) else float(value)
    if kind in ("as_int", "as_ints", "as_bool", "as_bools", "as_string"):
        flat = value if isinstance(value, list) else [value]
        if not all(isinstance(v, bool | int | float | str) for v in flat):
            raise TypeError(f"{kind} is {value!r:.40}")
        return value
    if kind == "as_scalar_type":
        return _TYPES[value][0]
    if kind == "as_device":
        return torch.device("cpu")
    if kind == "as_layout":
        return torch.strided
    if kind == "as_memory_format":
        return torch.contiguous_format
    raise UnsupportedOperatorError(f"an argument of kind {kind[:40]!r} is not read")


def _name_results(outputs: Any, found: Any, values: dict[str, Any]) -> None:
    """Keep what a node gives under the names that it states."""
    if len(outputs) == 1 and "as_tensors" in outputs[0]:
        outputs = [{"as_tensor": v} for v in outputs[0]["as_tensors"]]
    elif len(outputs) == 1:
        found = [found]
    for output, value in zip(outputs, found if outputs else [], strict=True):
        kind, entry = next(iter(output.items()))
        if kind == "as_tensor":
            values[entry["name"]] = value
        elif kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            values[entry["as_name"]] = value
