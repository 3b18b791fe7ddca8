"""Numbers that stand in another file beside the model: ``model.onnx.data``.

The model says which file, where in it and how many bytes. It is a stranger's word: the file must
lie in the model's own folder, under a plain name, and must not be a link that leads elsewhere; what
is read must lie inside of it, and be as long as the tensor's shape says, before memory is taken.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from ...errors import FormatError
from ...texts import plain
from ..files import PathLike, scan_stream
from ..limits import MAX_BINARY_BYTES

if TYPE_CHECKING:
    from onnx import TensorProto

__all__ = ["ExternalFiles"]

_KEYS = frozenset({"location", "offset", "length", "checksum", "basepath"})
_MOST_READS = 4  # times the size of a file: tensors may share bytes, but not without end
_INSTEAD = (
    "save the model with onnx.save(model, 'model.onnx', save_as_external_data=True, "
    "location='model.onnx.data'), so that both files lie in one folder, or as one file"
)


class ExternalFiles:
    """The files of one model's folder that its tensors name.

    Parameters
    ----------
    model : path-like or None
        The model's own file; None if there is none, then no file is read.

    Attributes
    ----------
    bytes : int
        The sizes of all files that were opened.
    """

    def __init__(self, model: PathLike | None = None) -> None:
        self._folder = None if model is None else os.path.dirname(os.path.abspath(os.fspath(model)))
        self._files: dict[str, tuple[str, int]] = {}  # name to path and size
        self._read: dict[str, int] = {}
        self.bytes = 0

    def read(self, tensor: TensorProto, needed: int, where: str) -> bytes:
        """The bytes of a tensor.

        Parameters
        ----------
        tensor : TensorProto
        needed : int
            How many its shape and type take.
        where : str
            For messages.

        Raises
        ------
        FormatError
            If the file lies elsewhere, is no regular file, or does not hold these bytes.
        """
        fields: dict[str, str] = {}
        for entry in tensor.external_data:
            if not isinstance(entry.key, str) or not isinstance(entry.value, str):
                raise FormatError(
                    f"{where}: its external data are no UTF-8 text; the file is damaged"
                )
            if entry.key in fields or entry.key not in _KEYS:
                raise FormatError(
                    f"{where}: its external data have the key {entry.key[:80]!r} twice, or it is "
                    f"none of ONNX's; {_INSTEAD}"
                )
            fields[entry.key] = entry.value
        if "location" not in fields:
            raise FormatError(f"{where}: its external data name no file; {_INSTEAD}")
        path, size = self._file(fields["location"], where)
        offset = _size(fields.get("offset", "0"), "offset", where)
        length = _size(fields.get("length", str(needed)), "length", where)
        name = fields["location"]
        if length != needed:
            raise FormatError(
                f"{where}: its shape needs {needed:,} bytes, but {length:,} of {name!r} are named; "
                "the file is damaged"
            )
        if offset + length > size:
            raise FormatError(
                f"{where}: bytes {offset:,} to {offset + length:,} of {name!r} are named, but it "
                f"has {size:,}; the file is damaged or belongs to another model"
            )
        self._read[name] = self._read.get(name, 0) + length
        if self._read[name] > _MOST_READS * size:
            raise FormatError(
                f"{where}: tensors read {name!r} more than {_MOST_READS} times over; {_INSTEAD}"
            )
        try:
            with open(path, "rb") as stream:
                stream.seek(offset)
                data = stream.read(length)
        except OSError as error:
            raise FormatError(f"{where}: {name!r} cannot be read ({error.strerror})") from None
        if len(data) != length:
            raise FormatError(f"{where}: {name!r} became shorter while it was read")
        return data

    def _file(self, name: str, where: str) -> tuple[str, int]:
        """Path and size of a file of the model's folder."""
        if name in self._files:
            return self._files[name]
        shown = repr(plain(name[:200]))
        if self._folder is None:
            raise FormatError(f"{where}: its data stand in another file, {shown}; {_INSTEAD}")
        if not name or name in (".", "..") or any(c in name for c in "/\\:\0"):
            raise FormatError(
                f"{where}: its data stand in {shown}, which is no plain name of a file beside the "
                f"model; {_INSTEAD}"
            )
        path = os.path.realpath(os.path.join(self._folder, name))
        if os.path.dirname(path) != os.path.realpath(self._folder):
            raise FormatError(
                f"{where}: its data stand in {shown}, a link that leads out of the model's folder; "
                "copy the file itself there"
            )
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FormatError(
                f"{where}: its data stand in {shown}, which cannot be read ({reason}); put it "
                "beside the model, under this name"
            ) from None
        if not stat.S_ISREG(status.st_mode):
            raise FormatError(f"{where}: its data stand in {shown}, which is no regular file")
        if status.st_size > MAX_BINARY_BYTES:
            raise FormatError(
                f"{where}: {shown} has {status.st_size:,} bytes; files of this kind are read up to "
                f"{MAX_BINARY_BYTES:,}"
            )
        self._files[name] = path, status.st_size
        self.bytes += status.st_size
        return self._files[name]

    def sha256(self, model: str) -> str:
        """The hash of the model with these files: of the model's own if there are none."""
        if not self._files:
            return model
        digest = hashlib.sha256(model.encode())
        for name, (path, _) in sorted(self._files.items()):
            with open(path, "rb") as stream:
                digest.update(f"\n{name} {scan_stream(stream, b' ')[0]}".encode())
        return digest.hexdigest()


def _size(text: str, what: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise FormatError(
            f"{where}: its external data have the {what} {text[:40]!r}, which is no size; the file "
            "is damaged"
        )
    return int(text)
