"""Ranges of samples on helpers: threads that stay, on other cores than the caller's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref

import pytest

from exactspline.evaluate import threads
from exactspline.evaluate.threads import in_ranges


def by_threads(n, count):
    """What in_ranges calls: a thread's name and the affinity it has, for every range.

    Every thread waits for the others, so that all of them take part.
    """
    seen, together = [], threading.Barrier(count, timeout=60)

    def work(start, stop):
        together.wait()
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        seen.append((threading.current_thread(), cores, start, stop))

    in_ranges(work, n, 1, count)
    return seen


def test_ranges():
    for n, block, count in ((0, 4, 2), (1, 4, 2), (17, 4, 2), (100, 7, 3), (8, 8, 9)):
        for each in (1, 3):
            seen = []
            add = seen.append
            in_ranges(lambda a, b, add=add: add((a, b)), n, block, count, each)
            assert [i for a, b in sorted(seen) for i in range(a, b)] == list(range(n))
            assert len(seen) == max(1, min(count * each, -(-n // block)))
            assert all(a % block == 0 for a, _ in seen)
    with pytest.raises(ZeroDivisionError):
        in_ranges(lambda a, b: 1 // (a - 4), 40, 4, 3, 3)


def test_helpers_stay_and_are_taken_again():
    first = {thread for thread, *_ in by_threads(3, 3)}
    assert len(first) == 3
    assert threading.current_thread() in first
    before, own = threading.active_count(), threading.current_thread()
    for _ in range(20):
        seen = {thread for thread, *_ in by_threads(3, 3)}
        assert seen <= {helper.thread for helper in threads._waiting} | {own}
    assert threading.active_count() == before


def test_a_helper_is_woken_on_another_core():
    allowed = os.sched_getaffinity(0)
    for count in (2, len(allowed) + 2):
        own = [cores for thread, cores, *_ in by_threads(count, count)
               if thread is not threading.current_thread()]  # fmt: skip
        assert len(own) == count - 1
        for cores in own:
            assert cores < allowed if 2 <= count <= len(allowed) else cores == allowed
    assert os.sched_getaffinity(0) == allowed  # the caller's stays as it is


def test_no_way_to_choose_a_core(monkeypatch):
    """Other systems have none, and some forbid it."""

    def forbidden(*_):
        raise PermissionError("not here")

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    assert len(by_threads(2, 2)) == 2
    monkeypatch.setattr(threads, "_core_of_thread", lambda: None)
    assert len(by_threads(2, 2)) == 2


def test_no_more_threads(monkeypatch):
    """The caller does all of it."""

    def none(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    monkeypatch.setattr(threads, "_waiting", [])
    seen = []
    in_ranges(lambda start, stop: seen.append((threading.current_thread(), start)), 6, 1, 3)
    assert sorted(start for _, start in seen) == [0, 2, 4]
    assert {thread for thread, _ in seen} == {threading.current_thread()}


def test_errors_of_helpers_and_of_the_caller_are_raised():
    for where in ("here", "helper"):
        for error in (ValueError, KeyboardInterrupt):
            together = threading.Barrier(2, timeout=60)
            here = threading.current_thread()

            def work(start, stop, where=where, error=error, together=together, here=here):
                together.wait()
                if (threading.current_thread() is here) == (where == "here"):
                    raise error("stop")

            with pytest.raises(error, match="stop"):
                in_ranges(work, 2, 1, 2)
            assert len(by_threads(2, 2)) == 2  # they work on


def test_what_was_worked_on_is_let_go():
    class Large:
        pass

    large = Large()
    there = weakref.ref(large)
    in_ranges(lambda start, stop, kept=large: None, 4, 1, 4)
    del large
    assert there() is None


def test_calls_in_several_threads_have_helpers_of_their_own():
    results = [[] for _ in range(4)]
    users = [
        threading.Thread(target=lambda out=out: out.extend(by_threads(3, 3))) for out in results
    ]
    for user in users:
        user.start()
    for user in users:
        user.join(120)
    for user, out in zip(users, results, strict=True):
        assert len({thread for thread, *_ in out}) == 3
        assert user in {thread for thread, *_ in out}


def test_a_forked_process_makes_helpers_of_its_own():
    code = (
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from exactspline.evaluate.threads import in_ranges\n"
        "seen = []\n"
        "in_ranges(lambda a, b: seen.append(a), 8, 1, 2)\n"
        "child = os.fork()\n"
        "in_ranges(lambda a, b: seen.append(a), 8, 1, 2)\n"
        "if child == 0:\n"
        "    os._exit(0 if sorted(seen) == [0, 0, 4, 4] else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
