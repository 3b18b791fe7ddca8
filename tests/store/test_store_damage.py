"""Damage of stores: an error, or the right codes, witnesses and facets; nothing in between.

`benchmarks/damage.py` does ten thousand of these trials.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
import store_damage as damage

import exactspline as es

QUICK, *SLOW = damage.KINDS
PARAMS = [QUICK, *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)]


@pytest.fixture(scope="module", params=PARAMS, ids=str)
def original(request, tmp_path_factory):
    return damage.Original(tmp_path_factory.mktemp("store") / "made", *request.param)


def test_random_damage(original):
    name = original.folder / "o.sqlite"
    rng = random.Random(f"{original.finished} {original.facets} {original.log}")
    outcomes = set()
    methods = damage.ways(original)
    for trial in range(35):
        original.write(name, damage.spoiled(original, methods[trial % len(methods)], rng))
        outcomes.add(damage.judged(original, name))
    assert "refused" in outcomes
    assert "right" in outcomes
    assert not original.log or "earlier" in outcomes


def test_every_bit_of_rows(original):
    """All bits of the rows that say what was found and what remains, in a single file."""
    if original.log or not original.facets:
        return
    name = original.folder / "o.sqlite"
    for table, column in (("totals", "digest"), ("totals", "regions"), ("tasks", "depth"),
                          ("chunks", "regions"), ("chunks", "checksum")):  # fmt: skip
        for bit in range(0, 31, 5):
            original.write(name, original.files)
            with sqlite3.connect(name) as database:
                changed = database.execute(
                    f"UPDATE {table} SET {column} = {column} + {1 << bit} WHERE id = "
                    f"(SELECT max(id) FROM {table})"
                ).rowcount
            database.close()
            if changed:
                assert damage.judged(original, name) == "refused"


def test_rows_of_another_store(original, tmp_path):
    """Rows whose checksums are right, but which belong to another time or another store."""
    if original.log or original.finished or original.facets:
        return
    name = original.folder / "o.sqlite"
    early = original.folder / "early.sqlite"
    early.write_bytes(original.earlier[1])
    moved = 0
    for table in ("totals", "tasks", "chunks"):
        original.write(name, original.files)
        with sqlite3.connect(name) as database:
            database.execute("ATTACH ? AS early", (str(early),))
            database.execute(f"DELETE FROM {table}")
            database.execute(f"INSERT INTO {table} SELECT * FROM early.{table}")
        database.close()
        assert damage.judged(original, name) == "refused"
        moved += 1
    assert moved == 3


def test_the_judge_sees_what_is_wrong(original, monkeypatch):
    """A judge that lets everything pass would find every store right."""
    name = original.folder / "o.sqlite"
    original.write(name, original.files)
    assert damage.judged(original, name) == "right"
    net, domain = damage.network()
    other = es.Network([es.Dense([[1, 0]], ["1/9"]), es.ReLU()], (2,))
    whole = es.enumerate_regions(other, domain, graph=original.facets)
    assert net.program.sha256() != other.program.sha256()
    monkeypatch.setattr(original, "whole", whole)
    original.write(name, original.files)
    with pytest.raises(damage.WrongError):
        damage.judged(original, name)


def test_a_store_that_lost_its_tables_is_not_written_over(original):
    """Its first page says that there are none: no new run begins in its place."""
    if original.log:
        return
    name = Path(original.folder / "o.sqlite")
    data = bytearray(original.files["o.sqlite"])
    data[103:105] = bytes(2)  # the number of cells of the first page
    original.write(name, {"o.sqlite": bytes(data)})
    with pytest.raises(es.StoreError):
        es.open_partition(name)
    net, domain = damage.network()
    with pytest.raises(es.StoreError):
        es.enumerate_regions(net, domain, store=name, resume=True)
    assert name.read_bytes() == bytes(data)
