"""progress=: a function, a bar, nothing; and counts that are kept in a store."""

from __future__ import annotations

import io

import numpy as np
import pytest

import exactspline as es
from exactspline.driver import progress as bars


def network(seed: int = 0) -> es.Network:
    rng = np.random.default_rng(seed)
    return es.Network(
        [es.Dense(rng.normal(size=(12, 3)), rng.normal(size=12)), es.ReLU(),
         es.Dense(rng.normal(size=(8, 12)), rng.normal(size=8)), es.ReLU()], (3,)
    )  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


CALLS = {
    "count": lambda net, **more: int(es.count_regions(net, **more)),
    "enumerate": lambda net, **more: len(es.enumerate_regions(net, **more)),
    "stream": lambda net, **more: sum(1 for _ in es.stream_regions(net, **more)),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bar_on_a_terminal(call, monkeypatch):
    es.count_regions(network())  # kernels are there
    monkeypatch.setattr(bars, "_EVERY", 0.0)
    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        found = CALLS[call](network(), progress=True)
        assert found == CALLS[call](network()) > 100
        assert ("regions" in stream.getvalue()) is drawn
        if drawn:
            assert stream.getvalue().endswith(" \r")  # wiped


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_progress(call):
    runs = []
    assert CALLS[call](network(), progress=runs.append) > 100
    assert runs
    assert CALLS[call](network(), progress=False) > 100
    with pytest.raises(es.ParameterError, match="progress"):
        CALLS[call](network(), progress=1)


def test_a_count_in_a_store(tmp_path):
    name = tmp_path / "run.sqlite"
    whole = es.count_regions(network())
    part = es.count_regions(network(), store=name, limit=100)
    assert (part, part.complete) == (100, False)
    with pytest.raises(es.StoreError):
        es.count_regions(network(), store=name)
    count = es.count_regions(network(), store=name, resume=True)
    assert (count, count.complete) == (whole, True)
    again = es.count_regions(network(), store=name, resume=True)
    assert (again, again.complete) == (whole, True)
    assert es.open_partition(name).codes.tolist() == es.enumerate_regions(network()).codes.tolist()
    with pytest.raises(es.ParameterError, match="resume"):
        es.count_regions(network(), resume=True)
