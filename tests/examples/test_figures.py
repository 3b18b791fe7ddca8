"""The theory's figures: every script draws, says what is true, and stands in the gallery."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from folders import EXAMPLES
from PIL import Image

import exactspline as es

FIGURES = EXAMPLES / "figures"
GALLERY = EXAMPLES.parent / "docs" / "gallery.md"
OTHERS = ("drawing", "panels", "statements", "train_digits")  # statements.py draws several
SCRIPTS = sorted(path.stem for path in FIGURES.glob("*.py") if path.stem not in OTHERS)
QUICK = ("soft",)


def script(name: str, monkeypatch):
    """A script of the figures as a module, with what stands beside it."""
    monkeypatch.syspath_prepend(str(FIGURES))
    spec = importlib.util.spec_from_file_location(f"figure_{name}", FIGURES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in SCRIPTS]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_script_draws(name, tmp_path, monkeypatch):
    module = script(name, monkeypatch)
    drawing = sys.modules["drawing"]
    figures = []
    if name != "occupancy":
        draw = module.draw
        monkeypatch.setattr(module, "draw", lambda small: figures.append(draw(small)) or figures[0])
    out = tmp_path / "a.png"
    monkeypatch.setattr(sys, "argv", [name, "--small", "--out", str(out)])
    if name == "occupancy":
        module.main()
        assert (tmp_path / "a.ply").read_bytes().startswith(b"ply\n")
        assert (tmp_path / "a.html").stat().st_size > 1_000_000
    else:
        drawing.save(module.draw, f"{name}.png")
        first = out.read_bytes()
        figures.clear()
        if name in QUICK:
            drawing.save(module.draw, f"{name}.png")
            assert out.read_bytes() == first  # the same every time
    picture = np.asarray(Image.open(out).convert("RGB"))
    assert picture.shape[0] > 150
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_titles_say_what_is_true(monkeypatch):
    layers = script("layers", monkeypatch).draw(True)
    found = {
        axes.get_title().split(":")[0]: int(axes.get_title().split()[-2]) for axes in layers.axes
    }
    for axes in layers.axes:
        name, n = axes.get_title().split(":")[0], found[axes.get_title().split(":")[0]]
        (polygons,) = (c for c in axes.collections if type(c).__name__ == "PolyCollection")
        assert len(polygons.get_paths()) == n, name
    assert len({found[name] for name in found if "1 layer" in name}) == 1  # the same lines


@pytest.mark.slow
def test_the_statements_are_drawn(tmp_path, monkeypatch):
    module = script("statements", monkeypatch)
    monkeypatch.setattr(sys, "argv", ["statements", "--small", "--out", str(tmp_path)])
    module.main()
    for name in module.PICTURES:
        picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        assert min(picture.shape[:2]) > 300, name
        shown = GALLERY.parent / "gallery" / f"{name}.png"
        assert shown.stat().st_size < 80_000, name


def test_titles_of_statements_say_what_is_true(monkeypatch):
    module = script("statements", monkeypatch)
    jumps = module.draw_four_five(True).axes
    edges = es.Network([es.Dense([[1, "1/3"], ["-1/4", 1], [1, -1]], ["1/4", "-3/5", "-1/2"]),
                        es.ReLU()], (2,))  # fmt: skip
    count = len(es.enumerate_regions(edges, es.Box(-2, 2, dim=2)).edges)
    assert jumps[0].get_title().split("   ") == ["4", f"{count} of {count} jumps along normals"]
    products = module.draw_six(True).axes
    assert [axes.get_xlabel() for axes in products[5::6]] == ["CNN: equal", "ResNet: equal"]
    wrong = {"W": np.ones((1, 2)), "product": np.ones((1, 2)), "slope": np.array([[1, 2]])}
    figure = module.sheet(4, 2)
    module.show_product(figure, "CNN", wrong)
    assert figure.axes[-1].get_xlabel() == "CNN: not equal"
    maxima = module.draw_eleven_twelve(True).axes
    assert maxima[1].get_title().endswith("4 of 4 mirrored pairs")


def test_circles_of_neighbours_meet_between_their_cells(monkeypatch):
    figure = script("power_diagram", monkeypatch).draw(True)
    from matplotlib.patches import Circle, Polygon

    checked = 0
    for axes in figure.axes:
        cells = [p for p in axes.patches if isinstance(p, Polygon) and p.get_fill()]
        circles = [p for p in axes.patches if isinstance(p, Circle)]
        for cell in cells:
            colour = cell.get_facecolor()[:3]
            own = [c for c in circles if c.get_edgecolor()[:3] == colour]
            middle = cell.get_xy()[:-1].mean(axis=0)
            powers = {
                c.get_edgecolor()[:3]: ((middle - c.center) ** 2).sum() - c.radius**2
                for c in circles
            }
            if own:
                assert min(powers, key=powers.get) == colour
                checked += 1
    assert checked > 6


def test_the_gallery_is_whole_and_small():
    text = GALLERY.read_text()
    for name in SCRIPTS:
        assert f"python examples/figures/{name}.py" in text
        assert f"(gallery/{name}.png)" in text
    sizes = [(GALLERY.parent / "gallery" / f"{name}.png").stat().st_size for name in SCRIPTS]
    assert max(sizes) < 80_000
    assert sum(sizes) < 1_000_000
    networks = sorted((FIGURES / "networks").glob("*.onnx"))
    assert len(networks) == 9
    assert sum(path.stat().st_size for path in networks) < 200_000


@pytest.mark.parametrize("name", ["cnn_relu", "resnet_abs_norm"])
def test_the_networks_know_their_digits(name, monkeypatch):
    images, labels = script("drawing", monkeypatch).digits()
    network = es.load(FIGURES / "networks" / f"{name}.onnx")
    assert np.mean(network.forward(images[1000:]).argmax(axis=1) == labels[1000:]) > 0.9


@pytest.mark.slow
def test_a_network_is_trained(monkeypatch):
    import torch

    module = script("train_digits", monkeypatch)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        net = module.fit("abs", True, True, 0.0, epochs=3)
    finally:
        torch.set_num_threads(threads)
    images, labels = module.digits()
    network = es.from_torch(net, (1, 8, 8))
    assert np.mean(network.forward(images[1000:]).argmax(axis=1) == labels[1000:]) > 0.4
