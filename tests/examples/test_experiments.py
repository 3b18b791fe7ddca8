"""The experiments with templates and robustness: small versions run, and bounds are bounds."""

from __future__ import annotations

import importlib.util
import math
import sys

import numpy as np
import pytest
from folders import EXAMPLES
from PIL import Image

pytestmark = pytest.mark.slow


def script(folder: str, name: str, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES / folder))
    spec = importlib.util.spec_from_file_location(f"try_{name}", EXAMPLES / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, f"try_{name}", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="_threads")
def _one_thread_is_given_back():
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def rows(path) -> list[list[str]]:
    """The cells of a table of Markdown, without its head."""
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if x.startswith("|")]
    return [[c.strip() for c in x.replace(r"\|", "!").strip("|").split("|")] for x in lines[2:]]


@pytest.mark.usefixtures("_threads")
def test_penalties(tmp_path, monkeypatch):
    module = script("templates", "penalties", monkeypatch)
    out = tmp_path / "a.md"
    monkeypatch.setattr(module, "CASES", module.CASES[:4])
    monkeypatch.setattr(sys, "argv", ["x", "--seeds", "2", "--epochs", "2", "--out", str(out)])
    module.main()
    found = rows(out)
    assert [row[0] for row in found] == [name for name, _, _ in module.CASES]
    assert all(float(row[4]) <= float(row[2]) <= float(row[5]) for row in found)
    cosines = [float(row[7]) for row in found]
    assert cosines[3] < cosines[0]  # what is penalised gets smaller


@pytest.mark.usefixtures("_threads")
def test_memorisation(tmp_path, monkeypatch):
    module = script("templates", "memorisation", monkeypatch)
    out, table = tmp_path / "a.png", tmp_path / "a.md"
    given = ["--seeds", "1", "--epochs", "2", "--out", str(out), "--table", str(table)]
    monkeypatch.setattr(sys, "argv", ["x", *given])
    module.main()
    found = rows(table)
    assert [(row[0], row[1]) for row in found] == [
        ("0", "yes"), ("1", "yes"), ("0", "no"), ("1", "no"),
    ]  # fmt: skip
    assert all(-1 <= float(row[k].split()[0]) <= 1 for row in found for k in (2, 3))
    assert np.asarray(Image.open(out)).shape[0] > 200


def test_robustness(tmp_path, monkeypatch):
    module = script("robustness", "compare", monkeypatch)
    kept = []
    monkeypatch.setattr(module, "draw", lambda found, path: kept.extend(found))
    monkeypatch.setattr(
        sys, "argv", ["x", "--small", "--out", str(tmp_path / "a.png"), "--table",
                      str(tmp_path / "a.md")],
    )  # fmt: skip
    module.main()
    assert len(kept) == len(rows(tmp_path / "a.md")) == 6
    for row in kept:
        assert row.sampled <= row.lipschitz * (1 + 1e-9) <= row.product * (1 + 1e-9)
        assert row.by_product <= row.by_lipschitz <= row.distance <= row.by_samples
        assert row.by_product > 0
        assert math.isfinite(row.distance)


@pytest.mark.usefixtures("_threads")
def test_trained_perspectives(tmp_path, monkeypatch):
    module = script("perspectives", "trained", monkeypatch)
    for operator in module.theory.nonconvex_activations().values():
        x = np.linspace(-3, 3, 25)[:, None]
        spline = module.Spline(operator)(module.torch.tensor(x)).numpy()
        assert np.allclose(spline, operator.forward(x), atol=1e-6)
    out = tmp_path / "a.md"
    monkeypatch.setattr(module, "STATEMENTS", ("convexity", "piecewise affine"))
    monkeypatch.setattr(module, "KINDS", ("haar",))
    monkeypatch.setattr(sys, "argv", ["x", "--seeds", "1", "--steps", "30", "--out", str(out)])
    module.main()
    first, second = out.read_text(encoding="utf-8").split("Digits")
    (tmp_path / "b.md").write_text(first, encoding="utf-8")
    assert [row[-1] for row in rows(tmp_path / "b.md")] == ["holds 1"] * 3
    (tmp_path / "b.md").write_text(second, encoding="utf-8")
    accuracy = {row[0]: float(row[3].split()[0]) for row in rows(tmp_path / "b.md")}
    assert accuracy["haar"] > accuracy["pixels"] + 10  # of signals that are shifted by one
