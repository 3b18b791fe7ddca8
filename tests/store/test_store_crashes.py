"""Real processes that die: kill -9, signals, a full disk, two runs at once, lost workers."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from results import same

import exactspline as es
from exactspline.formats.json.network import save_json
from exactspline.search.kernel import engine
from exactspline.store import Store
from exactspline.store.database import is_empty
from exactspline.tasks import coordinate, task
from exactspline.tasks.workers import end, processes

BOX = ["--box", "-1", "1"]
DOMAIN = es.Box([-1] * 4, [1] * 4)


def two_layers(width: int) -> es.Network:
    rng = np.random.default_rng(7)
    weight, bias = rng.normal(size=(width, 4)), rng.normal(size=width)
    more = es.Dense(rng.normal(size=(width, width)), rng.normal(size=width))
    return es.Network([es.Dense(weight, bias), es.ReLU(), more, es.ReLU()], (4,))


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    """A network that keeps one process busy for some four seconds, or twice as long."""
    name = tmp_path_factory.mktemp("net") / "net.json"
    save_json(two_layers(54), name)
    return name


@pytest.fixture(scope="module")
def whole(network) -> es.Partition:
    """What an undisturbed run finds."""
    return es.enumerate_regions(es.load(network), DOMAIN)


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Path:
    """A network of a fourth of that, where nothing happens beside a run."""
    name = tmp_path_factory.mktemp("net") / "quick.json"
    save_json(two_layers(30), name)
    return name


@pytest.fixture(scope="module")
def quick_whole(quick) -> es.Partition:
    return es.enumerate_regions(es.load(quick), DOMAIN)


def begin(network: Path, store: Path, *more: str, **options: Any) -> subprocess.Popen[str]:
    words = ["enumerate", str(network), *BOX, "--store", str(store), "--resume", "--json", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "exactspline", *words], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=store.parent, **options,
    )  # fmt: skip


def working(store: Path, child: subprocess.Popen[str]) -> None:
    """Wait until a run has put something in its store."""
    log = store.with_name(store.name + "-wal")
    for _ in range(6000):
        assert child.poll() is None, child.communicate()
        if log.exists() and log.stat().st_size > 100_000:
            return
        time.sleep(0.01)
    raise AssertionError("the run does not begin")


def children(parent: int) -> list[int]:
    """Processes that a process has started."""
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(v) for v in text.split()]


def alive(number: int) -> bool:
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


def _run(network: es.Network, store: Path, graph: bool, workers: int) -> None:
    """What a child does: a run, with workers of its own or without."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pool = processes(workers) if workers else None
    es.enumerate_regions(network, DOMAIN, store=store, resume=True, graph=graph, executor=pool)
    if pool is not None:
        end(pool)


@pytest.mark.slow
def test_killed_at_many_moments(tmp_path, monkeypatch):
    """Processes are forked, so that they begin at once: more moments for the time."""
    monkeypatch.setattr(engine, "BUDGET", 2000)
    monkeypatch.setattr(coordinate, "SECONDS", 0.05)
    monkeypatch.setattr(coordinate, "SHORT_SECONDS", 0.02)
    monkeypatch.setattr(task, "_DESCENTS", 0)  # a first task would outlast most of the runs
    net = two_layers(30)
    whole = es.enumerate_regions(net, DOMAIN, graph=True)
    context = multiprocessing.get_context("fork")
    rng = random.Random(11)
    kills = rounds = resumed = 0
    graph = True
    while kills < 16:
        store = tmp_path / f"{rounds}.sqlite"
        rounds += 1
        graph = not graph
        before = stored = 0
        longest = 0.9
        while True:
            child = context.Process(target=_run, args=(net, store, graph, rng.choice([0, 0, 2])))
            child.start()
            child.join(rng.uniform(0.05, longest))
            if child.exitcode is not None:
                assert child.exitcode == 0
                break
            orphans = children(child.pid)
            child.kill()
            child.join()
            kills += 1
            deadline = time.monotonic() + 5
            while any(map(alive, orphans)) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not any(map(alive, orphans))
            if stored == 0 and is_empty(str(store)):
                continue  # killed while it began
            there = Store(store)
            if there.regions == stored:  # a busy machine: leave the next run more time
                longest = min(10.0, 1.3 * longest)
            stored = there.regions
            there.close()
            found = es.open_partition(store)
            n = len(found)  # at any moment what is there is right
            assert n >= before
            assert np.array_equal(found.codes, whole.codes[:n])
            before = n
            resumed += 0 < n < len(whole)
        found = es.open_partition(store)
        same(found, whole, graph=graph)
        assert found.decisions.total >= len(whole)
    assert rounds >= 1
    assert resumed >= 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [(signal.SIGTERM, 143, []), (signal.SIGINT, 130, ["--workers", "2"])],
)
def test_signals(network, whole, tmp_path, number, code, workers):
    store = tmp_path / "o.sqlite"
    child = begin(network, store, *workers)
    working(store, child)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    result = json.loads(out)
    assert not result["complete"]
    found = es.open_partition(store)
    assert np.array_equal(found.codes, whole.codes[: len(found)])
    done = begin(network, store)
    out, err = done.communicate(timeout=120)
    assert json.loads(out)["regions"] == len(whole), err


@pytest.mark.slow
@pytest.mark.parametrize("size", [30_000, 300_000])
def test_a_full_disk(quick, quick_whole, tmp_path, size):
    """A limit on the size of files: writing fails for real, in the log or in the database."""
    store = tmp_path / "o.sqlite"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    child = begin(quick, store, preexec_fn=limit)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 2, (out, err)
    assert err.count("\n") == 1
    assert "full" in err
    if size > 30_000:
        found = es.open_partition(store)
        assert np.array_equal(found.codes, quick_whole.codes[: len(found)])
    done = begin(quick, store)
    out, err = done.communicate(timeout=120)
    assert json.loads(out)["regions"] == len(quick_whole), err
    same(es.open_partition(store), quick_whole)


@pytest.mark.slow
def test_two_runs_at_once(network, whole, tmp_path):
    store = tmp_path / "o.sqlite"
    first = begin(network, store)
    working(store, first)
    second = begin(network, store)
    out, err = second.communicate(timeout=120)
    assert second.returncode == 2
    assert "another run is writing" in err
    assert err.count("\n") == 1
    out, err = first.communicate(timeout=120)
    assert json.loads(out)["regions"] == len(whole), err
    same(es.open_partition(store), whole)


@pytest.mark.slow
def test_a_worker_of_the_command_is_killed(network, whole, tmp_path):
    store = tmp_path / "o.sqlite"
    child = begin(network, store, "--workers", "2")
    working(store, child)
    os.kill(children(child.pid)[0], signal.SIGKILL)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert json.loads(out)["regions"] == len(whole)
    same(es.open_partition(store), whole)


@pytest.mark.slow
def test_a_worker_of_a_pool_is_killed(network, whole):
    pool = processes(2)
    killed = []

    def look(run) -> None:
        if run.regions and not killed:
            killed.append(next(iter(pool._processes)))
            os.kill(killed[0], signal.SIGKILL)

    found = es.enumerate_regions(es.load(network), DOMAIN, executor=pool, progress=look)
    same(found, whole)
    assert killed
    end(pool)


class Deadly(Executor):
    """Every task ends its worker, or the executor itself is gone."""

    def __init__(self, *, closed: bool) -> None:
        self.closed, self.submitted = closed, 0

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        if self.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        future.set_exception(OSError("worker lost"))
        return future


@pytest.mark.slow
def test_tasks_that_always_fail(quick, tmp_path):
    net = es.load(quick)
    for closed, words in ((False, "worker lost"), (True, "shutdown")):
        name = tmp_path / f"{closed}.sqlite"
        with pytest.raises(es.WorkerError, match=words):
            es.enumerate_regions(net, DOMAIN, store=name, executor=Deadly(closed=closed))
        assert es.enumerate_regions(net, DOMAIN, store=name, resume=True).complete


def _exit(*_: Any) -> None:
    os._exit(1)


class Exits(ProcessPoolExecutor):
    """Every task kills its process."""

    def submit(self, fn, /, *args, **kwargs):
        return super().submit(_exit)


@pytest.mark.slow
def test_a_pool_that_breaks_again_and_again(quick, quick_whole):
    pool = Exits(2)
    # its place is taken by a pool that works
    same(es.enumerate_regions(es.load(quick), DOMAIN, executor=pool), quick_whole)
    pool.shutdown()


def test_no_executor_is_refused(quick):
    with pytest.raises(es.ParameterError, match="Executor"):
        es.count_regions(es.load(quick), DOMAIN, executor=4)


@pytest.mark.slow
def test_dask(network, whole, quick, quick_whole, tmp_path):
    from distributed import Client, LocalCluster

    net = es.load(network)
    options = {"threads_per_worker": 1, "dashboard_address": None, "processes": True}
    with LocalCluster(n_workers=2, **options) as cluster, Client(cluster) as client:
        executor = client.get_executor()
        small = es.load(quick)
        assert es.count_regions(small, DOMAIN, executor=executor) == len(quick_whole)
        killed = []

        def look(run) -> None:
            if run.regions and not killed:
                killed.append(next(iter(cluster.workers.values())).process.process.pid)
                os.kill(killed[0], signal.SIGKILL)

        same(es.enumerate_regions(net, DOMAIN, executor=executor, progress=look), whole)
        assert killed
        command = [sys.executable, "-m", "exactspline", "count", str(quick), *BOX, "--json"]
        done = subprocess.run(
            [*command, "--dask", cluster.scheduler_address], capture_output=True, text=True,
            timeout=120, check=True, cwd=tmp_path,
        )  # fmt: skip
        assert json.loads(done.stdout)["regions"] == len(quick_whole)


@pytest.mark.slow
def test_a_cluster_that_goes_away(network, whole, tmp_path):
    from distributed import Client, LocalCluster

    net, name = es.load(network), tmp_path / "o.sqlite"
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, processes=True
    )
    client = Client(cluster)
    gone = []

    def look(run) -> None:
        if run.regions and not gone:
            gone.append(time.monotonic())
            cluster.close()

    with pytest.raises(es.WorkerError):
        es.enumerate_regions(net, DOMAIN, executor=client.get_executor(), store=name, progress=look)
    assert time.monotonic() - gone[0] < 60
    client.close()
    assert 0 < Store(name).regions < len(whole)
    same(es.enumerate_regions(net, DOMAIN, store=name, resume=True), whole)


IMPATIENT = """
import sys
from exactspline.cli import main, workers
assert workers._PATIENCE.endswith("s")
workers._PATIENCE = "1s"
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_no_cluster_answers(quick, tmp_path):
    words = ["count", str(quick), *BOX, "--dask", "tcp://127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, *words], capture_output=True, text=True, timeout=60,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr
