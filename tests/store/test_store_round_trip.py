"""What goes into a store comes out of it bit for bit: parameters, domains, names, file names."""

from __future__ import annotations

import gc
import json
import math
import os
import random
import subprocess
import sys
from fractions import Fraction

import numpy as np
import operator_cases as cases
import pytest
import torch
from marks import first_quick

import exactspline as es
from exactspline.formats.json.domain import domain_from_json, domain_to_json
from exactspline.formats.json.network import network_from_json, network_to_json
from exactspline.rationals import exact_array
from exactspline.store import Store

BOX = es.Box([-2], [2])


def stored(network: es.Network, domain: es.Domain, name) -> es.Partition:
    """Into a store, which is resumed and read; the same as a search in memory."""
    whole = es.enumerate_regions(network, domain)
    Store.create(name, network, domain).close()
    for _ in range(2):
        es.enumerate_regions(network, domain, store=name, resume=True)
        gc.collect()  # no reader is left
    found = es.open_partition(name)
    assert found.complete
    assert np.array_equal(found.codes, whole.codes)
    assert found.exact_witnesses == whole.exact_witnesses
    assert np.array_equal(found.witnesses.view(np.int64), whole.witnesses.view(np.int64))
    return found


# ------------------------------------------------------------------------------ signed zeros
def with_signed_zeros(operator: es.Operator, more: bool) -> tuple[es.Operator, es.Operator, int]:
    """The operator with floats where it has numbers, once with 0.0 and once with -0.0.

    With ``more`` there is a zero in all of its numbers, whatever they were.
    """
    plain, signed = {}, {}
    zeros = 0
    for key, kind in operator.FIELDS.items():
        value = getattr(operator, key)
        if value is not None and kind.endswith(("array", "number")):
            floats = np.array(np.round(np.asarray(value, dtype=np.float64), 2))
            if more:
                floats.reshape(-1)[:1] = 0
            zeros += int(np.sum(floats == 0))
            plain[key] = np.abs(floats) if key == "variance" else floats + 0.0
            signed[key] = np.where(plain[key] == 0, -0.0, plain[key])
            if kind.endswith("number"):
                plain[key], signed[key] = float(plain[key]), float(signed[key])
        else:
            plain[key] = signed[key] = value
    return type(operator)(**plain), type(operator)(**signed), zeros


@pytest.mark.parametrize("name", sorted(cases.CASES))
def test_signed_zeros_of_operators(name):
    zeros = 0
    for seed in range(12):
        case = cases.CASES[name](random.Random(seed))
        try:
            plain, signed, here = with_signed_zeros(case.operator, seed % 2 == 0)
        except es.ExactSplineError:  # rounded numbers that are no such operator
            continue
        zeros += here
        networks = [cases.as_network(o, case.shapes) for o in (plain, signed)]
        texts = [json.dumps(network_to_json(net)).encode() for net in networks]
        assert texts[0] == texts[1]
        networks.append(network_from_json(texts[0], "text"))
        assert len({net.program.sha256() for net in networks}) == 1
    fields = case.operator.FIELDS.values()
    assert zeros or not any(kind.endswith(("array", "number")) for kind in fields)


@pytest.mark.parametrize(
    "network",
    first_quick([
        es.Network([es.Dense([[1.0]], [-0.0]), es.ReLU()], (1,)),
        es.Network([es.Dense([[1.0], [-0.0]], [-0.0, -0.0]), es.ReLU(),
                    es.Dense([[-0.0, 1.0]], [-0.0]), es.LeakyReLU(-0.0)], (1,)),
        es.Network([es.BatchNorm([-0.0], [-0.0], [1.0], [-0.0], epsilon=1), es.Abs()], (1,)),
        es.Network([es.Elementwise(-1.0, -0.0), es.Clip(-0.0, 1)], (1,)),
        es.Network([es.Dense([[1.0], [2.0]], [np.float32(-0.0), 0]), es.Threshold(-0.0, -0.0)],
                   (1,)),
        es.Network([es.ScalarSpline([-0.0, 1.0], [-0.0, 1, -0.0], [-0.0, -0.0, 1])], (1,)),
    ]),
)  # fmt: skip
def test_signed_zeros_in_stores(tmp_path, network):
    stored(network, es.Box([-0.0], [5]), tmp_path / "o.sqlite")
    stored(network, es.Box([-3.0], [-0.0]), tmp_path / "p.sqlite")


@pytest.mark.slow
def test_signed_zeros_of_a_module(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.view(-1)[0] = -0.0
    stored(es.from_torch(module, (1,)), BOX, tmp_path / "o.sqlite")


def test_there_is_one_zero():
    for values in (
        -0.0, [-0.0, 1.0], np.array([[-0.0]], np.float32), np.array([-0.0, 1, -0.0])[::2],
        np.array([-0.0], np.float16), np.array([-0.0], np.longdouble), [Fraction(1, 3), -0.0],
        np.array([[-0.0, 2.0], [3.0, -0.0]]).T, torch.tensor([-0.0, 1.0]),
    ):  # fmt: skip
        found = exact_array(values)
        assert not np.any(np.signbit(found.astype(np.float64)))
    given = np.array([-0.0, 5e-324, -5e-324])
    assert exact_array(given).tolist() == [0.0, 5e-324, -5e-324]
    assert math.copysign(1, given[0]) == -1  # what was given is as it was


# ------------------------------------------------------------------- numbers, domains, names
HUGE, TINY = Fraction(10) ** 400, Fraction(1, 10**400)


@pytest.mark.parametrize(
    ("weight", "bias"),
    first_quick(
        [
            ([["1e400"], ["-1e400"]], ["1", HUGE]),
            ([["1e-400"], [1]], [TINY, "1e-400"]),
            ([[5e-324], [1]], [5e-324, -5e-324]),
            ([[1.7976931348623157e308], [1]], [1.7976931348623157e308, 0]),
            ([["1/3"], [0.1]], [Fraction(2**53 + 1), 2**53 + 1]),
            ([[2**200], [2**53 + 2]], [2**64 - 1, np.uint64(2**64 - 1)]),
            ([[np.float32(0.1)], [np.longdouble("0.1")]], [np.float16(0.1), -0.0]),
        ]
    ),
)
def test_numbers(tmp_path, weight, bias):
    weight = np.array(weight, dtype=object)
    bias = np.array(bias, dtype=object)
    stored(es.Network([es.Dense(weight, bias), es.ReLU()], (1,)), BOX, tmp_path / "o.sqlite")


@pytest.mark.parametrize(
    "domain",
    first_quick(
        [
            es.Box([-0.0], ["1e400"]),
            es.Box(["-1e-400"], [TINY]),
            es.Box([-np.inf], [5e-324]),
            es.Box(["1/3"], ["1/3"]),
            es.Polytope([[1.0], [-0.0], [-1]], [2.0, -0.0, HUGE]),
            es.Slice([-0.0], [["1/3"]], es.Box([-0.0], [1])),
            es.Slice(["1e-400"], [[-1.0]], es.Slice([-0.0], [[HUGE]]), es.Box([-0.0], [1])),
        ]
    ),
)
def test_domains(tmp_path, domain):
    network = es.Network([es.Dense([[1.0], [1.0]], [-0.0, "-1e-401"]), es.ReLU()], (1,))
    stored(network, domain, tmp_path / "o.sqlite")
    again = domain_from_json(json.dumps(domain_to_json(domain)).encode(), "text")
    assert domain_to_json(again) == domain_to_json(domain)


@pytest.mark.parametrize(
    "name",
    first_quick(["", "a\0b", "\ud800", "\u202e\x1b[2J", "x" * 10000, "ü\n\t\"'\\", "1e5", "null"]),
)
def test_names(tmp_path, name):
    network = es.Network([es.Dense([[1], [2]], [0, 1], name=name), es.ReLU(name=name)], (1,))
    found = stored(network, BOX, tmp_path / "o.sqlite")
    assert [node.operator.name for node in found.network.nodes] == [name, name]


# ------------------------------------------------------------------------------- file names
ODD = [b"\xff\xfe.sqlite", b"a\nb\r.sqlite", b"\x1b]0;t\x07.sqlite", b" .sqlite", b"-.sqlite",
       b"?mode=memory&x#y%00.sqlite", b"'\"\\.sqlite", "ü漢.sqlite".encode()]  # fmt: skip


@pytest.mark.parametrize("raw", first_quick(ODD))
def test_file_names(tmp_path, raw):
    network = es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,))
    name = os.fsdecode(os.fsencode(tmp_path) + b"/" + raw)
    assert len(stored(network, BOX, name)) == 3
    gc.collect()
    assert os.listdir(os.fsencode(tmp_path)) == [raw]
    assert len(es.open_partition(os.fsencode(name))) == 3
    store = Store(name)
    assert store.regions == 3
    store.close()
    with open(name, "r+b") as stream:
        stream.truncate(5000)
    with pytest.raises(es.StoreError):
        es.open_partition(name)


@pytest.mark.slow
def test_file_names_of_the_command(tmp_path):
    folder = os.fsencode(tmp_path)
    net = folder + b"/\xffnet.json"
    es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,)).save(os.fsdecode(net))
    for encoding in ("utf-8", "ascii"):
        store = folder + b"/\xfe" + encoding.encode() + b".sqlite"
        command = [sys.executable, "-m", "exactspline", "enumerate", net, "--store", store]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        for more, code in (([], 0), ([b"--json", b"--resume"], 0), ([], 2)):
            done = subprocess.run(
                [*command, *more], capture_output=True, check=False, env=environment, cwd=tmp_path
            )
            assert done.returncode == code, done.stderr
            assert b"Traceback" not in done.stderr
            text = done.stdout + done.stderr
            assert b"\xfe" not in text
            assert b"\\xfe" in text or b"\\udcfe" in text
            if more:
                assert json.loads(done.stdout)["regions"] == 3


@pytest.mark.parametrize("name", ["", "x" * 300, "x" * 251, "no/such/folder", "a\0b", ".", "/"])
def test_names_that_no_store_can_have(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    network = es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,))
    for resume in (False, True):
        with pytest.raises(es.StoreError):
            es.enumerate_regions(network, BOX, store=name, resume=resume)
    with pytest.raises(es.StoreError):
        es.open_partition(name)
    assert not os.listdir(tmp_path)
    assert not os.path.exists(f"{tmp_path}-lock")
