"""The explorer's page without a browser: what stands in it, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hostile_networks import draw_case
from planar_nets import BOX, network, shoelace

import exactspline as es
from exactspline.explorer.dataset import dataset
from exactspline.explorer.pack import Blocks
from exactspline.explorer.page import SCRIPTS, page
from exactspline.explorer.window import clipped, polygons_of

FILES = Path(es.__file__).parent / "explorer" / "files"
TYPES = {
    "Int8Array": "i1", "Uint8Array": "u1", "Int16Array": "i2", "Uint16Array": "u2",
    "Int32Array": "i4", "Uint32Array": "u4", "Float32Array": "f4", "Float64Array": "f8",
}  # fmt: skip


def read(said, texts):
    """A column, from its text: the twin of the page's reader."""
    data = np.frombuffer(zlib.decompress(base64.b64decode(texts[said["block"]])), dtype=np.uint8)
    kind = np.dtype(TYPES[said["type"]])
    values = data.reshape(kind.itemsize, said["length"]).T.copy().view(kind).reshape(-1)
    return np.cumsum(values, dtype=kind) if said["differences"] else values


def columns_of(omega, **options):
    blocks = Blocks()
    return dataset(omega, blocks, label="", **options), blocks.texts


# ------------------------------------------------------------------------------ what is shown
def test_columns_come_back():
    omega = es.enumerate_regions(network(3, 2, 7, 6, 2), BOX)
    said, texts = columns_of(omega)
    found, geometry = omega.complex(), said["geometry"]
    assert np.array_equal(read(geometry["points"], texts).reshape(-1, 2), found.corners.xy)
    assert np.array_equal(read(geometry["origin"], texts), found.half_edges.origin)
    assert np.array_equal(read(geometry["edge"], texts), found.half_edges.edge)
    assert np.array_equal(read(geometry["unit"], texts), found.edges.unit)
    by_key = {q["key"]: read(q["column"], texts) for q in said["quantities"]}
    assert np.allclose(by_key["area"], found.faces.areas())
    assert np.array_equal(by_key["active"], (omega.codes > 0).sum(axis=1))
    A, b = omega.affine_pieces()
    assert np.allclose(by_key["slope"], np.linalg.norm(A, 2, axis=(1, 2)), rtol=1e-5)
    centres = np.array([[float(v) for v in face.centroid()] for face in found.faces])
    values = np.einsum("ncd,nd->nc", A, centres) + b
    assert np.allclose(by_key["output 1"], values[:, 1], rtol=1e-4, atol=1e-6)
    assert np.array_equal(by_key["class"], values.argmax(axis=1))
    labels = omega.linear_regions().labels
    pieces = by_key["piece"]
    assert len(set(pieces.tolist())) == omega.linear_regions().count
    assert np.array_equal(labels[pieces], labels)


def test_codes_come_back():
    pool = [es.Dense([[1, 0], [0, 1], [1, 1], [1, -1]], [0, "1/3", 0, 0]), es.Maxout(4)]
    omega = es.enumerate_regions(es.Network([*pool, es.ReLU()], (2,)), BOX)
    assert len(omega) > 4
    said, texts = columns_of(omega)
    codes = said["codes"]
    rows = read(codes["rows"], texts).reshape(codes["bytes"], len(omega)).T
    rows = np.bitwise_xor.accumulate(rows, axis=0)
    out = np.tile(read(codes["constant"], texts), (len(omega), 1)).astype(int)
    at, bits = 0, np.unpackbits(rows, axis=1).astype(int)
    for unit, width in zip(read(codes["varying"], texts), read(codes["bits"], texts), strict=True):
        out[:, unit] = sum(bits[:, at + b] << b for b in range(width))
        at += width
    assert np.array_equal(out, omega.codes)


@pytest.mark.parametrize("seed", range(6))
def test_the_cut_faces_and_the_whole_ones_fill_the_window(seed):
    omega = es.enumerate_regions(network(seed, 2, 5, 4, 1))
    found = omega.complex()
    polygons = polygons_of(found)
    left, below, right, above = polygons.window
    total = Fraction(0)
    for face in range(len(omega)):
        if not polygons.cut[face]:
            total += found.faces[face].area()
            continue
        rows = []
        for edge in found.faces[face].edges:
            if edge >= 0:
                line = found.edges.line(edge)
                own = found.edges.left[edge] == face
                rows.append((edge, line if own else tuple(-v for v in line)))
        ring = clipped(rows, polygons.window)
        assert len(ring) >= 3
        total += shoelace([(x, y) for x, y, _ in ring])
        here = slice(int(polygons.start[face]), int(polygons.start[face + 1]))
        assert polygons.edge[here].tolist() == [edge for *_, edge in ring]
        exact = np.array([[float(x), float(y)] for x, y, _ in ring])
        assert np.allclose(polygons.xy[polygons.origin[here]], exact, rtol=1e-12)
    assert total == (right - left) * (above - below)


def test_corners_that_the_complex_knows_badly_are_computed():
    """In float64 all six corners are 0, with bounds of 1e90: their numbers span 200 orders."""
    case = draw_case(235)
    found = es.enumerate_regions(case.network, case.domain).complex()
    assert not found.corners.xy.any()
    polygons = polygons_of(found)
    exact = [[float(v) for v in row] for row in found.corners.exact_xy()]
    assert np.allclose(polygons.xy[: len(exact)], exact, rtol=1e-15)
    assert polygons.error.max() < 1e-12
    left, below, right, above = (float(v) for v in polygons.window)
    assert np.all((polygons.xy >= (left, below)) & (polygons.xy <= (right, above)))


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_boundary_is_that_of_the_whole_partition(outputs):
    omega = es.enumerate_regions(network(5, 2, 8, 6, outputs), BOX)
    said, texts = columns_of(omega)
    found = read(said["boundary"]["segments"], texts).reshape(-1, 4)
    boundary = omega.decision_boundary()
    assert len(found) == len(boundary) > 0
    expected = []
    for piece in range(len(boundary)):
        ends = boundary.vertices(piece)
        assert len(ends) == 2
        expected.append(ends.astype(float))

    def ordered(segments):
        each = [sorted(np.reshape(s, (2, 2)).round(9).tolist()) for s in segments]
        return np.array(sorted(each))

    assert np.allclose(ordered(found), ordered(expected))


def test_colours_of_a_code_are_those_of_the_next_checkpoint():
    first, second = (network(1, 2, 6, 1), network(1, 2, 6, 1))
    said, texts = columns_of(es.enumerate_regions(first, BOX))
    wider, more = columns_of(es.enumerate_regions(second, es.Box(-3, 3, dim=2)))
    known = dict(zip(map(bytes, es.enumerate_regions(first, BOX).codes),
                     read(said["hash"], texts).tolist(), strict=True))  # fmt: skip
    codes = es.enumerate_regions(second, es.Box(-3, 3, dim=2)).codes
    shared = 0
    for code, value in zip(codes, read(wider["hash"], more).tolist(), strict=True):
        if bytes(code) in known:
            assert known[bytes(code)] == value
            shared += 1
    assert shared == len(known)


# ------------------------------------------------------------------------------------ the page
def test_the_page_is_small_and_closed():
    text = es.enumerate_regions(network(0, 2, 3, 1), BOX).explore().html()
    bare = "".join(page("", {"datasets": []}, []))
    assert len(bare.encode()) < 200_000
    assert not re.search(r"https?:|//[a-z]+\.[a-z]", bare)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert {path.name for path in FILES.iterdir()} == {*SCRIPTS, "style.css", "page.html"}


HOSTILE = "</script><img src=x onerror=alert(1)>" + chr(0x2028)


def test_names_are_text():
    net = network(0, 2, 3, 2, name=HOSTILE)
    text = es.explore(net, BOX, labels=[HOSTILE], title=HOSTILE).html()
    assert "<img" not in text
    assert chr(0x2028) not in text
    said = json.loads(re.search(r'id="said">(.*?)</script>', text, re.S).group(1))
    assert said["title"] == HOSTILE
    assert "<img src=x" in said["datasets"][0]["groups"][0]["operator"]


def test_equal_partitions_are_equal_pages():
    one, two = (es.enumerate_regions(network(2, 2, 5, 2), BOX).explore().html() for _ in range(2))
    assert one == two


# ----------------------------------------------------------------------------------- bad input
def refused(error, text, call):
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_what_is_not_two_dimensional():
    four = network(0, 4, 5, 1)
    refused(es.DomainError, "choose a slice", lambda: es.explore(four, es.Box(-1, 1, dim=4)))
    refused(es.DomainError, "--slice a.npy", lambda: es.explore(four))
    omega = es.enumerate_regions(four, es.Box(0, "1/9", dim=4))
    refused(es.DomainError, "Slice.through", omega.explore)
    line = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
    refused(es.DomainError, "draws lines", lambda: es.explore(line))
    strips = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    refused(es.DomainError, "bound it by a box", lambda: es.explore(strips))
    assert es.explore(strips, BOX).regions == (2,)


def test_what_is_not_whole_or_does_not_fit():
    net = network(0, 2, 5, 1)
    part = es.enumerate_regions(net, BOX, limit=2)
    refused(es.ParameterError, "the search was stopped", part.explore)
    omega = es.enumerate_regions(net, BOX)
    refused(es.ShapeError, "one number a region", lambda: omega.explore(values={"a": [1, 2]}))
    refused(es.ShapeError, "do not fit 2 inputs", lambda: omega.explore(image_shape=(3, 3)))
    refused(es.ParameterError, "at least one", lambda: es.explore([]))
    refused(es.ParameterError, "is a str", lambda: es.explore(["net.onnx"]))
    refused(es.ShapeError, "2 labels for 1", lambda: es.explore(omega, labels=["a", "b"]))
    refused(es.FormatError, ".html", lambda: omega.explore().save("page.pdf"))


def test_a_large_network_says_what_is_left_out(monkeypatch):
    monkeypatch.setattr("exactspline.explorer.program.MOST_COEFFICIENTS", 10)
    said, _ = columns_of(es.enumerate_regions(network(0, 2, 5, 1), BOX))
    assert said["program"]["layers"] is None
    assert said["program"]["coefficients"] > said["program"]["limit"] == 10


# -------------------------------------------------------------------------------- command line
def test_the_command(command_line, tmp_path):
    names = []
    for seed in range(2):
        names.append(str(tmp_path / f"epoch-{seed}.json"))
        network(seed, 2, 4, 2).save(names[-1])
    out = str(tmp_path / "training.html")
    code, text, _ = command_line("explore", *names, "--box", "-1", "1", "--out", out)
    assert code == 0
    assert "training.html" in text
    with open(out) as stream:
        said = json.loads(re.search(r'id="said">(.*?)</script>', stream.read(), re.S).group(1))
    assert [d["label"] for d in said["datasets"]] == ["epoch-0", "epoch-1"]
    code, text, _ = command_line("explore", *names, "--box", "-1", "1", "--out", out, "--json")
    counts = [es.count_regions(es.load(name), BOX) for name in names]
    assert [r["regions"] for r in json.loads(text)["results"]] == counts
    for words, message in (
        (("--out", str(tmp_path / "a.png")), ".html"),
        (("--out", out, "--limit", "2"), "the search of"),
        (("--out", out, "--image-shape", "a"), "--image-shape"),
    ):
        code, _, error = command_line("explore", names[0], "--box", "-1", "1", *words)
        assert code == 2
        assert message in error
