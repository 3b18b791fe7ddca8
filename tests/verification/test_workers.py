"""The same verdicts, whatever the number of processes."""

from __future__ import annotations

import numpy as np
import pytest

import exactspline as es
from exactspline.cli import main as run
from exactspline.tasks.workers import end, processes


def network(seed: int) -> es.Network:
    rng = np.random.default_rng(seed)
    return es.Network([es.Dense(rng.standard_normal((8, 3)), rng.standard_normal(8)), es.ReLU(),
                       es.Dense(rng.standard_normal((6, 8))), es.ReLU(),
                       es.Dense(rng.standard_normal((1, 6)))], (3,))  # fmt: skip


@pytest.mark.slow
def test_processes_give_the_same_verdicts():
    """Of statements that hold and that fail: the first region's point in canonical order."""
    pool = processes(2)
    box, told = es.Box(-1, 1, dim=3), set()
    try:
        for seed in range(3):
            net = network(seed)
            low, high = es.output_range(net, box)[0].low, es.output_range(net, box)[0].high
            for bound in (high, high - (high - low) / 1000, (low + high) / 2):
                statement = es.forall(box, lambda x, net=net, bound=bound: net(x)[0] <= bound)
                alone = es.prove(statement, order="canonical")
                many = es.prove(statement, order="canonical", executor=pool)
                assert alone.holds == many.holds
                assert alone.counterexample == many.counterexample
                told.add(alone.holds)
    finally:
        end(pool)
    assert told == {True, False}


def test_the_command_takes_workers(tmp_path, capsys):
    network(0).save(tmp_path / "net.json")
    text = "(declare-const Y_0 Real) (assert (> Y_0 1000))"
    for i in range(3):
        text += f"(declare-const X_{i} Real) (assert (<= -1 X_{i})) (assert (<= X_{i} 1))"
    (tmp_path / "p.vnnlib").write_text(text)
    for more in ([], ["--workers", "1"], ["--order", "canonical"]):
        assert run(["verify", str(tmp_path / "net.json"), str(tmp_path / "p.vnnlib"), *more]) == 0
        assert capsys.readouterr().out == "unsat\n"
