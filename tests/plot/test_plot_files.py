"""Pictures as files: what is in them, that they are valid, and that names stay texts."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from folders import MOONS
from PIL import Image

import exactspline as es

BASELINES = Path(__file__).parent / "baselines"
BOX = es.Box([-2, "-1.5"], [3, 2])
HOSTILE = [
    r"$\frac{a}{$", "<script>alert(1)</script>", "]]>--><!--", "x\x00\x1b[2Jy\nz", "\u202eabc",
    "_^{}\\#%&~", '"\'><img src=x onerror=alert(1)>', "$", "n" * 400,
]  # fmt: skip


def moons(domain=BOX):
    return es.enumerate_regions(es.load(MOONS), domain)


class Tags(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def named(name: str) -> es.Partition:
    """A network whose inputs and operators have a name."""
    nodes = [(es.Dense([[1, 0], [0, 1], [1, 1]], name=name), [-1]), (es.ReLU(name=name), [0])]
    inputs = {name: slice(0, 1), f"{name} ": slice(1, 2)}
    net = es.Network.from_nodes(nodes, (2,), inputs=inputs)
    return es.enumerate_regions(net, es.Box(-1, 1, dim=2))


def test_every_format_is_what_it_says(tmp_path):
    picture = moons().plot(boundary=True, color="slope")
    for name in ("a.png", "a.svg", "a.pdf", "a.html"):
        picture.save(tmp_path / name, dpi=50)
        once = (tmp_path / name).read_bytes()
        picture.save(tmp_path / name, dpi=50)
        assert (tmp_path / name).read_bytes() == once  # equal pictures give equal files
    assert Image.open(tmp_path / "a.png").size[0] > 200
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    page = (tmp_path / "a.html").read_text("utf-8")
    tags = Tags(page)
    assert tags.tags.count("svg") == 1
    assert "281 regions of [-2, 3] x [-3/2, 2]" in tags.text
    assert "script" not in tags.tags
    for word in ("src=", "url(http", "@import", "<link"):  # nothing is fetched
        assert word not in page


def test_the_polygons_of_an_svg_are_those_of_the_picture(tmp_path):
    """Read back from the file: as many paths, with corners where the axes put them."""
    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    picture = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).plot(edges="none")
    picture.save(tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    group = next(g for g in root.iter(f"{space}g") if g.get("id", "").startswith("PolyCollection"))
    found = []
    for path in group.iter(f"{space}path"):
        numbers = re.findall(r"[ML] (\S+) (\S+)", path.get("d"))
        if numbers:
            found.append([(float(x), float(y)) for x, y in numbers])
    polygons = picture.cells.polygons()
    assert len(found) == len(polygons) == 6
    whole = np.array([p for path in found for p in path])
    low, high = whole.min(axis=0), whole.max(axis=0)  # the window's corners
    for path, polygon in zip(found, polygons, strict=True):
        place = (np.array(path[: len(polygon)]) - low) / (high - low) * 2 - 1
        assert np.allclose(np.abs(place), np.abs(polygon), atol=1e-4)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_texts(name, tmp_path):
    omega = named(name)
    picture = omega.plot(
        highlight=0, labels=[name] * len(omega), color=[name, "b", "b", "b", "b", "b"],
        points=([[0, 0]], [name]), witnesses=True,
    )  # fmt: skip
    picture.description = name
    picture.notes.append(name)
    for kind in ("html", "png", "pdf") if name == HOSTILE[0] else ("html",):
        picture.save(tmp_path / f"a.{kind}", dpi=40)
    page = (tmp_path / "a.html").read_text("utf-8")
    ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    tags = Tags(page)
    assert "script" not in tags.tags
    assert "img" not in tags.tags
    assert not [a for a in tags.attributes if a.startswith("on")]
    shown = picture.ax.get_xlabel()
    assert shown.isprintable()
    assert len(shown) <= 40
    assert any(t.get_text().startswith("unit ") for t in picture.legend.get_texts())


def test_names_of_axes():
    net = es.Network.from_nodes(
        [(es.ReLU(), [-1])], (3,), inputs={"speed": slice(0, 1), "wind": slice(1, 3)}
    )
    flat = es.enumerate_regions(net, es.Box([-1, -1, 0], [1, 1, 0])).plot()
    assert (flat.ax.get_xlabel(), flat.ax.get_ylabel()) == ("speed", "wind[0]")
    cut = es.enumerate_regions(net, es.Slice([0, 0, 1], [[1, 0, 0], [0, 1, 0]])).plot()
    assert (cut.ax.get_xlabel(), cut.ax.get_ylabel()) == ("t0", "t1")
    plain = es.enumerate_regions(es.Network([es.ReLU()], (2,))).plot()
    assert (plain.ax.get_xlabel(), plain.ax.get_ylabel()) == ("x0", "x1")


def test_files_that_cannot_be_written(tmp_path):
    picture = moons().plot()
    with pytest.raises(es.FormatError, match=r"\.png, \.svg, \.pdf or \.html"):
        picture.save(tmp_path / "a.jpeg")
    with pytest.raises(es.FormatError):
        picture.save(tmp_path / "no" / "a.png")
    assert not list(tmp_path.iterdir())


def test_many_polygons_make_a_page_with_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr("exactspline.plot.picture._DRAWN", 100)
    moons().plot().save(tmp_path / "a.html", dpi=40)
    page = (tmp_path / "a.html").read_text("utf-8")
    data = re.search(r'src="data:image/png;base64,([^"]+)"', page)[1]
    assert Image.open(io.BytesIO(base64.b64decode(data))).size[0] > 100


def test_pixels_in_chunks_are_the_same_picture(tmp_path, monkeypatch):
    """Drawn in parts, in bounded memory: the picture that is drawn at once, nearly bit by bit."""
    plain = pixels(moons().plot(color="active"))
    monkeypatch.setattr("exactspline.plot.chunks.CHUNK", 50)
    picture = moons().plot(color="active", rasterised=True)
    assert picture.artists["regions"].get_paths() is None
    assert np.abs(pixels(picture) - plain).mean() < 0.2
    picture.save(tmp_path / "a.svg", dpi=40)
    ids = [g.get("id") for g in ElementTree.parse(tmp_path / "a.svg").getroot().iter()]
    assert not any(name and name.startswith("PolyCollection") for name in ids)


def pixels(picture, dpi=40) -> np.ndarray:
    picture.ax.set_axis_off()  # letters look different from version to version
    out = io.BytesIO()
    picture.figure.savefig(out, format="png", dpi=dpi)
    return np.asarray(Image.open(out).convert("RGB"), dtype=float)


def three() -> dict[str, object]:
    """The pictures that are kept, and compared with."""
    net = es.Network(
        [es.Dense([[1, 2], [-2, 1], [1, 0]], [0, 1, -1]), es.ReLU(), es.Dense([[1, -2, 1]], [1]),
         es.Abs(), es.Dense([[1]], [-1])], (2,),
    )  # fmt: skip
    square = es.enumerate_regions(net, es.Box(-3, 3, dim=2))
    line = es.enumerate_regions(net, es.Slice([0, 0], [[1, 1]], es.Box([-3], [3])))
    return {
        "pieces": square.plot(boundary=True, legend=False),
        "slopes": square.plot(color="slope", graph=True, highlight=1, legend=False),
        "line": line.plot(boundary=True, legend=False),
    }


@pytest.mark.parametrize("name", ["pieces", "slopes", "line"])
def test_pictures_look_as_they_did(name):
    """Baselines: python tests/plot/test_plot_files.py makes them anew; look at them then."""
    found = pixels(three()[name])
    kept = np.asarray(Image.open(BASELINES / f"{name}.png").convert("RGB"), dtype=float)
    assert found.shape == kept.shape
    assert np.abs(found - kept).mean() < 2.5  # of 255
    assert np.mean(np.abs(found - kept).max(axis=2) > 60) < 0.01


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    for key, drawn in three().items():
        Image.fromarray(pixels(drawn).astype(np.uint8)).convert("P", palette=1).save(
            BASELINES / f"{key}.png", optimize=True
        )
