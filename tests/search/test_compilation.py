"""While kernels are compiled: how far it is, who waits for whom, what a terminal shows."""

from __future__ import annotations

import os
import subprocess
import sys

import numba as nb
import pytest

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.clock import Clock
from exactspline.compilation import Step, listening, read_step, write_step
from exactspline.kernels import compiled as compiled_kernel
from exactspline.locks import FileLock, LockTaken
from exactspline.search import compiled
from exactspline.search.decisions import COMPILING
from exactspline.search.kernel import control as c
from exactspline.search.kernel import elsewhere, tiers
from exactspline.search.kernel.engine import KernelSearch

NET = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))


def test_every_function_is_told_of_once():
    @nb.njit
    def inner(x):
        return x + 1

    @nb.njit
    def outer(x):
        return inner(x) * inner(x)

    steps = []
    with listening([inner, outer], steps.append):
        assert outer(1) == 4
        assert outer(1.5) == 6.25  # another signature is the same function
    assert [step.done for step in steps] == [0, 1, 2]
    assert {step.total for step in steps} == {2}
    assert steps[0].share == 0.0 < steps[1].share < steps[2].share == 1.0
    with listening([inner, outer], steps.append):
        pass
    assert len(steps) == 4  # nobody listens any more to what came before


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(0, 60, 0.0, 0.0), "function 1 of 60"),
        (Step(14, 60, 0.25, 10.0), "function 15 of 60, about 30 s left"),
        (Step(60, 60, 1.0, 40.0), "function 60 of 60"),
    ],
)
def test_what_a_step_says(step, text):
    assert str(step) == text


def test_steps_go_through_a_file(tmp_path):
    name = str(tmp_path / "step")
    assert read_step(name) is None
    write_step(name, Step(3, 7, 0.5, 1.25))
    assert read_step(name) == Step(3, 7, 0.5, 1.25)
    assert os.listdir(tmp_path) == ["step"]
    for damage in ("", "1 2", "a b c d", "1 2 3 4 5"):
        (tmp_path / "step").write_text(damage)
        assert read_step(name) is None
    write_step(str(tmp_path / "missing" / "step"), Step(0, 1, 0.0, 0.0))  # no error


HOLD = """
import sys
from exactspline.locks import FileLock
lock = FileLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a lock; its end lets it go."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_is_that_of_one_process(holder, tmp_path):
    with pytest.raises(LockTaken):
        FileLock(str(tmp_path / "lock"))
    holder.kill()
    holder.wait()
    lock = FileLock(str(tmp_path / "lock"))
    with pytest.raises(LockTaken):
        FileLock(str(tmp_path / "lock"))
    lock.release()
    FileLock(str(tmp_path / "lock")).release()
    with pytest.raises(FileNotFoundError):
        FileLock(str(tmp_path / "missing" / "lock"))


@pytest.fixture
def cold(monkeypatch, tmp_path):
    """A machine whose cache is empty until the last of ``looks`` is taken."""
    state = {"looks": 5, "begun": 0, "engines": []}

    def looked(engine, **_):
        state["looks"] -= 1
        return state["looks"] <= 0

    def begin(engine, facets):
        state["engines"].append(engine)
        state["begun"] += 1
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    monkeypatch.setattr(compiled, "is_compiled", looked)
    monkeypatch.setattr(compiled, "_begin", begin)
    monkeypatch.setattr(compiled, "beside_cache", lambda kind, *_: str(tmp_path / kind))
    monkeypatch.setattr(compiled, "_children", {})
    yield state
    for child in compiled._children.values():
        child.kill()
        child.wait()


def test_one_process_compiles(cold):
    assert list(compiled.compile_elsewhere(Clock(), "kernel")) == [False] * 3 + [True]
    assert cold["begun"] == 1


@pytest.mark.parametrize("engine", ["kernel", "plane"])
def test_a_run_waits_for_its_own_engine(cold, engine):
    network = es.Network([es.Dense([[1, 2], [3, 4]]), es.ReLU()], (2,))
    assert es.count_regions(network, engine=engine) == 4
    assert cold["engines"] == [engine]


def test_another_process_is_waited_for(cold, holder):
    assert list(compiled.compile_elsewhere(Clock(), "kernel")) == [False] * 3 + [True]
    assert cold["begun"] == 0


def test_one_that_has_died_is_replaced(cold, holder):
    cold["looks"] = 8
    waiting = compiled.compile_elsewhere(Clock(), "kernel")
    assert next(waiting) is False
    assert cold["begun"] == 0
    holder.kill()
    holder.wait()
    assert list(waiting)[-1] is True
    assert cold["begun"] == 1


def test_a_limit_ends_the_waiting(cold, holder):
    cold["looks"] = 10**9
    assert list(compiled.compile_elsewhere(Clock.limit(0.2), "kernel"))[-1] is False


@pytest.mark.parametrize("status", [0, 1])
def test_a_child_that_brings_nothing_is_not_begun_again(cold, monkeypatch, status):
    cold["looks"] = 10**9
    begun = []

    def begin(engine, facets):
        begun.append(subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"]))
        return begun[-1]

    monkeypatch.setattr(compiled, "_begin", begin)
    assert True not in list(compiled.compile_elsewhere(Clock(), "kernel"))
    assert len(begun) == 1


def test_without_a_place_for_kernels_this_process_compiles(cold, monkeypatch):
    monkeypatch.setattr(compiled, "beside_cache", lambda *_: None)
    assert list(compiled.compile_elsewhere(Clock(), "kernel")) == [True]
    waiting = compiled.compile_elsewhere(Clock.limit(5.0), "kernel")
    assert list(waiting) == []  # another engine is at hand
    assert cold["begun"] == 0


def test_a_run_says_how_far_it_is(cold, holder, tmp_path):
    write_step(str(tmp_path / "step"), Step(14, 60, 0.25, 10.0))
    seen = []

    def progress(run):
        if run.phase == COMPILING:
            seen.append(run.detail)

    assert es.count_regions(NET, progress=progress) == 3
    assert seen == ["once only: function 15 of 60, about 30 s left"] * len(seen)
    assert seen


@pytest.mark.parametrize("terminal", [True, False])
def test_python_tells_a_terminal(cold, holder, tmp_path, monkeypatch, terminal):
    class Stream:
        text = ""

        def isatty(self):
            return terminal

        def write(self, text):
            Stream.text += text

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Stream())
    write_step(str(tmp_path / "step"), Step(14, 60, 0.25, 10.0))
    assert es.count_regions(NET) == 3
    assert ("function 15 of 60, about 30 s left" in Stream.text) == terminal
    assert terminal or Stream.text == ""
    assert Stream.text.endswith("\r" if terminal else "")


def test_all_kernels_of_a_search_are_known():
    count = {kernel.py_func.__name__ for kernel in compiled.all_kernels("kernel")}
    graph = {kernel.py_func.__name__ for kernel in compiled.all_kernels("kernel", facets=True)}
    assert {"advance", "enter_layer", "minimise"} <= count < graph
    assert "leaf_facets" in graph - count
    assert "prove_in_narrow_layer" not in graph  # compiled when a search first needs it
    plane = {kernel.py_func.__name__ for kernel in compiled.all_kernels("plane")}
    assert {"advance", "make_corner", "leaf", "member_rows"} <= plane
    assert not plane & {"minimise", "leaf_facets"}
    assert compiled.all_kernels("rational") == []


ALONE = """
import os, sys
import exactspline as es
from exactspline.search.compiled import is_compiled
from exactspline.search.decisions import COMPILING

seen = set()
network = es.Network([es.Dense([[1, 2], [3, 4]]), es.ReLU()], (2,))

def tell(run):
    if run.phase == COMPILING:
        seen.add(run.detail)

count = es.count_regions(network, time_limit=600.0, progress=tell)
print(int(count), count.engine, any("function" in detail for detail in seen))
print(is_compiled("plane"), is_compiled("plane", facets=True), is_compiled("kernel"))
reads = []
sys.addaudithook(lambda event, _: reads.append(event) if event in ("open", "os.listdir") else None)
es.count_regions(network, time_limit=600.0)
es.count_regions(network)
print(reads)
"""


@pytest.mark.slow
def test_two_dimensions_wait_for_their_own_kernel(tmp_path):
    """On an empty cache, with steps to be told; when it is loaded nothing is read any more."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", ALONE], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["4 plane True", "True True False", "[]"]


@pytest.fixture
def rare(monkeypatch):
    """Kernels that no process has yet, and another process that never comes to its end."""
    monkeypatch.setattr(tiers, "_addresses", {})
    state = {"kept": False, "begun": []}

    def process_of(code):
        state["begun"].append(code)
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    monkeypatch.setattr(elsewhere, "process_of", process_of)
    monkeypatch.setattr(elsewhere, "_is_kept", lambda kernel: state["kept"])
    monkeypatch.setattr(elsewhere, "_can_be_kept", lambda kernel: True)
    monkeypatch.setattr(elsewhere, "_children", {})
    yield state
    for child in elsewhere._children.values():
        child.kill()
        child.wait()


@pytest.mark.slow
def test_a_rare_kernel_is_waited_for_until_the_clock_ends(rare):
    """What was found before stays, and the search goes on when the kernel is there."""
    network = es.Network([es.Dense([[1], [1], [1], [-1]], [0, 1, 2, 3]), es.Maxout(2)], (1,))
    space = search_space(network.program, es.WholeSpace(1).chart)
    search = KernelSearch(network.program, space)
    found = [len(batch.codes) for batch in search.batches(Clock.limit(0.05))]
    assert (sum(found), search.finished) == (0, False)
    assert len(rare["begun"]) == 1
    compile(rare["begun"][0], "command", "exec")
    found = [len(batch.codes) for batch in search.batches(Clock.limit(0.05))]
    assert (sum(found), len(rare["begun"])) == (0, 1)  # the same process is waited for
    rare["kept"] = True
    assert sum(len(batch.codes) for batch in search.batches(Clock.limit(60.0))) == 2
    assert search.finished


def test_a_rare_kernel_is_compiled_here_where_no_other_process_can(rare, monkeypatch):
    monkeypatch.setattr(elsewhere, "process_of", lambda code: None)
    assert es.count_regions(NET, time_limit=600.0) == 3


@pytest.mark.slow
def test_a_rare_kernel_comes_from_the_other_process(monkeypatch, tmp_path):
    """Into an empty cache: what it writes is what this process would have compiled."""
    monkeypatch.setattr(nb.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel = tiers.tier(c.EQUAL_MEMBERS)
    fresh = compiled_kernel(kernel.py_func, kernel._cache._writable._cache_file._source_stamp, {})
    assert not elsewhere._is_kept(fresh)
    clock = Clock.limit(600.0)
    with clock.running():
        elsewhere.compile_in_time(fresh, tiers._COMMAND.format(c.EQUAL_MEMBERS))
    assert elsewhere._is_kept(fresh)
