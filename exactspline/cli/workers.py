"""Who searches: this process, several processes, or a cluster."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import ParameterError, WorkerError
from .signals import uninterrupted

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["workers"]

_MAX_WORKERS = 1024
_PATIENCE = "10s"  # for a scheduler to answer


@contextlib.contextmanager
def workers(arguments: argparse.Namespace) -> Iterator[Executor | None]:
    """The executor that --workers or --dask asks for; None if neither does."""
    if arguments.dask is not None:
        with _cluster(arguments.dask) as executor:
            yield executor
    elif arguments.workers is not None and arguments.workers > 1:
        from ..tasks.workers import end, processes

        if arguments.workers > _MAX_WORKERS:
            raise ParameterError(f"--workers {arguments.workers:,}: at most {_MAX_WORKERS:,}")
        pool = processes(arguments.workers)
        try:
            yield pool
        finally:
            with uninterrupted():  # half an end would leave processes behind
                end(pool)
    else:
        yield None


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
        from distributed.comm import parse_address
        from distributed.comm.registry import get_backend
    except ImportError:
        raise ParameterError(
            "--dask needs dask.distributed: pip install 'exactspline[dask]'"
        ) from None
    try:
        get_backend(parse_address(address)[0])  # half a client would not end quietly
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, ImportError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise WorkerError(f"--dask {address}: no scheduler answers ({reason})") from None
    with contextlib.closing(client):
        if not client.ncores():
            raise WorkerError(f"--dask {address}: the cluster has no workers; start some")
        yield client.get_executor()
