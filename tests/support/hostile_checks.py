"""One hostile case through one way of counting, compared with its twin in every claim."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from operator import mul
from pathlib import Path
from typing import Any
from unittest import mock

import naive
import numpy as np
import random_networks as nets
from hostile_networks import Case
from naive_graph import Conditions, GraphCheck, Twin, domain_rows

import exactspline as es
from exactspline.search.highs import engine as highs_engine
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.part import WHOLE
from exactspline.search.plane import engine as plane_engine
from exactspline.search.run import Run
from exactspline.tasks import coordinate, task

MOST_EXACT = 40  # regions that the rational engine finds in a second or so
MOST_GRAPH = 36  # regions whose facets the twin compares


class WrongError(AssertionError):
    """The package says something that the twin refutes."""


@dataclass(frozen=True)
class Way:
    """How a case is counted.

    Parameters
    ----------
    engine : str
    form : str
        count, list, stream, store, parts.
    workers : str
        none, 2 threads, 4 threads, 2 processes.
    stops : tuple of int
        Regions after which a store is closed and resumed, or a list or count is limited.
    graph : bool
    budget : int
        Nodes after which the kernel returns.
    """

    engine: str
    form: str
    workers: str
    stops: tuple[int, ...]
    graph: bool
    budget: int

    def __str__(self) -> str:
        more = [self.workers] if self.workers != "none" else []
        more += [f"limits {list(self.stops)}"] if self.stops else []
        more += ["graph"] if self.graph else []
        return ", ".join([self.engine, self.form, *more, f"budget {self.budget}"])


def draw_way(rng: random.Random, case: Case, workers: Sequence[str]) -> Way:
    """Any way that is fast enough for a case."""
    n = len(case.codes)
    engines = ["auto", "auto", "kernel", "kernel", "highs"] + (
        ["rational"] if n <= MOST_EXACT else []
    )
    form = rng.choice(("count", "list", "list", "stream", "store", "store", "parts"))
    who = rng.choice(workers) if form != "parts" else "none"
    stops: tuple[int, ...] = ()
    if rng.random() < 0.6 or form == "store":
        some = rng.sample(range(1, n + 2), min(n + 1, rng.randint(1, 3)))
        stops = tuple(sorted(some)) if form == "store" else tuple(some[:1])
    graph = form in ("list", "store") and n <= MOST_GRAPH and rng.random() < 0.5
    budget = rng.choice((1, 2, 3, 10, 40, 20_000))
    if form == "parts":
        stops, budget = (), rng.choice((5, 10, 40))
    return Way(rng.choice(engines), form, who, stops, graph, budget)


@contextmanager
def short_steps(budget: int) -> Iterator[None]:
    """Searches and tasks that stop after a few decisions: facets take a tenth of a budget."""
    with ExitStack() as stack:
        for module, name, value in (
            (kernel_engine, "BUDGET", budget), (plane_engine, "BUDGET", budget),
            (highs_engine, "HEARTBEAT", 0.0),
            (coordinate, "SECONDS", 0.0), (coordinate, "SHORT_SECONDS", 0.0),
            (task, "_DESCENTS", 0),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def same(found: Any, expected: Any, what: str) -> None:
    """Refuse what differs from the truth."""
    if found != expected:
        raise WrongError(f"{what}: {found}, not {expected}")


def as_codes(codes: np.ndarray) -> list[naive.Code]:
    """Rows of an array as the twin's codes."""
    return [tuple(code) for code in codes.tolist()]


def check(
    case: Case, way: Way, rng: random.Random, folder: Path, executors: dict[str, Executor]
) -> None:
    """Count a case in one way; ``WrongError`` says what is not as the twin has it."""
    truth = case.codes
    options: dict[str, Any] = {"engine": way.engine}
    if way.workers != "none":
        options["executor"] = executors[way.workers]
    net, domain = case.network, case.domain
    with short_steps(10 * way.budget if way.graph else way.budget):
        if way.form == "parts":
            same(in_parts(case, rng, way.engine), truth, "codes of parts")
            return
        if way.form == "count":
            for stop in (*way.stops, None):
                count = es.count_regions(net, domain, limit=stop, **options)
                same(int(count), min(len(truth), stop or len(truth)), f"count, limit {stop}")
                _complete(count.complete, len(truth), stop)
            return
        if way.form == "stream":
            for stop in (*way.stops, None):
                stream = es.stream_regions(net, domain, limit=stop, **options)
                same([tuple(r.code.tolist()) for r in stream], truth[:stop], f"stream to {stop}")
                _complete(stream.complete, len(truth), stop)
            return
        omegas = []
        if way.form == "store":
            path = folder / "omega.sqlite"
            for number, stop in enumerate((*way.stops, None)):
                omega = es.enumerate_regions(
                    net, domain, limit=stop, store=path, resume=number > 0, graph=way.graph,
                    **options,
                )  # fmt: skip
                if stop is None:
                    omegas.append((omega, None))
                else:
                    found = as_codes(omega.codes)
                    same(found, truth[: len(found)], f"codes of a store, limit {stop}")
        else:
            for stop in (*way.stops, None):
                omega = es.enumerate_regions(net, domain, limit=stop, graph=way.graph, **options)
                omegas.append((omega, stop))
    for omega, stop in omegas:
        same(as_codes(omega.codes), truth[:stop], f"codes, limit {stop}")
        _complete(omega.complete, len(truth), stop)
    check_partition(case, omegas[-1][0], rng, way.graph)


def _complete(complete: bool, n: int, stop: int | None) -> None:
    """A search that stops at its last region need not know that it is one."""
    if stop is None or stop > n:
        same(complete, True, f"complete, limit {stop}")
    elif stop < n:
        same(complete, False, f"complete, limit {stop}")


def in_parts(case: Case, rng: random.Random, engine: str) -> list[naive.Code]:
    """Codes of all parts of a search that is cut up at random, in order of the parts."""
    found: list[tuple[tuple[int, ...], list[naive.Code]]] = []
    todo, runs = [WHOLE], 0
    while todo:
        runs += 1
        if runs > 400 * (len(case.codes) + 1):
            raise WrongError("parts without end")
        part = todo.pop(rng.randrange(len(todo)))
        run = Run(case.network.program, case.domain, part=part, engine=engine)
        codes: list[naive.Code] = []
        for _ in range(rng.randint(1, 3)):
            for batch in run.batches(deadline=0.0):
                codes += as_codes(batch.codes)
        todo += run.remaining(rng.choice((1, 1, 2, 5, 50)))
        if codes:
            found.append((part.begin, codes))
    return [code for _, codes in sorted(found) for code in codes]


def check_partition(case: Case, omega: es.Partition, rng: random.Random, graph: bool) -> None:
    """Witnesses, points on boundaries, codes of points, and facets."""
    witness = nets.WitnessCheck(case.layers, case.pair)
    for i in rng.sample(range(len(omega)), min(len(omega), 12)):
        try:
            witness(case.codes[i], omega.witness(i))
        except AssertionError as error:
            raise WrongError(f"witness {i}: {omega.witness(i)} {error}") from error
    check_points(case, omega, rng)
    if graph:
        from graph_checks import sides_of

        try:
            GraphCheck(omega, Twin(case.layers, case.pair[1]), sides_of(omega))()
        except AssertionError as error:
            raise WrongError(f"graph: {error}") from error


def brief(value: Fraction) -> str:
    """A number for a message, told by its size where it is long."""
    bits = value.numerator.bit_length() - value.denominator.bit_length()
    return str(value) if value.denominator < 10**30 and abs(bits) < 200 else f"about 2^{bits}"


def hostile_points(case: Case, rng: random.Random, most: int = 8) -> list[tuple[int, ...]]:
    """Vertices of cells and points between them, in the twin's coordinates y, with y0 > 0."""
    root, _ = naive._root(case.pair[1])
    rays: set[tuple[int, ...]] = set()
    cells = list(naive._cells(case.layers, root, naive._root(case.pair[1])[1]))
    for _, cell in rng.sample(cells, min(len(cells), 4)):
        rays |= set(cell.rays)
        for a, b in combinations(cell.rays[:4], 2):
            rays.add(naive._primitive([v + w for v, w in zip(a, b, strict=True)]))
    points = sorted(ray for ray in rays if ray[0] > 0)
    return rng.sample(points, min(len(points), most))


def check_points(case: Case, omega: es.Partition, rng: random.Random) -> None:
    """Codes of points, regions around points, and where they lie, against definitions."""
    _, x_rows = naive._root(case.pair[1])
    conditions = Conditions(case.layers, x_rows)
    closures = [[c.form for c in conditions(code)] for code in case.codes]
    sides = domain_rows(case.pair[1])
    for y in hostile_points(case, rng):
        x = [Fraction(sum(map(mul, row, y))) / y[0] for row in x_rows]
        around = [
            i for i, forms in enumerate(closures)
            if all(sum(map(mul, form, y)) >= 0 for form in forms)
        ]  # fmt: skip
        inside = all(sum(map(mul, side, y)) > 0 for side in sides)
        strict = len(around) == 1 and inside
        if strict:
            strict = all(sum(map(mul, form, y)) > 0 for form in closures[around[0]])
        where = f"at {[brief(v) for v in x]}"
        point = np.array([x], dtype=object)
        code = naive.code_at(case.layers, x)
        with suppress(es.ParameterError, es.LimitError):  # values that float64 cannot hold
            found = es.codes(case.network, point, exact=True)
            same(as_codes(found), [code], f"exact code {where}")
        with suppress(es.ParameterError, es.LimitError):
            out = es.forward_core(case.network, point, affine=False, proved=True)
            if bool(out.proved[0]):
                same(as_codes(out.codes), [code], f"proved code {where}")
        regions = es.regions_at(case.network, x, case.domain)
        same([tuple(r.code.tolist()) for r in regions], [case.codes[i] for i in around],
             f"regions_at {where}")  # fmt: skip
        located = omega.locate(point)
        same(int(located.region[0]), around[0], f"locate {where}")
        same(bool(located.on_boundary[0]), not strict, f"on_boundary {where}")
        same(list(located.all(0)), around, f"all {where}")
