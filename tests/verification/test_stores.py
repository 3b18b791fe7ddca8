"""Verifications in a file: wherever a run ends, the verdict of the last one is the same."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import sqlite3
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from where_twin import case

import exactspline as es
from exactspline.cli import main as run
from exactspline.search.kernel import engine
from exactspline.store import Store
from exactspline.store.searches import Searches, StoredSearch
from exactspline.tasks import coordinate, task
from exactspline.tasks.workers import end, processes


@pytest.fixture
def tiny_tasks(monkeypatch):
    """Tasks that end after some nodes."""
    monkeypatch.setattr(engine, "BUDGET", 5)
    monkeypatch.setattr(coordinate, "SECONDS", 0.0)
    monkeypatch.setattr(coordinate, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(task, "_DESCENTS", 0)


class Killed(BaseException):
    """Stands for the end of a process."""


def dying(monkeypatch, count: int, *, after: bool) -> None:
    """Have the file's writer die with its write of a number, before or after it is done."""
    real, left = Searches._write, [count]

    def write(self, *arguments):
        left[0] -= 1
        if left[0] == 0 and not after:
            raise Killed
        out = real(self, *arguments)
        if left[0] == 0:
            raise Killed
        return out

    monkeypatch.setattr(Searches, "_write", write)


def closeness(seed: int) -> tuple[es.Network, es.Box]:
    rng = np.random.default_rng(seed)
    return es.Network([
        es.Dense(rng.integers(-4, 5, (6, 3)), rng.integers(-3, 4, 6)), es.ReLU(),
        es.Dense(rng.integers(-2, 3, (5, 6)), rng.integers(-3, 4, 5)), es.ReLU(),
        es.Dense(rng.integers(-2, 3, (1, 5))),
    ], (3,)), es.Box(-1, 1, dim=3)  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_may_die_at_any_write(tmp_path, monkeypatch, tiny_tasks, seed):
    """Of statements that hold, by equality too, and that fail in one region, or in one point."""
    net, box = closeness(seed)
    high = es.output_range(net, box)[0].high
    deaths, told = 0, set()
    for name, statement in {
        "equal": es.forall(box, lambda x: net(x)[0] <= high),
        "point": es.forall(box, lambda x: net(x)[0] < high),
        "little": es.forall(box, lambda x: net(x)[0] <= high - Fraction(1, 50)),
    }.items():
        plain = es.prove(statement, order="canonical")
        told.add(plain.holds)
        for number in range(1, 200):
            path = tmp_path / f"{name}.sqlite"
            with monkeypatch.context() as patch:
                dying(patch, number, after=number % 2 == 0)
                try:
                    es.prove(statement, order="canonical", store=path)
                    died = False
                except Killed:
                    died = True
            deaths += died
            verdict = es.prove(statement, order="canonical", store=path, resume=True)
            assert verdict.holds == plain.holds
            assert verdict.counterexample == plain.counterexample
            again = es.prove(statement, order="canonical", store=path, resume=True)
            assert (again.holds, again.counterexample) == (plain.holds, plain.counterexample)
            assert again.method == "by an earlier run"
            path.unlink()
            if not died:
                break
        else:
            raise AssertionError("it does not end")
    assert told == {True, False}
    assert deaths > 20, deaths


def test_runs_that_are_stopped_again_and_again(tmp_path, monkeypatch, tiny_tasks):
    """Regions that equality decides take long: those looked at are written, too."""
    from exactspline.statements import kept

    monkeypatch.setattr(kept, "_EVERY", 0.0)
    net, box = closeness(3)
    high = es.output_range(net, box)[0].high
    for bound, holds in ((high, True), (high - Fraction(1, 50), False)):
        statement = es.forall(box, lambda x, bound=bound: net(x)[0] <= bound)
        path, runs = tmp_path / f"{holds}.sqlite", 0
        verdict = es.prove(statement, order="canonical", store=path, limit=1)
        while verdict.holds is None:
            assert verdict.stopped in ("limit", "time limit")
            runs += 1
            assert runs < 500
            verdict = es.prove(statement, order="canonical", store=path, resume=True,
                               time_limit=0.01)  # fmt: skip
        assert verdict.holds is holds


@pytest.mark.parametrize("block", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_verdicts_against_all_faces_of_the_plane(tmp_path, tiny_tasks, block):
    rng, seen = random.Random(2_100 + block), {True: 0, False: 0}
    for number in range(10 if block == 0 else 20):
        one = case(rng, comparisons=3, premise=rng.random() < 0.3)
        expected = any(one.truth(p) for p, _ in one.faces)
        order = rng.choice(["auto", "canonical"])
        found = es.prove(
            es.exists(one.box, one.symbolic), store=tmp_path / f"{number}.sqlite", order=order
        )
        assert found.holds is expected
        if expected:
            assert one.truth(found.witness)
        seen[expected] += 1
    assert min(seen.values()) > 2, seen


HEAD = "".join(f"(declare-const {v} Real)\n" for v in ("X_0", "X_1", "X_2", "Y_0"))


def formula(*alternatives: str) -> str:
    box = " ".join(f"(>= X_{i} -1) (<= X_{i} 1)" for i in range(3))
    return HEAD + f"(assert (and {box})) (assert (or {' '.join(alternatives)}))"


def test_alternatives_that_are_decided_are_not_searched_again(tmp_path, monkeypatch, tiny_tasks):
    net, box = closeness(5)
    high = es.output_range(net, box)[0].high
    name, path = tmp_path / "p.vnnlib", tmp_path / "s.sqlite"
    parts = [f"(and (>= X_{i} 0) (> Y_0 {high}))" for i in range(3)]
    name.write_text(formula(*parts, f"(and (<= X_0 1) (>= Y_0 {high}))"))
    plain = es.verify(net, name, order="canonical")
    with monkeypatch.context() as patch:
        dying(patch, 5, after=True)
        with pytest.raises(Killed):
            es.verify(net, name, order="canonical", store=path)
    answers = []
    for _ in range(2):
        answers.append(es.verify(net, name, order="canonical", store=path, resume=True))
    for answer in answers:
        assert (
            (answer.verdict, answer.input) == (plain.verdict, plain.input) == ("sat", plain.input)
        )
        assert answer.regions == answers[0].regions
    with monkeypatch.context() as patch:  # nothing is searched
        patch.setattr(coordinate.TaskRun, "__init__", None)
        assert es.verify(net, name, order="canonical", store=path, resume=True).verdict == "sat"


def test_the_command_goes_on(tmp_path, capsys):
    net, box = closeness(5)
    high = es.output_range(net, box)[0].high
    net.save(tmp_path / "net.json")
    (tmp_path / "p.vnnlib").write_text(formula(f"(> Y_0 {high})"))
    words = ["verify", str(tmp_path / "net.json"), str(tmp_path / "p.vnnlib")]
    store = ["--store", str(tmp_path / "s.sqlite")]
    assert run([*words, *store]) == 0
    assert run([*words, *store, "--resume"]) == 0
    assert capsys.readouterr().out == "unsat\nunsat\n"
    assert run([*words, *store]) == 2
    assert "--resume" in capsys.readouterr().err
    assert run([*words, "--resume"]) == 2
    assert "--store" in capsys.readouterr().err
    assert run([*words, *store, "--resume", "--order", "canonical"]) == 2
    assert "another verification" in capsys.readouterr().err
    assert run(["verify", "--instances", "t.csv", *store]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_query_of_two_networks_goes_on(tmp_path, monkeypatch, tiny_tasks):
    pytest.importorskip("onnx")
    net, box = closeness(7)
    step = np.array([0, 0, 1])
    apart = es.find(
        es.exists(box, lambda x: True), maximise=lambda x: net(x)[0] - net(x + step)[0]
    ).optimum
    bound = Fraction(np.nextafter(float(apart), np.inf))
    net.to_onnx(tmp_path / "f.onnx")
    (tmp_path / "q.vnnlib").write_text(
        "(vnnlib-version <2.0>)"
        "(declare-network f (declare-input A real [3]) (declare-output B real [1]))"
        "(declare-network g (equal-to f) (declare-input C real [3]) (declare-output D real [1]))"
        "(assert (and (== A[0] C[0]) (== A[1] C[1]) (== C[2] (+ A[2] 1.0)) (<= -1.0 A[2])"
        " (<= A[2] 1.0) (<= -1.0 A[0]) (<= A[0] 1.0) (<= -1.0 A[1]) (<= A[1] 1.0)))"
        f"(assert (> (- B[0] D[0]) {float(bound)!r}))"
    )
    files, path = {"f": tmp_path / "f.onnx"}, tmp_path / "s.sqlite"
    with monkeypatch.context() as patch:
        dying(patch, 3, after=True)
        with pytest.raises(Killed):
            es.verify_query(tmp_path / "q.vnnlib", files, store=path)
    answer = es.verify_query(tmp_path / "q.vnnlib", files, store=path, resume=True)
    assert answer.verdict == "unsat"


def test_what_is_not_its_store_is_refused(tmp_path):
    net, box = closeness(0)
    statement = es.forall(box, lambda x: net(x)[0] <= 100)
    path = tmp_path / "s.sqlite"
    assert es.prove(statement, store=path)
    other, _ = closeness(1)
    for wrong in (
        es.forall(box, lambda x: net(x)[0] < 100), es.forall(box, lambda x: other(x)[0] <= 100),
        es.forall(es.Box(-1, 2, dim=3), lambda x: net(x)[0] <= 100),
        es.exists(box, lambda x: net(x)[0] > 100),
    ):  # fmt: skip
        with pytest.raises(es.StoreError, match="another verification"):
            es.prove(wrong, store=path, resume=True)
    with pytest.raises(es.StoreError, match="resume"):
        es.prove(statement, store=path)
    with pytest.raises(es.ParameterError, match="store"):
        es.prove(statement, resume=True)
    with pytest.raises(es.StoreError, match="a verification"):
        es.open_partition(path)
    regions = tmp_path / "r.sqlite"
    es.enumerate_regions(net, box, store=regions)
    with pytest.raises(es.StoreError, match="an enumeration"):
        es.prove(statement, store=regions, resume=True)
    with Searches(tmp_path / "t.sqlite", "k", "held", resume=False), pytest.raises(es.StoreError):
        Searches(tmp_path / "t.sqlite", "k", "held", resume=True)
    (tmp_path / "text").write_text("no store")
    with pytest.raises(es.StoreError):
        es.prove(statement, store=tmp_path / "text", resume=True)


def test_a_point_of_a_stranger_is_checked(tmp_path, monkeypatch):
    """What a file claims to have found, with all its checksums right."""
    net, box = closeness(1)
    high = es.output_range(net, box)[0].high
    statement = es.forall(box, lambda x: net(x)[0] < high)
    for number, wrong in enumerate([(Fraction(0),) * 3, (Fraction(9),) * 3, (Fraction(0),) * 2]):
        path = tmp_path / f"{number}.sqlite"
        with monkeypatch.context() as patch:
            real = StoredSearch.conclude

            def conclude(self, point, inside, code, real=real, wrong=wrong):
                real(self, wrong, wrong, code)

            patch.setattr(StoredSearch, "conclude", conclude)
            assert es.prove(statement, order="canonical", store=path).holds is False
        with pytest.raises(es.StoreError, match="does not satisfy"):
            es.prove(statement, order="canonical", store=path, resume=True)


@pytest.mark.parametrize("rounds", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_damage_is_told_or_does_no_harm(tmp_path, monkeypatch, tiny_tasks, rounds):
    net, box = closeness(1)
    high = es.output_range(net, box)[0].high
    holds = es.forall(box, lambda x: net(x)[0] <= high)
    fails = es.forall(box, lambda x: net(x)[0] < high)
    originals = []
    for statement, cut in ((holds, 9), (holds, 0), (fails, 9), (fails, 0)):
        path = tmp_path / f"{len(originals)}.sqlite"
        with monkeypatch.context() as patch:
            if cut:
                dying(patch, cut, after=True)
            with contextlib.suppress(Killed):
                es.prove(statement, order="canonical", store=path)
        originals.append((statement, path.read_bytes()))
    rng, told = random.Random(17), 0
    for k in range(rounds):
        statement, whole = originals[k % len(originals)]
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            data[at] ^= 1 << rng.randrange(8)
        copy = tmp_path / "copy.sqlite"
        copy.write_bytes(data)
        try:
            found = es.prove(statement, order="canonical", store=copy, resume=True)
            assert found.holds is (statement is holds)
        except es.StoreError:
            told += 1
        for name in tmp_path.glob("copy.sqlite*"):
            name.unlink()
    assert told > rounds // 20


def test_regions_under_a_condition_go_on(tmp_path, monkeypatch, tiny_tasks):
    """Stopped after any transaction; the counts, regions and parts are those of one search."""
    net, box = closeness(1)
    middle = sum((found.low + found.high) / 2 for found in es.output_range(net, box))

    def where(x):
        return (net(x)[0] >= middle) & (x[0] <= x[1])

    plain = es.enumerate_regions(net, box, where=where)
    real, deaths = Store.commit, 0
    for number in (1, 2, 5, 200):
        left, path = [number], tmp_path / f"{number}.sqlite"

        def commit(self, *arguments, left=left):
            out = real(self, *arguments)
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return out

        with monkeypatch.context() as patch:
            patch.setattr(Store, "commit", commit)
            try:
                es.count_regions(net, box, where=where, store=path)
                died = False
            except Killed:
                died = True
        deaths += died
        count = es.count_regions(net, box, where=where, store=path, resume=True)
        assert (count, count.touching) == (len(plain), len(plain.touching))
    assert deaths > 2
    found = es.enumerate_regions(net, box, where=where, store=path, resume=True)
    assert found.to_dict() == plain.to_dict()
    for other in (
        lambda x: (net(x)[0] >= middle) | (x[0] <= x[1]), lambda x: net(x)[0] >= middle,
        lambda x: (net(x)[0] > middle) & (x[0] <= x[1]),
    ):  # fmt: skip
        with pytest.raises(es.StoreError, match="another"):
            es.count_regions(net, box, where=other, store=path, resume=True)
    with pytest.raises(es.StoreError, match="under a condition"):
        es.open_partition(path)
    with pytest.raises(es.StoreError, match="resume"):
        es.count_regions(net, box, where=where, store=path)
    with pytest.raises(es.StoreError, match="under a condition"):
        es.count_regions(net, box, store=path, resume=True)


@pytest.mark.slow
def test_processes_give_the_same_verdicts(tmp_path, monkeypatch):
    monkeypatch.setattr(coordinate, "SHORT_SECONDS", 0.01)
    pool, told = processes(2), set()
    try:
        for seed in (0, 1):
            net, box = closeness(seed)
            high = es.output_range(net, box)[0].high
            for number, statement in enumerate((
                es.forall(box, lambda x, n=net, h=high: n(x)[0] <= h),
                es.forall(box, lambda x, n=net, h=high: n(x)[0] <= h - Fraction(1, 50)),
            )):  # fmt: skip
                plain = es.prove(statement, order="canonical")
                path = tmp_path / f"{seed}-{number}.sqlite"
                many = es.prove(statement, order="canonical", store=path, executor=pool)
                assert (many.holds, many.counterexample) == (plain.holds, plain.counterexample)
                told.add(many.holds)
    finally:
        end(pool)
    assert told == {True, False}


def _child(net: es.Network, name: Path, store: Path) -> None:
    real = Searches._write

    def write(self, *arguments):  # so that the tree takes longer than all else
        time.sleep(0.005)
        return real(self, *arguments)

    Searches._write = write
    es.verify(net, name, order="canonical", store=store, resume=True)


@pytest.mark.slow
def test_killed_at_many_moments(tmp_path, tiny_tasks):
    """Real processes, killed with signal 9, until one ends; forked, so that they begin at once."""
    net, box = closeness(0)
    high = es.output_range(net, box)[0].high
    name, path = tmp_path / "p.vnnlib", tmp_path / "s.sqlite"
    name.write_text(formula(f"(> Y_0 {high})", f"(and (<= X_0 1) (>= Y_0 {high}))"))
    plain = es.verify(net, name, order="canonical")
    context, draws = multiprocessing.get_context("fork"), random.Random(3)
    kills = partly = 0
    for _ in range(8):
        longest = 0.15
        while True:
            child = context.Process(target=_child, args=(net, name, path))
            child.start()
            child.join(draws.uniform(0.03, longest))
            longest *= 1.2  # a busy machine gets there, too
            if child.exitcode is not None:
                break
            child.kill()
            child.join()
            kills += 1
            with contextlib.suppress(sqlite3.Error):
                copy = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
                partly += copy.execute("SELECT count(*) FROM tasks").fetchone()[0] > 0
                copy.close()
        assert child.exitcode == 0
        answer = es.verify(net, name, order="canonical", store=path, resume=True)
        assert (answer.verdict, answer.input) == (plain.verdict, plain.input)
        assert answer.verdict == "sat"
        for file in tmp_path.glob("s.sqlite*"):
            file.unlink()
    assert min(kills, partly) > 2, (kills, partly)
