"""The SQLite file of a store: opened with distrust, its errors in words of ours."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from ..errors import StoreError

__all__ = [
    "APPLICATION", "CONDITIONED", "REGIONS", "SCHEMA", "SEARCHES", "VERSION", "Kind", "connect",
    "create", "errors", "is_empty",
]  # fmt: skip

APPLICATION = 0x45785370  # "ExSp": how file(1) and we tell a store from other databases
VERSION = 3
# No index: what is read goes through a table from its beginning, and a damaged index would
# answer with other rows.
SCHEMA = (
    "CREATE TABLE meta (key TEXT NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE totals (id INTEGER PRIMARY KEY CHECK (id = 1), regions INTEGER NOT NULL, "
    "tasks INTEGER NOT NULL, chunks INTEGER NOT NULL, digest INTEGER NOT NULL, "
    "by_float INTEGER NOT NULL, by_integer INTEGER NOT NULL, by_double_double INTEGER NOT NULL, "
    "by_rational INTEGER NOT NULL, "
    "seconds REAL NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE tasks (id INTEGER PRIMARY KEY, first BLOB NOT NULL, depth INTEGER NOT NULL, "
    "weight REAL NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY, regions INTEGER NOT NULL, "
    "rational INTEGER NOT NULL, content INTEGER NOT NULL, checksum INTEGER NOT NULL, "
    "first BLOB NOT NULL, last BLOB NOT NULL, codes BLOB NOT NULL, points BLOB NOT NULL, "
    "exact BLOB NOT NULL, facets BLOB)",
)
# What a verification has decided: its searches for a point, and what remains of them.
_META = SCHEMA[0]
_SEARCHES = (
    _META,
    "CREATE TABLE totals (id INTEGER PRIMARY KEY CHECK (id = 1), searches INTEGER NOT NULL, "
    "tasks INTEGER NOT NULL, digest INTEGER NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE searches (id INTEGER PRIMARY KEY, key BLOB NOT NULL, verdict INTEGER NOT NULL, "
    "tried INTEGER NOT NULL, regions INTEGER NOT NULL, by_float INTEGER NOT NULL, "
    "by_integer INTEGER NOT NULL, by_double_double INTEGER NOT NULL, "
    "by_rational INTEGER NOT NULL, seconds REAL NOT NULL, point BLOB NOT NULL, "
    "code BLOB NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE tasks (id INTEGER PRIMARY KEY, search INTEGER NOT NULL, first BLOB NOT NULL, "
    "depth INTEGER NOT NULL, weight REAL NOT NULL, checksum INTEGER NOT NULL)",
)
_PAGE = 4096  # bytes of a page of the file
_MAX_BLOB = 1 << 30  # bytes of one value


@dataclass(frozen=True)
class Kind:
    """A kind of store: how its file is told from others, and its tables.

    Attributes
    ----------
    application, version : int
    schema : tuple of str
    name : str
        What messages call it.
    """

    application: int
    version: int
    schema: tuple[str, ...]
    name: str


REGIONS = Kind(APPLICATION, VERSION, SCHEMA, "the store of an enumeration")
SEARCHES = Kind(0x45785376, 1, _SEARCHES, "the store of a verification")  # "ExSv"
CONDITIONED = Kind(0x45785377, 1, SCHEMA, "the store of a search under a condition")  # "ExSw"
_KINDS = {kind.application: kind for kind in (REGIONS, SEARCHES, CONDITIONED)}


@contextlib.contextmanager
def errors(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ``StoreError`` with what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {_explained(error)}") from error
    except UnicodeDecodeError:  # SQLite names what it has found in a damaged file
        raise StoreError(f"{path}: is damaged; take a copy of the store, or search again") from None
    except (OverflowError, MemoryError) as error:
        raise StoreError(f"{path}: a value is too large ({error})") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened ({error.strerror or error})") from None


def _explained(error: sqlite3.Error) -> str:
    text = str(error) or type(error).__name__
    low = text.lower()
    if "full" in low:
        return "the disk is full; what was stored before is intact: make room, and resume the run"
    if "disk i/o" in low:
        return (
            f"the disk fails or is full ({text}); what was stored before is intact: make room or "
            "move the file, and resume the run"
        )
    if "not a database" in low:
        return "is no store of exactspline"
    if "malformed" in low or "corrupt" in low:
        return f"is damaged or cut off ({text}); take a copy of the store, or search again"
    if "readonly" in low or "read-only" in low:
        return "cannot be written (read-only); change its rights or copy it"
    if "locked" in low or "busy" in low:
        return "is in use by another program; try again"
    if "unable to open" in low:
        return f"cannot be opened ({text}); check that it is there, and the rights of its folder"
    return f"cannot be used ({text})"


def is_empty(path: str) -> bool:
    """Whether there is nothing at a path that a new store would overwrite.

    A run that was killed while it made its store leaves a database without tables: a page at
    most. A longer file without them has lost them, and is not written over.

    Raises
    ------
    StoreError
        For what is no regular file.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{path}: cannot be opened ({reason})") from None
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path}: is no regular file; give the name of a file")
    if status.st_size == 0:
        return True
    with errors(path), contextlib.closing(_reading(path)) as database:
        mine = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        size = os.path.getsize(path)
    return bool(mine in (0, *_KINDS) and tables == 0 and size <= _PAGE)


def _opened(path: str, mode: str) -> sqlite3.Connection:
    name = quote(os.fsencode(os.path.abspath(path)))  # of any bytes
    database = sqlite3.connect(
        f"file:{name}?mode={mode}", uri=True, isolation_level=None, timeout=10.0,
        check_same_thread=False,
    )  # fmt: skip
    database.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        if hasattr(database, "setlimit"):
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_BLOB)
            database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            database.execute(f"PRAGMA {pragma}")
    except BaseException:
        database.close()
        raise
    return database


def _reading(path: str) -> sqlite3.Connection:
    """Open a file that is only read.

    A run that was killed while it made or finished its store leaves a journal beside it. SQLite
    undoes what that says when the file is opened to be written, and refuses to read it before.
    """
    database = _opened(path, "ro")
    try:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        database.close()
        if "readonly" not in str(error) or not os.path.exists(f"{os.path.realpath(path)}-journal"):
            raise
        with contextlib.closing(_opened(path, "rw")) as writing:
            writing.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return _opened(path, "ro")
    except BaseException:
        database.close()
        raise
    return database


def connect(path: str, *, write: bool, kind: Kind = REGIONS) -> sqlite3.Connection:
    """Open a store's database.

    Parameters
    ----------
    path : str
    write : bool
    kind : Kind

    Raises
    ------
    StoreError
        If it is missing, no store, cut off, of a newer release, or may not be written.
    """
    if is_empty(path):
        raise StoreError(f"{path}: there is no store; begin a run with this name")
    if write and not os.access(path, os.W_OK):
        raise StoreError(f"{path}: cannot be written (read-only); change its rights or copy it")
    with errors(path):
        database = _opened(path, "rw") if write else _reading(path)
        try:
            _check(path, database, kind)
        except BaseException:
            database.close()
            raise
        return database


def _check(path: str, database: sqlite3.Connection, kind: Kind) -> None:
    """Refuse what is no store of this release: nothing but the known tables may be there."""
    (mine,), (version,) = (
        database.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if mine != kind.application:
        if mine in _KINDS:
            raise StoreError(f"{path}: is {_KINDS[mine].name}, not {kind.name}; give another file")
        raise StoreError(f"{path}: is a database, but no store of exactspline")
    if version < kind.version:
        raise StoreError(
            f"{path}: has version {version} of the format, which is not read any more (now "
            f"{kind.version}); search again into a new file, or use the release that wrote it"
        )
    if version != kind.version:
        raise StoreError(
            f"{path}: has version {version} of the format, this release reads {kind.version}; use "
            "the release that wrote it, or search again into a new file"
        )
    found = database.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid LIMIT 20"
    ).fetchall()
    names = [statement.split()[2] for statement in kind.schema]
    if found != [("table", n, n, sql) for n, sql in zip(names, kind.schema, strict=True)]:
        raise StoreError(
            f"{path}: its tables are not those of a store of exactspline; take a copy of the "
            "store, or search again"
        )
    # pages that the file should have; those of a write-ahead log come on top
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    size = database.execute("PRAGMA page_size").fetchone()[0]
    log = f"{os.path.realpath(path)}-wal"  # SQLite follows links, too
    behind = os.path.getsize(log) if os.path.exists(log) else 0
    if os.path.getsize(path) + behind < pages * size:
        raise StoreError(
            f"{path}: is damaged or cut off ({os.path.getsize(path):,} of {pages * size:,} bytes "
            "are there); take a copy of the store, or search again"
        )


def create(path: str, fill: Callable[[sqlite3.Connection], None], kind: Kind = REGIONS) -> None:
    """Make an empty store in one transaction; ``fill`` takes the connection, within it.

    Raises
    ------
    StoreError
        If the file cannot be written, or is something else.
    """
    with errors(path), contextlib.closing(_opened(path, "rwc")) as database:
        database.execute(f"PRAGMA page_size = {_PAGE}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN IMMEDIATE")
        try:
            database.execute(f"PRAGMA application_id = {kind.application}")
            database.execute(f"PRAGMA user_version = {kind.version}")
            for statement in kind.schema:
                database.execute(statement)
            fill(database)
            database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # it may have been rolled back already
                database.execute("ROLLBACK")
            raise
