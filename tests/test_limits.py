"""Limits hold in every phase; what a clock interrupts is done again, not lost or doubled."""

import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.api import searching
from exactspline.clock import Clock, OutOfTime, allowance, check, current, expect, watched
from exactspline.polyhedra.lp import minimise, q
from exactspline.search import compiled
from exactspline.search.choice import engine_names
from exactspline.search.part import WHOLE
from exactspline.search.run import Run
from exactspline.tasks.coordinate import TaskRun

F = Fraction


class Ticks(Clock):
    """A clock that is over after so many looks at it: the same ones on every machine."""

    def __init__(self, looks: int) -> None:
        self.looks = 0
        super().__init__(deadline=looks, last=looks, now=self._look)

    def _look(self) -> float:
        self.looks += 1
        return float(self.looks)


def thirds() -> es.Network:
    """No weight is a float64; three lines through one point, and one of them twice."""
    first = es.Dense([["1/3", "2/3"], ["1/3", "-1/3"], ["2/3", "1/3"], ["1/3", "2/3"]], [0] * 4)
    second = es.Dense([["1/3", "-1/7", 0, "1/3"], ["-2/3", "1/3", "1/3", 0]], ["-1/9", "1/7"])
    return es.Network([first, es.ReLU(), second, es.ReLU()], (2,))


def magnitudes() -> es.Network:
    """Cells without float64 points and questions that only rationals answer."""
    near = 2 - 2.0**-51
    first = es.Dense([[near, 1e-30], [2, 0], [1e-40, 1], [1e30, -1e30]], [0, -1, 1e-35, 2.0**-40])
    return es.Network([first, es.ReLU(), es.Dense([[-1, 1, 1, 1e-20]]), es.ReLU()], (2,))


def maxima() -> es.Network:
    """Units of three pieces."""
    rows = [[1, 0], [0, 1], ["-1/3", "-1/3"], [1, 1], [2, "1/7"], [0, -1]]
    return es.Network([es.Dense(rows, [0, 0, "1/3", 0, 1, 0]), es.Maxout(3)], (2,))


NETWORKS = {"thirds": thirds, "magnitudes": magnitudes, "maxima": maxima}
BOX = es.Box([-1, -1], [1, 1])
ENGINES = engine_names()


def known(codes: list[tuple[int, ...]], found: list[tuple[int, ...]]) -> None:
    assert len(set(found)) == len(found), "a region twice"
    assert found == codes


@pytest.mark.parametrize("domain", [None, BOX], ids=["plane", "box"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NETWORKS)
def test_interrupted_at_every_look_and_gone_on_with(name, engine, domain):
    """However few looks a clock has, the same regions come in the same order, with witnesses."""
    network = NETWORKS[name]()
    whole = es.enumerate_regions(network, domain, engine="rational")
    codes = [tuple(code) for code in whole.codes.tolist()]
    for first in (1, 2, 3, 5, 11, 40):
        run = Run(network.program, whole.domain, engine=engine)
        found: list[tuple[int, ...]] = []
        looks, stops = first, 0
        while not run.complete:
            before = len(found)
            for batch in run.batches(Ticks(looks)):
                found += [tuple(code) for code in batch.codes.tolist()]
                for i, point in enumerate(batch.points.tolist()):
                    exact = batch.exact.get(i, tuple(map(F, point)))
                    region = es.Region(network, whole.domain, batch.codes[i], exact)
                    assert region.code.tolist() == batch.codes[i].tolist()
            stops += 1
            assert run.regions == len(found)
            looks = first if len(found) > before else 2 * looks + 1
        known(codes, found)
        if first == 1:
            assert stops > 2


@pytest.mark.parametrize("facets", [False, True], ids=["regions", "facets"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", first_quick(list(NETWORKS)))
def test_interrupted_at_every_look_and_begun_anew(name, engine, facets):
    """What remains, searched by others, is what was not found."""
    network = NETWORKS[name]()
    whole = es.enumerate_regions(network, BOX, engine="rational", graph=facets)
    codes = [tuple(code) for code in whole.codes.tolist()]
    spent = 0
    for first in (1, 4, 9, 25):
        parts, found, looks, down = [WHOLE], [], first, 0
        while parts:
            run = Run(network.program, BOX, engine=engine, facets=facets, part=parts[0])
            here: list[tuple[int, ...]] = []
            for batch in run.batches(Ticks(looks)):
                here += [tuple(code) for code in batch.codes.tolist()]
                if facets and len(batch.codes):
                    assert batch.facets is not None
                    assert len(batch.facets.hashes) == len(batch.facets.down) == len(batch.codes)
                    down += len(batch.facets.region)
            spent += run.spent
            assert run.regions == len(here)
            parts[:1] = run.remaining(3)
            found += here
            assert len(found) <= len(codes), "a region twice"
            looks = first if here else 2 * looks + 3
        known(codes, found)
        if facets:
            assert down == len(whole.edges)
    assert facets or not spent


@pytest.mark.parametrize("engine", first_quick(ENGINES))
def test_tasks_and_stores_lose_nothing(engine, tmp_path):
    network = thirds()
    whole = es.enumerate_regions(network, BOX, engine="rational")
    for first in (1, 6, 30):
        name = tmp_path / f"{engine}{first}.sqlite"
        looks, length = first, 0
        for _ in range(500):
            run = Run(network.program, BOX, engine=engine)
            from exactspline.store import StoredRun

            stored = StoredRun(network, run, None, name, resume=True)
            for _ in stored.batches(Ticks(looks)):
                pass
            if stored.complete:
                break
            looks = first if stored.regions > length else 2 * looks + 3
            length = stored.regions
        omega = es.open_partition(name)
        assert omega.complete
        assert np.array_equal(omega.codes, whole.codes)


def test_what_running_tasks_would_bring_is_left_to_be_found_again():
    from concurrent.futures import ThreadPoolExecutor

    network = thirds()
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(release.wait)  # nobody gets to work
        run = TaskRun(network, Run(network.program, BOX, keep=False), executor)
        start = time.monotonic()
        for _ in run.batches(Clock(start, start + 0.2)):
            pass
        assert time.monotonic() - start < 60
        assert (run.complete, run.regions) == (False, 0)
        release.set()
        for _ in run.batches():
            pass
    assert run.complete
    assert run.regions == es.count_regions(network, BOX)


# ------------------------------------------------------------------------------ the clock
def test_two_times():
    now = [0.0]
    clock = Clock(5.0, 6.0, now=lambda: now[0])
    assert (clock.late(), clock.over(), clock.left()) == (False, False, 6.0)
    now[0] = 5.5
    assert (clock.late(), clock.over()) == (True, False)
    with clock.running():
        check()
        expect(0.4)
        with pytest.raises(OutOfTime):
            expect(0.6)
        with Clock(outer=current()).running():
            now[0] = 6.5
            with pytest.raises(OutOfTime):
                check()
        with pytest.raises(OutOfTime):
            list(watched(range(3)))
    check()  # outside nobody asks
    clock = Clock(now=lambda: now[0])
    assert not clock.limited
    clock.stop(1.0)
    now[0] = 7.0
    assert (clock.late(), clock.over()) == (True, False)
    now[0] = 8.0
    assert clock.over()


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0, 20.0, 600.0])
def test_what_is_under_way_has_less_than_the_allowance(seconds):
    clock = Clock.limit(seconds, now=lambda: 0.0)
    assert clock.deadline == seconds
    assert clock.last - seconds < allowance(seconds) == max(seconds / 10, 1.0)


def test_an_exact_program_is_left_in_the_middle():
    rng = np.random.default_rng(0)
    rows = [[q(3), *(q(int(v)) for v in row)] for row in rng.integers(-9, 10, (40, 8))]
    objective = [q(0), *(q(int(v)) for v in rng.integers(-9, 10, 8))]
    start = [q(0)] * 8
    best = minimise(rows, objective, start)
    clock = Ticks(100)
    with clock.running(), pytest.raises(OutOfTime):
        minimise(rows, objective, start)
    assert clock.looks == 101
    assert minimise(rows, objective, start).value == best.value


# ------------------------------------------------------------------- what a result says
def test_every_phase_is_named(monkeypatch):
    phases = []
    clocks: list[Ticks] = []
    for looks in (0, *range(2, 40), 200, 10**9):
        network = thirds()

        def limited(time_limit, looks=looks):
            clocks.append(Ticks(looks))
            return clocks[-1]

        monkeypatch.setattr(searching, "clock_of", limited)
        count = es.count_regions(network, BOX, engine="rational", time_limit=1)
        assert count.complete == (count.stopped is None)
        assert clocks[-1].looks <= looks + 3
        if count.stopped is None:
            assert count == es.count_regions(network, BOX, engine="rational")
            break
        assert count.stopped.reason == "time limit"
        assert 0 <= count.stopped.share < 1
        assert count.stopped.phase in str(count.stopped)
        phases.append(count.stopped.phase)
    else:
        raise AssertionError("it never ended")
    assert list(dict.fromkeys(phases)) == ["compiling the network", "preparing", "searching"]


def test_limits_are_reasons():
    network = thirds()
    count = es.count_regions(network, limit=2)
    assert (count, count.stopped.reason, count.stopped.phase) == (2, "limit", "searching")
    omega = es.enumerate_regions(network, limit=2)
    assert (len(omega), omega.stopped.reason) == (2, "limit")
    stream = es.stream_regions(network, limit=2)
    assert stream.stopped is None
    assert len(list(stream)) == 2
    assert stream.stopped.reason == "limit"
    assert es.count_regions(network).stopped is None
    assert es.enumerate_regions(network).stopped is None


def test_kernels_that_are_compiled_elsewhere(monkeypatch):
    """While another process compiles, nothing is found; when it fails, rationals search."""

    def slow(clock, *_, **__):
        while not clock.late():
            yield False

    network = thirds()
    monkeypatch.setattr(compiled, "compile_elsewhere", slow)
    monkeypatch.setattr(searching, "clock_of", lambda _: Ticks(5000))
    lives = []
    count = es.count_regions(network, time_limit=1, progress=lambda run: lives.append(run.phase))
    assert (count, count.stopped.phase, count.engine) == (0, "compiling kernels", "plane")
    assert set(lives) == {"compiling kernels"}
    omega = es.enumerate_regions(network, time_limit=1)
    assert (len(omega), omega.stopped.phase) == (0, "compiling kernels")

    monkeypatch.undo()
    monkeypatch.setattr(compiled, "compile_elsewhere", lambda *_, **__: iter([False]))
    count = es.count_regions(network, BOX, time_limit=100)
    assert (count.engine, count.complete) == ("rational", True)
    assert count == es.count_regions(network, BOX, engine="rational")


COLD = """
import time
import exactspline as es
network = es.Network([es.Dense([[1, 2], [3, 4]]), es.ReLU()], (2,))
es.count_regions(network, engine="rational")
import numba, exactspline.search.{0}.engine, exactspline.search.{0}.dfs
start = time.monotonic()
count = es.count_regions(network, time_limit=0.5, engine="{0}")
print(time.monotonic() - start, int(count), count.stopped.phase)
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["kernel", "plane"])
def test_a_cold_cache(tmp_path, engine):
    """Compiling takes about a minute, on this machine or on any other."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", COLD.format(engine)],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, regions, phase = done.stdout.strip().split(" ", 2)
    assert (regions, phase) == ("0", "compiling kernels")
    assert float(seconds) < 0.5 + 1 + 5  # the last for a machine that has much else to do


@pytest.mark.slow
def test_wide_layers_return_in_time():
    """One exact linear program takes a minute there."""
    rng = np.random.default_rng(0)
    sizes = [784, 512, 512, 10]
    operators: list[es.Operator] = []
    for n, m in pairwise(sizes):
        operators += [es.Dense(rng.normal(size=(m, n)) / n**0.5, rng.normal(size=m)), es.ReLU()]
    network = es.Network(operators[:-1], (784,))
    for domain in (es.Box(np.zeros(784), np.ones(784)), None):
        start = time.monotonic()
        count = es.count_regions(network, domain, time_limit=1.0)
        assert time.monotonic() - start < 1 + 1 + 10  # the last as above; it was 98 seconds
        assert not count.complete
        assert count.stopped.phase in ("preparing", "searching", "compiling kernels")


# ------------------------------------------------------------------------------- interrupts
@pytest.fixture
def python_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupt(times: int = 1):
    """A progress function that sends Ctrl-C at its third call."""
    calls = []

    def progress(run):
        calls.append(run.regions)
        if len(calls) == 3:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    return progress, calls


@pytest.mark.usefixtures("python_handler")
def test_ctrl_c_gives_what_was_found(tmp_path):
    network, full = thirds(), es.enumerate_regions(thirds(), engine="rational")
    progress, calls = interrupt()
    count = es.count_regions(network, engine="rational", progress=progress)
    assert (count, count.complete, count.stopped.reason) == (calls[2], False, "interrupt")
    assert 0 < count < len(full)
    progress, calls = interrupt()
    omega = es.enumerate_regions(network, engine="rational", progress=progress)
    assert (omega.complete, omega.stopped.reason) == (False, "interrupt")
    assert len(omega) == calls[2]
    assert np.array_equal(omega.codes, full.codes[: len(omega)])
    count = es.count_regions(network, engine="rational", progress=raising(2))
    assert (count, count.complete, count.stopped.reason) == (2, False, "interrupt")
    name = tmp_path / "o.sqlite"
    stored = es.enumerate_regions(network, store=name, progress=raising(1))
    assert stored.complete == (stored.stopped is None)
    again = es.enumerate_regions(network, store=name, resume=True)
    assert np.array_equal(again.codes, full.codes)


def raising(at: int):
    """A progress function that raises what somebody's own handler would."""
    calls = []

    def progress(run):
        calls.append(run.regions)
        if len(calls) == at:
            raise KeyboardInterrupt

    return progress


@pytest.mark.usefixtures("python_handler")
def test_the_second_ctrl_c_raises():
    progress, _ = interrupt(times=2)
    with pytest.raises(KeyboardInterrupt):
        es.count_regions(thirds(), engine="rational", progress=progress)


@pytest.mark.usefixtures("python_handler")
def test_streams_pass_it_on():
    progress, _ = interrupt()
    with pytest.raises(KeyboardInterrupt):
        list(es.stream_regions(thirds(), engine="rational", progress=progress))


def test_a_handler_of_somebody_else_stays():
    noted = []
    before = signal.signal(signal.SIGINT, lambda *_: noted.append(1))
    try:
        progress, calls = interrupt()
        count = es.count_regions(thirds(), engine="rational", progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (count.complete, noted) == (True, [1])
    assert len(calls) > 3
