"""Stores: runs in one SQLite file, which a crash does not harm and a later run goes on with."""

from .partition import open_partition
from .run import StoredRun
from .store import Store

__all__ = ["Store", "StoredRun", "open_partition"]
