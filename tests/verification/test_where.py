"""Regions with points where a condition holds: brute force, touching sets, parts, bad input."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import pytest
from marks import first_quick
from where_twin import RELATIONS, case, compared

import exactspline as es
from exactspline.cli import main as run
from exactspline.polyhedra.lp import q, qrow, value_at
from exactspline.verification.dissect import pieces

NET = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))


def expected(made):
    """The codes of regions that meet the set, and of those that only touch it."""
    met, near = set(), set()
    for p, cells in made.faces:
        if not made.truth(p):
            continue
        codes = {made.codes[k] for k in cells}
        near |= codes
        if len(codes) == 1 and not made.on_border(p):
            met |= codes
    return met, near - met


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_against_all_faces_of_the_plane(block):
    rng, seen = random.Random(4_000 + block), {"met": 0, "touching": 0, "thin": 0, "open": 0}
    for k in range(16):
        made = case(rng, premise=k % 2 == 1)
        if k % 3 == 0:
            made = case(rng, comparisons=1, relations=("==",))
        met, touching = expected(made)
        count = es.count_regions(made.net, made.box, where=made.symbolic)
        assert (int(count), count.touching) == (len(met), len(touching)), (made.weights, made.terms)
        assert count.complete
        found = es.enumerate_regions(made.net, made.box, where=made.symbolic)
        assert [tuple(r.region.code.tolist()) for r in found] == sorted(met)
        assert [tuple(r.region.code.tolist()) for r in found.touching] == sorted(touching)
        for own in found:
            code = tuple(own.region.code.tolist())
            for p, cells in made.faces:
                has = [part.contains(p) for part in own.parts]
                inside = {made.codes[k] for k in cells} == {code} and not made.on_border(p)
                if inside:  # in one part, or in none
                    assert sum(has) == made.truth(p)
                elif any(has):
                    assert made.truth(p)
                    assert code in {made.codes[k] for k in cells}
            for part in own.parts:
                assert part.contains(made.box.chart.lift(part.point))
                seen["thin"] += part.is_thin
                seen["open"] += any(side.relation == "<" for side in part.half_spaces)
        for own in found.touching:
            assert own.parts
            assert all(part.is_thin for part in own.parts)
            assert all(made.truth(part.point) for part in own.parts)
        seen["met"] += len(met)
        seen["touching"] += len(touching)
    assert min(seen.values()) > 0, seen


def test_regions_of_the_network_not_of_what_is_compared():
    """Comparisons, maxima and other networks cut regions; they stay one each."""
    other = es.Network([es.Dense([[1, -1], [1, 1]], [1, 1]), es.Abs(), es.Dense([[1, 1]])], (2,))
    everywhere = es.count_regions(NET)
    for where in (
        lambda x: es.maximum(x[0], x[1] - 1) >= -1000,
        lambda x: other(x)[0] >= 0,
        lambda x: (x[0] < 3) | (x[0] >= 3),
        True,
    ):
        assert es.count_regions(NET, where=where) == everywhere
    assert es.count_regions(NET, where=lambda x: other(x)[0] < 0) == 0
    whole = es.enumerate_regions(NET, where=lambda x: es.maximum(x[0], x[1]) == 1)
    assert len(whole) == 5
    assert [len(own.parts) for own in whole] == [1, 1, 1, 1, 2]


def test_conditions_on_inputs_alone():
    """They cut the search, not the regions: also where the set is thin, or on a border only."""
    net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    box = es.Box([-1], [2])
    for text, met, touching in [
        ("x[0] <= 0", 1, 1), ("x[0] < 0", 1, 0), ("x[0] == 1/2", 1, 0), ("x[0] == 1", 0, 2),
        ("x[0] >= 2", 0, 1), ("x[0] > 2", 0, 0), ("x[0] == -1 or x[0] >= 1", 1, 2),
        ("x[0] >= 5", 0, 0), ("0 <= x[0] <= 1", 1, 2), ("0 < x[0] < 1", 1, 0),
    ]:  # fmt: skip
        count = es.count_regions(net, box, where=text)
        assert (int(count), count.touching) == (met, touching), text


def test_slopes_and_codes():
    net = es.Network([es.Dense([[1], [-1]], [0, -1]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    assert es.count_regions(net, where=lambda x: net.slope(x)[0, 0] == 0) == 1
    found = es.enumerate_regions(
        net, es.Box([-3], [3]), where=lambda x: (es.code(net, x)[0] == 1) & (x[0] <= 2)
    )
    assert [own.region.code.tolist() for own in found] == [[1, 0]]
    assert [part.volume() for part in found[0].parts] == [2]


def test_slices_points_and_files(tmp_path):
    line = es.Slice([0, 1], [[1, 1]])
    found = es.enumerate_regions(NET, line, where=lambda x: NET(x)[2] == 2)
    ((part,),) = [own.parts for own in found]
    assert [str(side) for side in part.half_spaces] == ["t[0] >= 0", "2 t[0] == 1"]
    assert part.contains(["1/2", "3/2"])
    assert not part.contains([1, 1])
    assert es.count_regions(NET, es.Box([1, 1], [1, 1]), where="f(x)[2] == 2") == 1
    assert es.count_regions(NET, es.Box([1, 1], [1, 1]), where="f(x)[2] < 2") == 0
    path = tmp_path / "p.vnnlib"
    names = ("X_0", "X_1", "Y_0", "Y_1", "Y_2")
    path.write_text(
        "".join(f"(declare-const {v} Real)" for v in names)
        + "(assert (<= X_0 4)) (assert (>= Y_2 Y_0)) (assert (> Y_1 0))"
    )
    assert es.count_regions(NET, where=path) == es.count_regions(
        NET, where=lambda x: (x[0] <= 4) & (NET(x)[2] >= NET(x)[0]) & (NET(x)[1] > 0)
    )


def test_limits():
    count = es.count_regions(NET, where="f(x)[2] >= 0", limit=2)
    assert (int(count), count.complete, count.stopped.reason) == (2, False, "limit")
    found = es.enumerate_regions(NET, where="f(x)[2] >= 0", limit=2)
    assert len(found) == 2
    assert not found.complete
    late = es.count_regions(NET, where="f(x)[2] >= 0", time_limit=0)
    assert late <= 6
    assert late.complete or late.stopped.reason == "time limit"


def test_what_time_does_not_settle_is_left_open(monkeypatch):
    from exactspline.clock import OutOfTime
    from exactspline.verification.sweep import Sweep

    def late(*_):
        raise OutOfTime

    monkeypatch.setattr(Sweep, "_meets", late)
    count = es.count_regions(NET, where=lambda x: NET(x)[2] == 1)
    assert (int(count), count.complete, count.stopped.reason) == (0, False, "time limit")


def test_command_line(tmp_path, capsys):
    path = tmp_path / "net.json"
    NET.save(path)
    assert run(["count", str(path), "--where", "f(x)[2] <= 0", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["regions"], value["touching"], value["complete"]) == (3, 3, True)
    assert run(["count", str(path), "--box", "-1", "1", "--where", "f(x)[2] <= 0"]) == 0
    text = capsys.readouterr().out
    assert "f(x)[2] <= 0" in text
    assert "touching" in text
    for bad in (["--where", "f(x)[2]"], ["--where", "f(x)[9] <= 0"], ["--where", "no.vnnlib"],
                ["--where", "x[0] <= 0", "--linear"]):  # fmt: skip
        assert run(["count", str(path), *bad]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "Traceback" not in error


def test_parts_on_the_command_line(tmp_path, capsys):
    path, out = tmp_path / "net.json", tmp_path / "parts.json"
    NET.save(path)
    words = [str(path), "--box", "-1", "1", "--where", "f(x)[2] <= 0 and x[0] < 1/2"]
    assert run(["preimage", *words, "--volume", "--json", "--out", str(out)]) == 0
    value = json.loads(capsys.readouterr().out)
    found = es.preimage(
        NET, es.Box(-1, 1, dim=2), lambda x: (NET(x)[2] <= 0) & (x[0] < Fraction(1, 2))
    )
    assert (value["polyhedra"], value["thin"]) == (len(found), len(found.thin))
    assert Fraction(value["volume"]["low"]) == found.volume().value
    assert Fraction(value["volume"]["share_high"]) == found.volume().share
    told = json.loads(out.read_text())
    assert told == json.loads(json.dumps(found.to_dict()))
    for part in told["polyhedra"]:  # its point is strictly inside
        point = [Fraction(v) for v in part["point"]]
        for side in part["half_spaces"]:
            total = sum(Fraction(c) * v for c, v in zip(side["coefficients"], point, strict=True))
            assert total < Fraction(side["bound"])
            assert side["relation"] in ("<", "<=")
    assert run(["preimage", *words, "--volume"]) == 0
    assert "of the domain" in capsys.readouterr().out
    assert run(["enumerate", *words, "--out", str(out)]) == 0
    assert "touching" in capsys.readouterr().out
    regions = es.enumerate_regions(NET, es.Box(-1, 1, dim=2), where=words[-1])
    assert json.loads(out.read_text()) == json.loads(json.dumps(regions.to_dict()))
    for bad in (
        ["preimage", *words[:-1], "f(x)[9] <= 0"], ["preimage", str(path)],
        ["preimage", *words, "--out", str(tmp_path / "a.npz")], ["enumerate", *words],
        ["enumerate", *words, "--edges", "--out", str(out)],
        ["enumerate", *words, "--store", str(out), "--out", str(out)],
        ["enumerate", *words, "--out", str(tmp_path / "a.npz")],
    ):  # fmt: skip
        assert run(bad) == 2
        assert "Traceback" not in capsys.readouterr().err


def test_a_query_of_version_two_says_where(tmp_path, capsys):
    NET.save(tmp_path / "net.json")
    path = tmp_path / "q.vnnlib"
    text = (
        "(vnnlib-version <2.0>)"
        "(declare-network f (declare-input A real [2]) (declare-output B real [{}]))"
        "(assert (and (>= A[0] -1.0) (<= A[0] 1.0) (>= A[1] -1.0) (<= A[1] 1.0) (<= B[{}] 0.0)))"
    )
    path.write_text(text.format(3, 2))
    count = es.count_regions(NET, where=path)
    plain = es.count_regions(NET, es.Box(-1, 1, dim=2), where="f(x)[2] <= 0")
    assert (count, count.touching) == (plain, plain.touching)
    assert run(["count", str(tmp_path / "net.json"), "--where", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["regions"] == plain
    volume = es.preimage(NET, es.Box(-1, 1, dim=2), str(path)).volume().value
    assert volume == es.preimage(NET, es.Box(-1, 1, dim=2), "f(x)[2] <= 0").volume().value
    path.write_text(text.format(4, 2))
    with pytest.raises(es.FormatError, match="4 entries"):
        es.count_regions(NET, where=path)
    path.write_text(text.replace("(declare-output", "(declare-input C real [1])(declare-output")
                    .format(3, 2))  # fmt: skip
    with pytest.raises(es.FormatError, match="one input"):
        es.count_regions(NET, where=path)


@pytest.mark.parametrize(
    ("where", "options", "says"),
    [
        (lambda x: x[0], {}, "no condition"),
        (lambda x, y: x[0] <= y[0], {}, "takes 2 points"),
        (3, {}, "is no condition"),
        ("x[0] <=", {}, "invalid syntax"),
        ("f(x)[0] <= g(x)[0]", {}, "'g' is not known"),
        (lambda x: x[0] <= 0, {"limit": 0}, "at least 1"),
        (lambda x: x[0] <= 0, {"time_limit": -1}, "at least 0"),
        (lambda x: x[0] <= 0, {"resume": True}, "store"),
        (lambda x: NET([1, 2, 3]) <= 0, {}, "shape"),
    ],
)
def test_bad_input(where, options, says):
    with pytest.raises(es.ExactSplineError, match=says):
        es.count_regions(NET, where=where, **options)


def test_what_enumerate_does_not_do_under_a_condition():
    for option in ("stream", "graph", "polygons"):
        with pytest.raises(es.ParameterError, match=option):
            es.enumerate_regions(NET, where="x[0] <= 0", **{option: True})
    assert Fraction(1) == es.enumerate_regions(
        NET, es.Box(0, 1, dim=2), where="x[0] <= 1"
    )[0].parts[0].volume()  # fmt: skip


def test_pieces_of_a_segment():
    """Forms that vanish at the point that is known: every point is in one piece, or in none."""
    rng = random.Random(8)
    rows = [qrow(Fraction(0), [Fraction(1)]), qrow(Fraction(4), [Fraction(-1)])]
    for _ in range(60):
        seen: list = []
        relations = [rng.choice(RELATIONS) for _ in range(3)]
        ends = [rng.choice([0, 2, 2, 3, 4]) for _ in range(3)]
        words = [rng.choice("&|") for _ in range(2)]

        def condition(x, relations=relations, ends=ends, words=words, seen=seen):
            own = [compared(x[0], r, e) for r, e in zip(relations, ends, strict=True)]
            out = own[0]
            for word, part in zip(words, own[1:], strict=True):
                out = out & part if word == "&" else out | part
            seen.append(out)
            return out

        _ = es.exists(es.Box([0], [4]), condition)
        found = list(
            pieces(
                seen[0], rows, [q(Fraction(2))],
                lambda part: qrow(part.form.const, [c for _, c in part.form.terms]),
            )
        )  # fmt: skip
        for half in range(9):
            x = Fraction(half, 2)
            at = [q(x)]
            own = [
                all(value_at(r, at) >= 0 for r in piece.closed)
                and all(value_at(r, at) > 0 for r in piece.open)
                and all(value_at(r, at) == 0 for r in piece.equal)
                for piece in found
            ]
            assert sum(own) == condition([x])
        for piece in found:  # none is empty
            assert all(value_at(r, piece.point) > 0 for r in piece.open)
            assert all(value_at(r, piece.point) >= 0 for r in piece.closed)
            assert all(value_at(r, piece.point) == 0 for r in piece.equal)
