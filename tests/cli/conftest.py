"""Fixtures of the command line."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from command_line import TWO_BOXES, write_networks

import exactspline as es
from exactspline.driver.progress import Progress
from exactspline.formats import save_json
from exactspline.search import warm


@pytest.fixture
def interrupted(monkeypatch):
    """Send this process a signal at the third sign of life of a search.

    What was told until then (a search: its regions) is in the list that is returned.
    """

    def arm(signum, method="update", at=3):
        calls = []

        def tick(self, told, *more):
            calls.append(getattr(told, "regions", told))
            if len(calls) == at:
                signal.raise_signal(signum)

        monkeypatch.setattr(Progress, method, tick)
        return calls

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arm
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with networks and domains; kernels are compiled once it exists."""
    for engine in ("plane", "kernel"):
        warm.warm_up(engine)
    folder = tmp_path_factory.mktemp("cli")
    write_networks(folder)
    save_json(es.Network([es.Dense([["1/3", 1]]), es.Abs()], (2,)), folder / "third.json")
    np.save(folder / "low.npy", np.array([-1.0, 0.1]))
    np.save(folder / "high.npy", np.array([1, 2], dtype=np.float32))
    np.save(folder / "square.npy", np.full((1, 2), -1.0))
    (folder / "two.vnnlib").write_text(TWO_BOXES)
    (folder / "one.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const X_1 Real)\n"
        "(assert (>= X_0 -0.1))(assert (<= X_0 0.1))(assert (= X_1 0.3))\n"
    )
    (folder / "domain.json").write_text(
        '{"type": "polytope", "G": [[1, 1], [-1, 0], [0, -1]], "h": ["1/3", 1, 1]}'
    )
    return folder


@pytest.fixture
def run(files, monkeypatch, command_line):
    """Run the command line in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(files)
    return command_line
