"""A task: one part of one search, as plain data without code; and what comes back.

Whoever has exactspline installed can run a task: another thread, process or machine. What
travels are bytes, numbers and texts.
"""

from __future__ import annotations

import functools
import json
import math
import signal
import threading
import time
import zlib
from dataclasses import dataclass, replace

from ..clock import Clock, OutOfTime, check, current
from ..compile.program import Program
from ..domain import Domain
from ..formats.json.domain import domain_from_json, domain_to_json
from ..formats.json.network import network_from_json, network_to_json
from ..mode import guarded
from ..network.network import Network
from ..search.decisions import COMPILING, Decisions
from ..search.goal import Goal
from ..search.part import Part
from ..search.run import Run
from ..search.warm import warm_up
from .chunk import Chunk, encode_batch
from .merge import merged

__all__ = [
    "Task", "TaskResult", "load_kernels", "nothing_done", "pack_problem", "run_of", "run_task",
    "work_on",
]  # fmt: skip

_DESCENTS = 4  # a task lasts at least so many times as long as the way to its part


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Parameters
    ----------
    network, domain : bytes
        Their JSON forms, compressed.
    part : Part
        Where to search.
    engine : str
    keep : bool
        Whether codes and witnesses come back, or only their number.
    facets : bool
        Whether the regions' facets come back, too.
    seconds : float
        How long to search, the way to the part not counted.
    split : int
        Into how many parts at most the rest is cut.
    limit : int
        Regions after which to stop.
    within : float
        Seconds after which it is to be over, the way to the part and all steps included.
    goal : Goal, optional
        What is sought: cells on which it holds nowhere may be left out.
    """

    network: bytes
    domain: bytes
    part: Part
    engine: str
    keep: bool
    facets: bool
    seconds: float
    split: int
    limit: int
    within: float = math.inf
    goal: Goal | None = None


@dataclass
class TaskResult:
    """What a worker has done: regions in order, and what remains, in order.

    All regions of ``remaining`` come after those found.
    """

    regions: int
    chunks: list[Chunk]
    remaining: list[Part]
    decisions: Decisions
    seconds: float
    engine: str
    closed: int = 0  # cells on which a goal holds nowhere


@guarded
def pack_problem(network: Network, domain: Domain) -> tuple[bytes, bytes]:
    """A network and a domain as tasks carry them.

    Raises
    ------
    UnsupportedOperatorError
        If an operator is none of exactspline's own: workers could not know it.
    FormatError
        If the domain is of a class that has no JSON form.
    """
    values = network_to_json(network), domain_to_json(domain)
    out = []
    for value in values:
        check()
        text = json.dumps(value, separators=(",", ":")).encode()
        check()
        out.append(zlib.compress(text, 6))
    return out[0], out[1]


@functools.lru_cache(maxsize=2)
def _problem(network: bytes, domain: bytes) -> tuple[Network, Domain]:
    """The network and the domain of a task, kept for the tasks that follow."""
    net = network_from_json(zlib.decompress(network), "the network of a task")
    return net, domain_from_json(zlib.decompress(domain), "the domain of a task")


@guarded
def run_task(task: Task) -> TaskResult:
    """Search a part for a while.

    Parameters
    ----------
    task : Task

    Returns
    -------
    TaskResult
    """
    _leave_interrupts_to_the_parent()
    clock = Clock(last=None if math.isinf(task.within) else time.monotonic() + task.within)
    try:
        with clock.running():
            network, domain = _problem(task.network, task.domain)
            run = run_of(task, network.program, domain)
            if run.needs_kernels:
                # takes a second, which is no part of the way
                load_kernels(run.engine_name, task.facets)
            return work_on(run, task.seconds, task.split)
    except OutOfTime:
        return nothing_done(task)


def run_of(task: Task, program: Program, domain: Domain) -> Run:
    """The run of a task; it may be stopped by the clock."""
    return Run(
        program, domain, keep=task.keep, max_regions=task.limit, engine=task.engine,
        facets=task.facets, part=task.part, goal=task.goal,
    )  # fmt: skip


def nothing_done(task: Task) -> TaskResult:
    """The result of a task that was stopped before it could begin."""
    return TaskResult(0, [], [task.part], Decisions(), 0.0, task.engine)


@functools.cache
@guarded
def load_kernels(engine: str, facets: bool) -> None:
    """Bring an engine's kernels into this process, once."""
    warm_up(engine, facets=facets)


@guarded
def work_on(run: Run, seconds: float, split: int) -> TaskResult:
    """Go on with a run for a while and hand over what it has found since the last time.

    The clock that is asked here, if any, ends it wherever it is.
    """
    start, outer = time.monotonic(), current()
    before, regions, place = replace(run.decisions), run.regions, _place(run)
    closed = run.closed
    # stops as soon as it is at its part
    batches = list(run.batches(Clock(start, outer=outer)))
    on_the_way = time.monotonic() - start
    left = max(seconds, _DESCENTS * on_the_way)
    while run.remaining() and run.phase == COMPILING and not (outer and outer.late()):
        batches += run.batches(Clock(time.monotonic() + seconds, outer=outer))
    if run.remaining() and not run.spent:
        batches += run.batches(Clock(time.monotonic() + left, outer=outer))
    # inside a piece what remains is the part it began with: handed on, it would come back for ever
    while (
        run.regions == regions < run.max_regions and _place(run) == place is not None
        and not run.spent and not (outer and (outer.late() or outer.over()))
    ):  # fmt: skip
        batches += run.batches(Clock(time.monotonic() + seconds, outer=outer))
    after = replace(run.decisions)
    chunks: list[Chunk] = []
    if run.keep:
        batch = merged(batches, run.program, run.domain_dim)
        chunks = encode_batch(batch, run.program, regions)
    return TaskResult(
        run.regions - regions, chunks, run.remaining(split),
        after - before,
        time.monotonic() - start, run.engine_name, run.closed - closed,
    )  # fmt: skip


def _place(run: Run) -> tuple[tuple[int, ...], int] | None:
    """Where a run goes on; None if it is over."""
    rest = run.remaining()
    return (rest[0].begin, rest[0].depth) if rest else None


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C on a terminal reaches all processes; workers go on until they are told to stop."""
    import multiprocessing

    if (
        multiprocessing.parent_process() is not None
        and threading.current_thread() is threading.main_thread()
    ):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
