"""Cells by their paths: the same rows and verdicts as from the forms, whatever path came before."""

from __future__ import annotations

import random

import numpy as np
import pytest
import random_networks as nets
from marks import first_quick

import exactspline as es
from exactspline.cells import forms as forms_module
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
            again = cells.open_cell(conditions, np.asarray(code))
            strict = [row for row in rows if any(row)]
            if len(strict) < len(rows):
                assert not cell.holds(inside)  # an identity is no strict inequality
                assert again is None
                continue
            assert cell.holds(inside)
            assert again is not None
            assert cell.holds(again.inside)
            shared += before is not None and len(before) > 0 and before[0] is cell.rows[0]
            before = cell.rows
            form = fresh.form(0, 0, code)
            found = cell.decide(form)
            assert found.kind == decide(rows, form, inside).kind
            cuts += found.kind == "cut"
    assert shared > 20
    assert cuts > 5


def test_rows_by_products_are_those_by_sums(monkeypatch):
    """Forms of layers that read much and little of the state, made in either way."""
    rng = random.Random(8_200)
    for _ in range(15):
        widths, skip = [rng.randint(2, 5) for _ in range(3)], rng.random() < 0.5
        spec = nets.random_spec(rng, 2, widths, rng.choice(nets.STYLES), bias=True, skip=skip)
        program = nets.network(spec).program
        if not program.layers:
            continue
        space = search_space(program, es.WholeSpace(2).chart)
        codes = np.array([rng.randrange(n) for n in program.pieces.tolist()])
        found = []
        for dense in (0, 10**6):
            monkeypatch.setattr(forms_module, "_DENSE", dense)
            forms = ExactForms(program, space)
            found.append([
                forms.form(at, f, codes)
                for at, layer in enumerate(program.layers)
                for k in range(len(layer.units))
                for piece in range(int(layer.units.pieces[k]))
                for f, _, _ in layer.units.conditions(k, piece)
            ])  # fmt: skip
        assert found[0] == found[1]
        assert found[0]
