"""Cells by their paths: the same rows and verdicts as from the forms, whatever path came before."""

from __future__ import annotations

import random

import numpy as np
import pytest
import random_networks as nets
from marks import first_quick

import exactspline as es
from exactspline.cells.forms import ExactForms
from exactspline.cells.path import PathCells
from exactspline.cells.space import search_space
from exactspline.polyhedra.decide import decide
from exactspline.polyhedra.dictionary import int_row
from exactspline.polyhedra.lp import q


def paths(omega: es.Partition, rng: random.Random) -> list:
    """(conditions, code, witness) of prefixes of the regions' conditions, in their order or not."""
    units = [layer.units for layer in omega.network.program.layers]
    out = []
    for index in range(len(omega)):
        code, conditions, at = omega.code(index), [], 0
        for layer, own in enumerate(units):
            for k in range(len(own)):
                for f, sign, _ in own.conditions(k, int(code[at + k])):
                    conditions.append((layer, f, sign))
            at += len(own)
        for _ in range(3):
            out.append((conditions[: rng.randint(0, len(conditions))], code, omega[index].witness))
    if rng.random() < 0.3:
        rng.shuffle(out)
    return out


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_the_rows_of_a_path_are_those_of_the_forms(block):
    rng = random.Random(8_100 + block)
    shared = cuts = 0
    for _ in range(12):
        dim = rng.choice((1, 2, 3))
        spec = nets.random_spec(rng, dim, [rng.randint(2, 4) for _ in range(2)],
                                rng.choice(nets.STYLES), bias=True)  # fmt: skip
        network = nets.network(spec)
        if not network.program.layers:
            continue
        domain = es.Box(-2, 2, dim=dim)
        omega = es.enumerate_regions(network, domain, limit=40)
        space = search_space(network.program, domain.chart)
        forms, fresh = (ExactForms(network.program, space) for _ in range(2))
        cells, before = PathCells(forms), None
        for conditions, code, witness in paths(omega, rng):
            inside = [q(witness[j]) for j in space.columns.tolist()]
            cell = cells.cell(conditions, np.asarray(code), inside)
            rows = list(fresh.domain_rows)
            for layer, f, sign in conditions:
                rows.append([sign * v for v in fresh.form(layer, f, code)])
            assert list(cell.rows) == [int_row(row) for row in rows]
            strict = [row for row in rows if any(row)]
            if len(strict) < len(rows):
                assert not cell.holds(inside)  # an identity is no strict inequality
                continue
            assert cell.holds(inside)
            shared += before is not None and len(before) > 0 and before[0] is cell.rows[0]
            before = cell.rows
            form = fresh.form(0, 0, code)
            found = cell.decide(form)
            assert found.kind == decide(rows, form, inside).kind
            cuts += found.kind == "cut"
    assert shared > 20
    assert cuts > 5
