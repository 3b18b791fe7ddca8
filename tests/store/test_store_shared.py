"""One run at a time on a store, and readers beside it."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from store_cases import BOX, MOONS, NET

import exactspline as es
from exactspline.store import Store, columns
from exactspline.store.lock import Lock
from exactspline.tasks import chunk


# ------------------------------------------------------------------------ one run at a time
def _hold(path: str, ready, done) -> None:
    with_lock = Lock(path)
    ready.set()
    done.wait(30)
    with_lock.release()


@pytest.mark.slow
def test_two_runs_on_one_store(tmp_path):
    name = tmp_path / "o.sqlite"
    es.enumerate_regions(NET, BOX, store=name, limit=5)
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(str(name), ready, done))
    child.start()
    assert ready.wait(30)
    with pytest.raises(es.StoreError, match="another run"):
        es.enumerate_regions(NET, BOX, store=name, resume=True)
    assert len(es.open_partition(name)) >= 5  # reading is possible
    child.kill()  # the lock goes with its process, the file stays
    child.join()
    assert (tmp_path / "o.sqlite-lock").exists()
    assert es.enumerate_regions(NET, BOX, store=name, resume=True).complete
    assert not (tmp_path / "o.sqlite-lock").exists()
    lock = Lock(str(name))
    with pytest.raises(es.StoreError, match="another run"):
        Lock(str(name))  # in the same process
    lock.release()


def test_reading_while_a_run_writes(tmp_path, short_tasks):
    name = tmp_path / "o.sqlite"
    whole = es.enumerate_regions(MOONS, BOX)
    seen = []

    def look(run) -> None:
        omega = es.open_partition(name)
        seen.append(len(omega))
        assert np.array_equal(omega.codes, whole.codes[: len(omega)])

    es.enumerate_regions(MOONS, BOX, store=name, progress=look, engine="kernel")
    assert len(set(seen)) > 2


def test_reading_in_threads_and_forks(tmp_path, monkeypatch):
    monkeypatch.setattr(chunk, "MAX_REGIONS", 16)
    monkeypatch.setattr(columns, "_CACHE", 2000)
    name = tmp_path / "o.sqlite"
    omega = es.enumerate_regions(MOONS, BOX, store=name)
    expected = es.enumerate_regions(MOONS, BOX).codes
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(omega.code, range(len(omega))))
    sys.setswitchinterval(before)
    assert np.array_equal(rows, expected)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as processes:
        rows = processes.map(omega.code, range(len(omega)))
    assert np.array_equal(rows, expected)
    assert np.array_equal(pickle.loads(pickle.dumps(omega)).codes, expected)
    assert np.array_equal(copy.deepcopy(omega).codes, expected)


def test_a_fork_has_no_part_in_the_run(tmp_path):
    """A child that ends in an orderly way neither closes its parent's store nor unlocks it."""
    name = tmp_path / "o.sqlite"
    store = Store.create(name, NET, BOX)
    child = os.fork()
    if child == 0:
        store.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "o.sqlite-lock").exists()
    child = os.fork()
    if child == 0:
        try:
            Lock(str(name))
        except es.StoreError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    store.close()
    assert not (tmp_path / "o.sqlite-lock").exists()


def test_a_run_that_ends_while_it_is_opened(tmp_path, monkeypatch):
    """What was read before the end is not called complete."""
    name = tmp_path / "o.sqlite"
    es.enumerate_regions(NET, BOX, store=name, limit=3)
    real = Store.contents

    def contents(self):
        out = real(self)
        monkeypatch.setattr(Store, "contents", real)
        es.enumerate_regions(NET, BOX, store=name, resume=True)
        return out

    monkeypatch.setattr(Store, "contents", contents)
    omega = es.open_partition(name)
    assert len(omega) == 3
    assert not omega.complete
