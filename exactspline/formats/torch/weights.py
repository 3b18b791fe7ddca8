"""State dict files of PyTorch: loaded with ``weights_only``, and looked through before that.

Such a file is a zip archive of a pickle, which says what tensors there are, and their numbers.
torch trusts the sizes that the pickle states; here they are compared with what is there first.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from typing import Any

import torch

from ...errors import FormatError
from ..files import PathLike, open_file
from ..limits import MAX_BINARY_BYTES

__all__ = ["load_weights"]

_MAX_MEMBERS = 100_000
_MAX_PICKLE = 1 << 26
_ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1,
}  # fmt: skip


def load_weights(module: torch.nn.Module, path: PathLike) -> None:
    """Load a state dict into a module; its parameters take the types of the stored numbers.

    Raises
    ------
    FormatError
        If the file is unreadable, too large (1 GiB), damaged, holds anything but tensors, or
        does not fit the module.
    """
    with open_file(path, MAX_BINARY_BYTES) as stream:
        try:
            _check_archive(stream, path)
            stream.seek(0)
            state = torch.load(stream, map_location="cpu", weights_only=True)
        except FormatError:
            raise
        except Exception as error:
            text = (
                re.sub(r"\x1b\[[0-9;]*m", "", str(error))
                .strip()
                .split("\n")[0]
                .split(". ")[0][:200]
            )
            raise FormatError(
                f"{path}: is no state dict that can be loaded with weights_only "
                f"({type(error).__name__}: {text}); write it by torch.save(module.state_dict(), "
                "path)"
            ) from None
    if not isinstance(state, dict) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()
    ):
        raise FormatError(
            f"{path}: holds a {type(state).__name__} that is no dictionary of tensors; "
            "save module.state_dict() alone"
        )
    try:
        module.load_state_dict(state, assign=True)
    except Exception as error:
        text = " ".join(str(error).split())[:400]
        raise FormatError(f"{path}: the state dict does not fit the module: {text}") from None


def _check_archive(stream: Any, path: PathLike) -> None:
    """Compare what the pickle asks for with what the archive holds."""
    if not zipfile.is_zipfile(stream):
        raise FormatError(
            f"{path}: is no zip archive; state dicts are read as torch.save writes them since 1.6"
        )
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if len(members) > _MAX_MEMBERS:
            raise FormatError(f"{path}: has {len(members):,} members; up to {_MAX_MEMBERS:,}")
        if any("/code/" in info.filename for info in members):
            raise FormatError(
                f"{path}: holds code, as torch.jit.save writes it; give a state dict: "
                "torch.save(module.state_dict(), path)"
            )
        sizes = {}
        for info in members:
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise FormatError(f"{path}: member {info.filename[:80]!r} is compressed")
            sizes[info.filename.partition("/")[2]] = info.file_size
        pickles = [info for info in members if info.filename.partition("/")[2] == "data.pkl"]
        if len(pickles) != 1 or len(sizes) != len(members) or pickles[0].file_size > _MAX_PICKLE:
            raise FormatError(f"{path}: has no data.pkl of at most {_MAX_PICKLE:,} bytes")
        _Sizes(archive.read(pickles[0]), sizes, path).load()


class _Nothing:
    """Stands for whatever a pickle would make; nothing is made while sizes are compared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> _Nothing:
        return self

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


class _Sizes(pickle.Unpickler):
    """Walks a pickle without making any object, and checks the size of every storage."""

    def __init__(self, data: bytes, sizes: dict[str, int], path: PathLike) -> None:
        super().__init__(io.BytesIO(data))
        self._sizes = sizes
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        return type(name, (_Nothing,), {})

    def persistent_load(self, pid: Any) -> Any:
        try:
            _, kind, key, _, count = pid
            needed = _ITEM_BYTES[kind.__name__] * int(count)
            there = self._sizes[f"data/{key}"]
        except (TypeError, ValueError, KeyError, AttributeError):
            raise FormatError(
                f"{self._path}: holds something that is no tensor of plain numbers"
            ) from None
        if needed < 0 or needed > there:
            raise FormatError(
                f"{self._path}: a tensor needs {needed:,} bytes, but {there:,} are there"
            )
        return _Nothing()
