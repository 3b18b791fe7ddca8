"""Partitions read back from the files that `Partition.save` has written: JSON, npz, Parquet.

What a file says of single regions is proved again: every witness lies strictly inside the region
of its code, the codes are those of the network's units, and each comes once, in their order. That
these are all regions is the writer's word, as are the counts of decisions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..errors import ExactSplineError, FormatError
from ..formats.archive import Archive
from ..formats.files import PathLike, open_file, read_file
from ..formats.json.domain import domain_from_json
from ..formats.json.network import network_from_json
from ..formats.json.text import parse_json
from ..formats.limits import MAX_BINARY_BYTES, MAX_TEXT_BYTES, Budget
from ..partition.columns.description import GRAPH, PARTITION, VERSION, codes_of, digest
from ..partition.partition import Partition
from ..rationals import nearest_float
from ..search.decisions import Batch, Decisions
from ..search.packing import code_type

if TYPE_CHECKING:
    from ..network import Network

__all__ = ["READERS", "read_partition"]

_ROWS = 1 << 14  # regions that are looked at together
_A_GRAPH = "holds a graph; what `Partition.save` writes can be opened"
Point = tuple[Fraction, ...]


def read_partition(path: PathLike, network: Network | None = None) -> Partition:
    """Read what `save` has written; see `exactspline.open_partition`."""
    read = READERS[os.path.splitext(os.fspath(path))[1].lower()]
    return read(path, network)


class _Reading:
    """A partition that is being put together.

    Parameters
    ----------
    path : path-like
    header : mapping
        What the file says first.
    network : Network, optional
        For files of version 1, which do not hold theirs.
    """

    def __init__(self, path: PathLike, header: Mapping[str, Any], network: Network | None) -> None:
        self._path, self._header = path, header
        form, version = self._take("format", str), self._take("version", int)
        if form == GRAPH:
            self.refuse(_A_GRAPH)
        if form != PARTITION:
            self.refuse(f"is no partition (its format is {form[:80]!r})")
        if not 1 <= version <= VERSION[PARTITION]:
            self.refuse(f"version {version} is not known; up to {VERSION[PARTITION]} are read")
        if version > 1 and header.get("header_sha256") != digest(self._said()):
            self.refuse("its header is damaged (it is not what its SHA-256 was made of)")
        domain = domain_from_json(self._json("domain"), f"{path}: domain")
        sha256 = self._take("network_sha256", str)
        if version > 1:
            own = network_from_json(self._json("network"), f"{path}: network")
            own.sha256 = sha256[:64]
            if network is not None and network.program.sha256() != own.program.sha256():
                self.refuse("its network is another one than that which is given")
            network = own
        elif network is None:
            self.refuse("was written without its network; give it: open_partition(path, network)")
        elif network.sha256 != sha256:
            self.refuse(f"its network is another one than that which is given ({sha256[:80]!r})")
        if network.input_dim != domain.dim:
            self.refuse("its domain does not fit its network")
        self.dim = domain.chart.dim
        self.partition = Partition(network, domain)
        layers = network.program.layers
        self.pieces = np.concatenate([layer.units.pieces for layer in layers] or [np.zeros(0, int)])
        self._last: np.ndarray | None = None

    def refuse(self, why: str) -> NoReturn:
        """Raise an error that names the file."""
        raise FormatError(f"{self._path}: {why}")

    def _take(self, key: str, kind: type) -> Any:
        value = self._header.get(key)
        if not isinstance(value, kind):
            self.refuse(f"{key!r} is missing or malformed")
        return value

    def _said(self) -> dict[str, Any]:
        """The header without what stands beside it in a JSON file."""
        return {k: v for k, v in self._header.items() if k not in ("regions", "edges")}

    def _json(self, key: str) -> bytes:
        return json.dumps(self._take(key, dict), default=str).encode()

    def points(self, rows: list[Point]) -> tuple[np.ndarray, dict[int, Point]]:
        """Exact points as float64, and those apart that float64 does not hold."""
        array = np.zeros((len(rows), self.dim))
        exact = {}
        for i, row in enumerate(rows):
            if len(row) != self.dim:
                self.refuse(f"a witness has {len(row)} coordinates; it needs {self.dim}")
            array[i] = [nearest_float(v) for v in row]
            if not np.isfinite(array[i]).all() or tuple(map(Fraction, array[i].tolist())) != row:
                exact[i] = row
        return array, exact

    def append(self, codes: np.ndarray, points: np.ndarray, exact: dict[int, Point]) -> None:
        """Take the next regions in: in order, and with points that float64 holds or exact ones."""
        n = len(codes)
        if codes.shape != (n, len(self.pieces)) or points.shape != (n, self.dim):
            self.refuse("codes and witnesses do not fit the network and the domain")
        if codes.size and (codes.min() < 0 or np.any(codes >= self.pieces)):
            self.refuse("a unit has no such piece")
        before = codes if self._last is None else np.vstack([self._last, codes])
        if len(before) > 1 and not _increasing(before):
            self.refuse("its regions are not in the order of their codes")
        self._last = codes[-1:] if n else self._last
        code = codes.astype(code_type(self.pieces), copy=False)
        self.partition._append(Batch(code, points.astype(np.float64), exact))

    def finished(self) -> Partition:
        """The partition, all of its regions proved to be regions."""
        omega = self.partition
        omega._finish()
        if len(omega) != self._take("count", int):
            self.refuse(f"has {len(omega):,} regions where its header says another number")
        for start in range(0, len(omega), _ROWS):
            stop = min(start + _ROWS, len(omega))
            rows: Any = omega._points[start:stop]
            known = [i for i in omega.exact_witnesses if start <= i < stop]
            if known:
                rows = rows.astype(object)
                for i in known:
                    rows[i - start] = omega.exact_witnesses[i]
            found = omega.locate(rows, domain_coordinates=True)
            wrong = (found.region != np.arange(start, stop)) | found.on_boundary
            if wrong.any():
                region = start + int(np.flatnonzero(wrong)[0])
                self.refuse(f"the witness of region {region} does not lie in it")
        counts = self._take("decisions", dict)
        # files from before there was double-double do not name it
        tiers = {"double_double": 0, **counts}
        if tiers.keys() != asdict(Decisions()).keys() or any(
            not isinstance(v, int) or not 0 <= v < 2**62 for v in tiers.values()
        ):
            self.refuse("'decisions' is malformed")
        omega.decisions = Decisions(**tiers)
        omega.engine = self._take("engine", str)[:40]
        omega.complete = self._take("complete", bool)
        # from now on a point that lies in no region is a defect; the proof has not asked for it
        omega.__dict__.pop("_locator", None)
        return omega


def _increasing(codes: np.ndarray) -> bool:
    """Whether every code comes before the next one."""
    a, b = codes[:-1].astype(np.int64), codes[1:].astype(np.int64)
    differ = a != b
    if not differ.any(axis=1).all():
        return False
    first = differ.argmax(axis=1)
    rows = np.arange(len(a))
    return bool(np.all(a[rows, first] < b[rows, first]))


# ------------------------------------------------------------------------------------ JSON
def _read_json(path: PathLike, network: Network | None) -> Partition:
    budget = Budget()
    value = parse_json(read_file(path, MAX_TEXT_BYTES)[0], path, budget)
    if not isinstance(value, dict):
        raise FormatError(f"{path}: is no partition")
    if "nodes" in value and isinstance(value.get("graph"), dict):
        raise FormatError(f"{path}: {_A_GRAPH}")
    reading = _Reading(path, value, network)
    regions = value.get("regions")
    if not isinstance(regions, list):
        reading.refuse("'regions' is missing or malformed")
    for start in range(0, len(regions), _ROWS):
        texts, points = [], []
        for i, entry in enumerate(regions[start : start + _ROWS], start):
            code = entry.get("code") if isinstance(entry, dict) else None
            witness = entry.get("witness") if isinstance(entry, dict) else None
            if not isinstance(code, str) or not isinstance(witness, list):
                reading.refuse(f"region {i} needs a code and a witness")
            texts.append(code)
            points.append(_point(witness, f"{path}: region {i}", budget))
        reading.append(_codes(reading, texts), *reading.points(points))
    return reading.finished()


def _point(values: list[Any], where: str, budget: Budget) -> Point:
    if any(not isinstance(v, str) for v in values):
        raise FormatError(f"{where}: a witness is a list of texts p or p/q")
    return tuple(budget.read(v, where) for v in values)


def _codes(reading: _Reading, texts: list[str]) -> np.ndarray:
    try:
        return codes_of(texts, reading.pieces)
    except (ValueError, OverflowError) as error:  # UnicodeEncodeError is one, too
        reading.refuse(f"a code is malformed: {str(error)[:80]}")


# ------------------------------------------------------------------------------------ npz
def _read_npz(path: PathLike, network: Network | None) -> Partition:
    with open_file(path, MAX_BINARY_BYTES) as stream, Archive(stream, path) as archive:
        header, budget = _text(archive, "header", path), Budget()
        reading = _Reading(path, header, network)
        exact: dict[int, Point] = {}
        for key, values in _text(archive, "exact_witnesses", path).items():
            if not key.isdigit() or len(key) > 18 or not isinstance(values, list):
                reading.refuse("'exact_witnesses' is malformed")
            exact[int(key)] = _point(values, f"{path}: region {key}", budget)
        start = 0
        with archive.opened("codes") as codes, archive.opened("witnesses") as points:
            for array, kinds, rank in ((codes, "u", 2), (points, "f", 2)):
                if array.dtype.kind not in kinds or len(array.shape) != rank:
                    reading.refuse(f"{array.where}: is malformed")
            if codes.shape[0] != points.shape[0]:
                reading.refuse("it has not as many witnesses as codes")
            for code, point in zip(codes.rows(_ROWS), points.rows(_ROWS), strict=True):
                here = {i - start: exact[i] for i in exact if start <= i < start + len(code)}
                if not np.isfinite(point).all():
                    reading.refuse("a witness is not finite")
                if any(len(row) != reading.dim for row in here.values()):
                    reading.refuse("'exact_witnesses' is malformed")
                reading.append(code, point, here)
                start += len(code)
    return reading.finished()


def _text(archive: Archive, name: str, path: PathLike) -> dict[str, Any]:
    """A JSON object that is kept as an array of bytes."""
    with archive.opened(name) as array:
        if array.dtype != np.uint8 or len(array.shape) != 1 or array.count > MAX_TEXT_BYTES:
            raise FormatError(f"{array.where}: is malformed")
        data = array.whole().tobytes()
    value = parse_json(data, f"{path}: {name}", Budget())
    if not isinstance(value, dict):
        raise FormatError(f"{path}: {name}: is malformed")
    return value


# ------------------------------------------------------------------------------- Parquet
def _read_parquet(path: PathLike, network: Network | None) -> Partition:
    from .parquet import require_pyarrow

    pq = require_pyarrow()
    import pyarrow as pa

    with open_file(path, MAX_BINARY_BYTES) as stream:
        try:
            table = pq.ParquetFile(stream)
            metadata = table.schema_arrow.metadata or {}
            groups = [table.metadata.row_group(i) for i in range(table.metadata.num_row_groups)]
            size = sum(group.total_byte_size for group in groups)
            if size > MAX_BINARY_BYTES:
                raise FormatError(
                    f"{path}: unpacks to {size:,} bytes, more than {MAX_BINARY_BYTES:,}"
                )
            header = parse_json(metadata.get(b"exactspline", b"null"), path, Budget())
            if not isinstance(header, dict):
                raise FormatError(f"{path}: is a table, but no partition")
            reading = _Reading(path, header, network)
            for columns in _columns(table):
                _append_columns(reading, columns, path)
        except ExactSplineError:
            raise
        # ArrowException is not the base of all that pyarrow raises
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
            text = " ".join(str(error).split())[:200]
            raise FormatError(f"{path}: cannot be read as Parquet ({text})") from None
    return reading.finished()


def _columns(table: Any) -> Iterator[Mapping[str, list[Any]]]:
    names = ["code", "witness", "witness_exact"]
    for batch in table.iter_batches(batch_size=_ROWS, columns=names):
        yield batch.to_pydict()


def _append_columns(reading: _Reading, columns: Mapping[str, list[Any]], path: PathLike) -> None:
    budget = Budget()
    texts, points, exact = columns["code"], columns["witness"], {}
    if any(not isinstance(text, str) for text in texts):
        reading.refuse("a code is no text")
    rows = np.zeros((len(points), reading.dim))
    for i, (point, known) in enumerate(zip(points, columns["witness_exact"], strict=True)):
        if not isinstance(point, list) or len(point) != reading.dim:
            reading.refuse(f"a witness needs {reading.dim} coordinates")
        rows[i] = point
        if known is not None:
            exact[i] = _point(known, f"{path}: witness_exact", budget)
            if len(exact[i]) != reading.dim:
                reading.refuse(f"a witness needs {reading.dim} coordinates")
    if not np.isfinite(rows).all():
        reading.refuse("a witness is not finite")
    reading.append(_codes(reading, texts), rows, exact)


READERS = {".json": _read_json, ".npz": _read_npz, ".parquet": _read_parquet}
