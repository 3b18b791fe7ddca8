"""Partitions read back from their files: the same, or one clear error."""

from __future__ import annotations

import io
import json
import random
import zipfile
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactspline as es
from exactspline.api import reading
from exactspline.errors import ExactSplineError, FormatError
from exactspline.export.reading import READERS
from exactspline.partition.columns.description import digest

FORMS = (".json", ".npz", ".parquet")
FAR = Fraction(10) ** 400


def dense(seed: int, *sizes: int) -> es.Network:
    rng = np.random.default_rng(seed)
    operators: list[es.Operator] = []
    for n, m in pairwise(sizes):
        operators += [es.Dense(rng.integers(-3, 4, (m, n)), rng.integers(-2, 3, m)), es.ReLU()]
    return es.Network(operators, (sizes[0],))


CASES = {
    "ties": (dense(0, 2, 4, 3), es.Box([-2, -2], [2, 2])),
    "plane": (dense(1, 2, 5), None),
    "thirds": (es.Network([es.Dense([["1/3"], ["2/7"]], ["1/5", "-1"]), es.Abs()], (1,)), None),
    # no float64 point lies inside of the second region
    "sliver": (
        es.Network([es.Dense([[1], [1]], [0, Fraction(-1, 10**400)]), es.ReLU()], (1,)),
        es.Box([-1], [1]),
    ),
    "far": (es.Network([es.Dense([[1]], [-FAR]), es.ReLU()], (1,)), None),
    "forty pieces": (es.Network([es.Dense([[i] for i in range(40)],
        [-i * i for i in range(40)]), es.Maxout(40)], (1,)), es.Box([-100], [100])),
    "a line in space": (
        es.Network([es.Dense(np.eye(3), [0, 1, 2]), es.ReLU()], (3,)),
        es.Slice([0, 0, 0], [[1, 1, 1]], es.Box([-5], [5])),
    ),
    "a point": (es.Network([es.ReLU()], (2,)), es.Slice([1, -1], np.zeros((0, 2)))),
    "no units": (es.Network([es.Dense([[1, 2]])], (2,)), None),
}  # fmt: skip


def test_all_forms_are_here():
    assert tuple(READERS) == FORMS == reading._SAVED


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_what_was_saved_comes_back(case, form, tmp_path):
    network, domain = CASES[case]
    omega = es.enumerate_regions(network, domain)
    omega.save(tmp_path / f"omega{form}")
    found = es.open_partition(tmp_path / f"omega{form}")
    assert found.codes.tolist() == omega.codes.tolist()
    assert found.witnesses.tolist() == omega.witnesses.tolist()
    assert found.exact_witnesses == omega.exact_witnesses
    assert (found.complete, found.engine) == (True, omega.engine)
    assert found.decisions == omega.decisions
    assert found.network.sha256 == network.sha256
    found.save(tmp_path / f"again{form}")
    assert (tmp_path / f"again{form}").read_bytes() == (tmp_path / f"omega{form}").read_bytes()
    assert found.edges.source.tolist() == omega.edges.source.tolist()
    pieces = found.affine_pieces(exact=True), omega.affine_pieces(exact=True)
    assert [a.tolist() for a in pieces[0]] == [a.tolist() for a in pieces[1]]


@pytest.mark.parametrize("form", FORMS)
def test_with_all_that_can_be_saved(form, tmp_path):
    """Edges and maps stand beside the regions, and are found anew."""
    omega = es.enumerate_regions(*CASES["ties"])
    omega.save(tmp_path / f"omega{form}", affine=True, edges=form != ".parquet")
    found = es.open_partition(tmp_path / f"omega{form}")
    assert found.codes.tolist() == omega.codes.tolist()
    assert len(found.edges) == len(omega.edges)
    part = es.enumerate_regions(*CASES["ties"], limit=5)
    part.save(tmp_path / f"part{form}")
    found = es.open_partition(tmp_path / f"part{form}")
    assert (len(found), found.complete) == (5, False)


@pytest.mark.parametrize("form", FORMS)
def test_damage_gives_an_error_or_the_same(form, tmp_path):
    omega = es.enumerate_regions(*CASES["ties"])
    name = tmp_path / f"omega{form}"
    omega.save(name)
    data, rng, refused = name.read_bytes(), random.Random(0), 0
    for trial in range(150):
        if trial % 5 == 0:
            changed = data[: rng.randrange(len(data))]
        else:
            at = rng.randrange(len(data))
            flipped = data[at] ^ (1 << rng.randrange(8))
            changed = data[:at] + bytes([flipped]) + data[at + 1 :]
        name.write_bytes(changed)
        try:
            found = es.open_partition(name)
        except ExactSplineError:
            refused += 1
        else:
            assert found.complete
            assert found.codes.tolist() == omega.codes.tolist()
            assert found.network.program.sha256() == omega.network.program.sha256()
    assert refused > 50


def rewritten(path, change):
    """The JSON file of a partition with something changed, and a checksum that says so."""
    value = json.loads(path.read_text())
    change(value)
    said = {k: v for k, v in value.items() if k not in ("regions", "edges")}
    value["header_sha256"] = digest(said)
    path.write_text(json.dumps(value))
    return path


def swap(value):
    value["regions"][:2] = value["regions"][1::-1]


def put(key, what):
    return lambda value: value.__setitem__(key, what)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda value: value["regions"].pop(), "header says another number"),
        (swap, "order of their codes"),
        (lambda value: value["regions"].insert(0, value["regions"][0]), "order of their codes"),
        (lambda value: value["regions"][0].update(witness=["7", "1"]), "does not lie in it"),
        (lambda value: value["regions"][0].update(witness=["1"]), "coordinates"),
        (lambda value: value["regions"][0].update(witness=[None, "1"]), "texts"),
        (lambda value: value["regions"][0].update(witness=["nan", "1"]), "finite|read"),
        (lambda value: value["regions"][0].update(code="0"), "malformed"),
        (lambda value: value["regions"][0].update(code="\N{DIGIT ONE}\u0661" * 4), "malformed"),
        (lambda value: value["regions"][0].update(code="9" * 7), "no such piece"),
        (lambda value: value["regions"].__setitem__(0, 5), "needs a code"),
        (put("regions", None), "regions"),
        (put("version", 99), "version 99"),
        (put("version", "2"), "version"),
        (put("format", "exactspline-graph"), "graph"),
        (put("format", "elsewhere"), "no partition"),
        (put("domain", {"type": "all", "dim": 3}), "does not fit"),
        (put("decisions", {"float": -1}), "decisions"),
        (put("complete", "yes"), "complete"),
        (lambda value: value.pop("network"), "network"),
        (lambda value: value["network"].update(operators=[]), "a code is malformed"),
    ],
)
def test_what_a_file_may_say_wrongly(change, why, tmp_path):
    """With a checksum that fits: all is looked at."""
    es.enumerate_regions(*CASES["ties"]).save(tmp_path / "omega.json")
    with pytest.raises(ExactSplineError, match=why):
        es.open_partition(rewritten(tmp_path / "omega.json", change))


def test_a_claim_about_another_network_is_refused(tmp_path):
    """A point on a boundary, and one of another region, are no witnesses."""
    network = es.Network([es.ReLU()], (1,))
    es.enumerate_regions(network).save(tmp_path / "omega.json")
    for point in ("0", "1", "-0"):
        path = rewritten(
            tmp_path / "omega.json", lambda v, p=point: v["regions"][0].update(witness=[p])
        )
        with pytest.raises(FormatError, match="witness of region 0 does not lie in it"):
            es.open_partition(path)


def test_files_of_the_first_version(tmp_path):
    network, domain = CASES["ties"]
    es.enumerate_regions(network, domain).save(tmp_path / "omega.json")

    def older(value):
        value["version"] = 1
        del value["network"]

    path = rewritten(tmp_path / "omega.json", older)
    with pytest.raises(FormatError, match="give it"):
        es.open_partition(path)
    with pytest.raises(FormatError, match="another one"):
        es.open_partition(path, CASES["plane"][0])
    assert es.open_partition(path, network).codes.shape[1] == network.program.n_units


def test_the_network_that_is_given(tmp_path):
    network, domain = CASES["ties"]
    es.enumerate_regions(network, domain).save(tmp_path / "omega.npz")
    assert es.open_partition(tmp_path / "omega.npz", network).complete
    with pytest.raises(FormatError, match="another one"):
        es.open_partition(tmp_path / "omega.npz", CASES["plane"][0])
    es.enumerate_regions(network, domain, store=tmp_path / "omega.sqlite")
    assert es.open_partition(tmp_path / "omega.sqlite", network).complete
    with pytest.raises(es.ExactSplineError, match="another one"):
        es.open_partition(tmp_path / "omega.sqlite", CASES["plane"][0])


@pytest.mark.parametrize("form", FORMS)
def test_no_network_and_no_partition(form, tmp_path):
    """Whoever takes the one for the other is told."""
    name = tmp_path / f"omega{form}"
    es.enumerate_regions(*CASES["plane"]).save(name)
    with pytest.raises(FormatError, match="open_partition"):
        es.load(name)
    es.enumerate_regions(*CASES["plane"]).save_graph(name)
    if form != ".npz":  # there a graph is a partition with its edges
        with pytest.raises(FormatError, match=r"graph|no partition"):
            es.open_partition(name)
    for data in (b"", b"{}", b"[]", b"PK\x03\x04", b"PAR1PAR1", b"\xff" * 100):
        name.write_bytes(data)
        with pytest.raises(FormatError):
            es.open_partition(name)
    with pytest.raises(FormatError, match="cannot be read"):
        es.open_partition(tmp_path / f"missing{form}")


def test_an_archive_that_states_what_is_not_there(tmp_path):
    name = tmp_path / "omega.npz"
    es.enumerate_regions(*CASES["plane"]).save(name)
    with np.load(name) as arrays:
        kept = {key: arrays[key] for key in arrays.files}

    def written(**changed):
        with zipfile.ZipFile(name, "w") as archive:
            for key, array in {**kept, **changed}.items():
                data = io.BytesIO()
                np.lib.format.write_array(data, np.asarray(array), allow_pickle=True)
                archive.writestr(f"{key}.npy", data.getvalue())
        return name

    assert es.open_partition(written()).complete
    for changed, why in (
        ({"codes": kept["codes"][:-1]}, "not as many|another number"),
        ({"codes": kept["codes"].astype(float)}, "malformed"),
        ({"codes": np.asfortranarray(kept["codes"])}, "column by column"),
        ({"witnesses": kept["witnesses"][:, :1]}, "do not fit"),
        ({"witnesses": kept["witnesses"] * np.nan}, "not finite"),
        ({"witnesses": kept["witnesses"].astype(object)}, "pickled"),
        ({"exact_witnesses": np.frombuffer(b'{"x": []}', np.uint8)}, "malformed"),
        ({"exact_witnesses": np.frombuffer(b'{"0": ["1"]}', np.uint8)}, "malformed"),
        ({"header": np.frombuffer(b"[]", np.uint8)}, "malformed"),
        ({"header": np.zeros((3, 3), np.uint8)}, "malformed"),
    ):
        with pytest.raises(FormatError, match=why):
            es.open_partition(written(**changed))
