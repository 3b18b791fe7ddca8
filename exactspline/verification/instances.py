"""Tables of instances as the competition has them: networks, a property, seconds a line."""

from __future__ import annotations

import csv
import gzip
import re
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FormatError
from ..formats import load
from ..formats.files import PathLike, read_file
from ..formats.limits import MAX_BINARY_BYTES, MAX_TEXT_BYTES
from ..formats.vnnlib.declared import Query
from ..formats.vnnlib.query import Formula, load_query
from ..formats.vnnlib.query2 import is_version_two, load_query_two
from ..formats.vnnlib.reader import text_of
from ..rationals import format_rational
from .assignments import assignment_text
from .queries import QueryAnswer, verify_query
from .runtime import Measured, measured_answer, measured_query
from .verify import Answer, verify

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["COLUMNS", "Decided", "Instance", "decide", "instances", "known_results"]

COLUMNS = ("onnx", "vnnlib", "verdict", "seconds", "regions", "counterexample")
_MOST_BYTES = 1 << 24  # of a table
_PAIR = re.compile(r"\(\s*(['\"])([^'\"()]*)\1\s*,\s*(['\"])([^'\"()]*)\3\s*\)")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Instance:
    """One line of a table.

    Attributes
    ----------
    onnx, vnnlib : str
        As the table has them.
    seconds : float or None
    """

    onnx: str
    vnnlib: str
    seconds: float | None

    @property
    def networks(self) -> dict[str, str]:
        """Files by the names of networks; one without a name has the name ""."""
        text = self.onnx
        if not text.startswith("["):
            return {"": text}
        pairs = [(m[2], m[4]) for m in _PAIR.finditer(text)]
        if not _is_list_of_pairs(text) or len({name for name, _ in pairs}) != len(pairs):
            raise FormatError(
                f"{text[:80]!r} is no list of pairs of a network's name and its file, "
                "[('f', 'a.onnx'), ('g', 'b.onnx')]"
            )
        return dict(pairs)


def _is_list_of_pairs(text: str) -> bool:
    left = _PAIR.sub("P", text)
    return re.fullmatch(r"\[\s*P(\s*,\s*P)*\s*,?\s*\]", left) is not None


@dataclass
class Decided:
    """What came out of one property.

    Attributes
    ----------
    verdict : str
        "sat", "unsat", "timeout" or "unknown".
    answer : Answer or QueryAnswer
    query : Query or None
        Of version 2.0.
    measured : Measured or None
        What onnxruntime computes at the satisfying values.
    """

    verdict: str
    answer: Answer | QueryAnswer
    query: Query | None = None
    measured: Measured | None = None

    @property
    def values(self) -> dict[str, tuple[Fraction, ...]]:
        """The satisfying values by variable, exactly."""
        if isinstance(self.answer, QueryAnswer):
            return self.answer.values
        if self.answer.input is None or self.answer.output is None:
            return {}
        return {"X": self.answer.input, "Y": self.answer.output}

    @property
    def text(self) -> str:
        """The satisfying values as the standard of the property's version prints them."""
        if self.verdict != "sat":
            return ""
        if isinstance(self.answer, QueryAnswer):
            assert self.query is not None
            return assignment_text(self.query, self.answer.values)
        return self.answer.assignment()

    @property
    def counterexample(self) -> str:
        """All inputs as fractions on one line."""
        if isinstance(self.answer, Answer):
            return " ".join(format_rational(v) for v in self.answer.input or ())
        assert self.query is not None
        inputs = [t.name for n in self.query.networks for t in n.of("input")]
        return "; ".join(
            f"{name} = {' '.join(format_rational(v) for v in self.answer.values[name])}"
            for name in inputs if name in self.answer.values
        )  # fmt: skip


def decide(
    networks: Mapping[str, str], path: str, seconds: float | None, *, measure: bool = True,
    order: str = "auto", executor: Executor | None = None, progress: Any = None,
    store: str | None = None, resume: bool = False,
) -> Decided:  # fmt: skip
    """Decide one property of any version.

    Parameters
    ----------
    networks : mapping of str to str
        Files by the names that a query of version 2.0 has for them; "" for the only one.
    path : str
        The property. Files that end in .gz are unpacked.
    seconds : float or None
        In all, reading included; 0 is over at once.
    measure : bool
        Whether satisfying values go through onnxruntime as well.
    order : str
        As in `exactspline.prove`.
    executor : Executor, optional
    progress : callable or bool, optional
        As in `exactspline.prove`.
    store, resume
        As in `verify`.

    Raises
    ------
    FormatError, UnsupportedOperatorError, DomainError, ParameterError, StoreError
    """
    start = time.monotonic()
    how: dict[str, Any] = {
        "order": order, "executor": executor, "progress": progress, "store": store,
        "resume": resume,
    }  # fmt: skip
    with _unpacked() as unpacked:
        own = unpacked(path, MAX_TEXT_BYTES)
        files = {name: unpacked(file, MAX_BINARY_BYTES) for name, file in networks.items()}
        if is_version_two(text_of(own)):
            return _of_query(own, files, seconds, start, measure, how)
        if len(files) != 1:
            raise FormatError(
                f"{path}: a property of VNN-LIB 1.0 is of one network; {len(files)} are given"
            )
        (file,) = files.values()
        network = load(file)
        formula: Formula = load_query(own, network.input_dim, network.output_dim)
        left = None if seconds is None else max(0.0, seconds - (time.monotonic() - start))
        answer = verify(network, formula, time_limit=left, **how)
        found = None
        if measure and answer.input is not None:
            point = answer.input
            if answer.float_input is not None:
                point = tuple(Fraction(v) for v in answer.float_input)
            found = measured_answer(file, formula, point, network.output_dim)
        return Decided(answer.verdict, answer, measured=found)


def _of_query(
    path: str, files: dict[str, str], seconds: float | None, start: float, measure: bool,
    how: Mapping[str, Any],
) -> Decided:  # fmt: skip
    query = load_query_two(path)
    if set(files) == {""}:
        wanted = [n.name for n in query.networks if n.equal_to is None]
        if len(wanted) != 1:
            raise FormatError(
                f"{path}: declares {len(wanted)} networks; name the file of each: "
                + " ".join(f"--network {name}=FILE.onnx" for name in wanted[:4])
            )
        files = {wanted[0]: files[""]}
    every = query.files(files)
    left = None if seconds is None else max(0.0, seconds - (time.monotonic() - start))
    answer = verify_query(query, files, time_limit=left, **how)
    found = None
    if measure and answer.verdict == "sat":
        found = measured_query(query, every, answer.values)
    return Decided(answer.verdict, answer, query, found)


# --- packed files ----------------------------------------------------------------------------


class _Unpacker:
    """Puts what .gz files hold into a folder of its own."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0

    def __call__(self, path: str, most: int) -> str:
        """The file itself, or an unpacked copy of at most so many bytes."""
        if not path.lower().endswith(".gz"):
            packed = f"{path}.gz"
            if Path(path).exists() or not Path(packed).exists():
                return path
            path = packed
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="exactspline-")
        self._count += 1
        folder = Path(self._folder.name) / str(self._count)
        folder.mkdir()
        out = folder / Path(path).name[:-3]
        size = 0
        try:
            with gzip.open(path, "rb") as source, out.open("wb") as target:
                while chunk := source.read(_CHUNK):
                    size += len(chunk)
                    if size > most:
                        raise FormatError(f"{path}: holds more than {most:,} bytes")
                    target.write(chunk)
        except FileNotFoundError:
            raise FormatError(f"{path}: there is no such file") from None
        except (OSError, EOFError, zlib.error) as error:
            raise FormatError(f"{path}: cannot be unpacked ({error})") from None
        return str(out)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            self._folder.cleanup()


@contextmanager
def _unpacked() -> Iterator[_Unpacker]:
    unpacker = _Unpacker()
    try:
        yield unpacker
    finally:
        unpacker.close()


# --- tables ----------------------------------------------------------------------------------


def instances(path: PathLike, most: float | None = None) -> Iterator[Instance]:
    """The lines of a table: network, property, seconds (``most`` at most).

    Raises
    ------
    FormatError
        If it is unreadable, over 16 MiB, or a line has other columns.
    """
    for number, row in enumerate(_rows(path), 1):
        if not row:
            continue
        if len(row) not in (2, 3):
            raise FormatError(
                f"{path}, line {number}: {len(row)} columns; network, property and seconds are read"
            )
        seconds = most
        if len(row) == 3 and row[2].strip():
            try:
                own = float(row[2])
            except ValueError:
                if number == 1:  # a header
                    continue
                raise FormatError(
                    f"{path}, line {number}: {row[2][:40]!r} is no number of seconds"
                ) from None
            if not own >= 0:
                raise FormatError(f"{path}, line {number}: {row[2][:40]!r} seconds")
            seconds = own if most is None else min(own, most)
        yield Instance(row[0].strip(), row[1].strip(), seconds)


def known_results(path: Path) -> Counter[tuple[str, str]]:
    """How often a file of results has a network and property; an unfinished last line goes.

    Raises
    ------
    FormatError
        If it is none.
    """
    if not path.exists() or path.stat().st_size == 0:
        return Counter()
    rows = list(_rows(path))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise FormatError(
            f"{path}: is no file of results: its first line is not {','.join(COLUMNS)}"
        )
    with path.open("rb+") as stream:
        data = stream.read()
        if not data.endswith(b"\n"):
            stream.truncate(data.rfind(b"\n") + 1)
            rows.pop()
    return Counter((row[0], row[1]) for row in rows[1:] if len(row) == len(COLUMNS))


def _rows(path: PathLike) -> list[list[str]]:
    data, _ = read_file(path, _MOST_BYTES)
    try:
        return list(csv.reader(data.decode("utf-8").splitlines()))
    except UnicodeDecodeError:
        raise FormatError(f"{path}: is no UTF-8 text") from None
    except csv.Error as error:
        raise FormatError(f"{path}: is no table of commas ({error})") from None
