"""Films: the partitions of checkpoints, the curves below them, and their files."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image, ImageSequence

import exactspline as es
from exactspline.plot import film

BOX = es.Box(-1, 1, dim=2)


def steps(count=3, dim=2) -> list[es.Network]:
    """A line that moves: checkpoints of a small network."""
    rows = [[1, 0], [0, 1], [1, 1]] if dim == 2 else [[1], [2]]
    out = []
    for k in range(count):
        first = es.Dense(rows, [-0.25 * k] * len(rows))
        out.append(es.Network([first, es.ReLU(), es.Dense([[1 + k] * len(rows)], [-1])], (dim,)))
    return out


def test_counts_and_slopes_are_those_of_each_network():
    found = film(steps(), BOX, color="slope")
    assert found.counts.tolist() == [es.count_regions(n, BOX) for n in steps()]
    for i, network in enumerate(steps()):
        A, _ = es.enumerate_regions(network, BOX).affine_pieces()
        norms = [np.linalg.norm(a, 2) for a in A]
        assert np.allclose(found.slopes[i], np.quantile(norms, [0, 0.5, 1]))
    assert found.scale == (0.0, float(found.slopes[:, 2].max()))
    assert [found.title(i) for i in range(3)] == [
        f"epoch {i}: {n} regions" for i, n in enumerate(found.counts)
    ]


def test_all_pictures_have_one_window_and_one_scale():
    found = film(steps(), color="active")
    for i, partition in enumerate(found.partitions):
        corners = partition.complex().corners
        for j in range(len(corners)):
            ends = zip(corners.exact(j), found.window.low, found.window.high, strict=True)
            assert all(low <= v <= high for v, low, high in ends)
        ax, *_ = found.draw(i).axes
        assert [ax.get_xlim(), ax.get_ylim()] == found.window.limits
        assert ax.collections[0].get_clim() == (0, 3)


def test_the_curve():
    found = film(steps(), BOX, epochs=[0, 5, 20])
    ax = found.curve()
    assert ax.lines[0].get_xdata().tolist() == [0, 5, 20]
    assert ax.lines[0].get_ydata().tolist() == found.counts.tolist()
    named = film(steps(), BOX, epochs=["start", "$x^{", "end"])
    ax = named.curve()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["start", "$x^{", "end"]
    ax.figure.canvas.draw()


@pytest.mark.parametrize("dim", [1, 2])
def test_a_gif_has_a_picture_a_network(dim, tmp_path):
    found = film(steps(dim=dim), es.Box(-1, 1, dim=dim), boundary=True)
    ticks = []
    found.save(tmp_path / "a.gif", fps=5, dpi=40, progress=lambda *t: ticks.append(t))
    assert ticks == [(0, 3), (1, 3), (2, 3)]
    movie = Image.open(tmp_path / "a.gif")
    frames = [np.asarray(f.convert("RGB"), dtype=float) for f in ImageSequence.Iterator(movie)]
    assert len(frames) == 3
    assert movie.info["duration"] == 200
    assert np.abs(frames[0] - frames[2]).max() > 60


def test_a_page_holds_all_and_shows_names_as_texts(tmp_path):
    names = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\x1b[2J"]
    film(steps(), BOX, epochs=names).save(tmp_path / "a.html", dpi=30)
    page = (tmp_path / "a.html").read_text("utf-8")
    assert page.count("<script") == 2
    assert "<img src=x" not in page
    data = json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.S)[1])
    assert data["names"][0].startswith(names[0])
    assert "\x1b" not in data["names"][2]
    assert len(data["pictures"]) == 3
    for text in data["pictures"]:
        assert Image.open(io.BytesIO(base64.b64decode(text))).format == "PNG"
    for word in ("http", "innerHTML", "eval("):
        assert word not in page


def test_video_needs_the_users_own_ffmpeg(tmp_path, monkeypatch):
    from matplotlib.animation import FFMpegWriter

    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(es.FormatError, match=r"needs ffmpeg.*\.gif or \.html"):
        film(steps(), BOX).save(tmp_path / "a.mp4")
    with pytest.raises(es.FormatError, match=r"\.gif, \.html or \.mp4"):
        film(steps(), BOX).save(tmp_path / "a.avi")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("networks", "options", "said"),
    [
        ([], {}, "no network"),
        (["a.onnx"], {}, "number 0 is str"),
        ([*steps(), *steps(dim=1)], {}, "all must have equally many"),
        (steps(), {"domain": es.WholeSpace(2), "epochs": [1]}, "1 epochs of 3 networks"),
        (steps(), {"epochs": [1, None, 2]}, "is no epoch"),
        (steps(), {"color": [1, 2, 3]}, "cannot be given by an array"),
        (steps(), {"edges": "some"}, "layer, plain, none"),
        (steps(), {"window": ([0, 0], [0, 1])}, "to itself"),
        ([es.Network([es.ReLU()], (3,))], {}, "films are of one or two"),
        ([es.Network([es.ReLU()], (5,))], {}, "choose a slice"),
    ],
)
def test_what_is_no_film(networks, options, said):
    with pytest.raises(es.ExactSplineError) as caught:
        film(networks, **options)
    assert said in str(caught.value)
