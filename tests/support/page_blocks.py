"""The code blocks of the pages, and what a page takes for granted: its networks, files, arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import exactspline as es

# what a line of commands begins with; everything else is fenced and says its language
PROGRAMS = (
    "exactspline", "pip", "python", "python3.11", "pytest", "ruff", "mypy", "pre-commit",
    "sphinx-build", "sqlite3",
)  # fmt: skip
LANGUAGES = ("python", "text", "json", "console", "{eval-rst}", "{toctree}")

QUERY = """(vnnlib-version <2.0>)
(declare-network f (declare-input X real [2]) (declare-output Y real [2]))
(declare-network g (declare-input Z real [2]) (declare-output V real [2]))
(assert (and (<= X[0] 1) (>= X[0] 0) (<= X[1] 1) (>= X[1] 0) (== X[0] Z[0]) (== X[1] Z[1])))
(assert (> Y[0] (+ V[0] 0.05)))
"""


@dataclass
class Block:
    """A block of code: its language, "commands" if it is indented, and the line it begins in."""

    language: str
    text: str
    line: int


def blocks(text: str) -> list[Block]:
    """All code blocks of a Markdown page, in its order."""
    found, lines, i = [], text.split("\n"), 0
    while i < len(lines):
        begin = i
        if lines[i].startswith("```"):
            i = next(k for k in range(i + 1, len(lines)) if lines[k].startswith("```"))
            inside = "\n".join(lines[begin + 1 : i]) + "\n"
            found.append(Block(lines[begin][3:].strip(), inside, begin + 1))
        elif lines[i].startswith("    ") and (i == 0 or not lines[i - 1].strip()):
            while i + 1 < len(lines) and (lines[i + 1].startswith("    ") or (
                not lines[i + 1].strip() and i + 2 < len(lines) and lines[i + 2].startswith("    ")
            )):  # fmt: skip
                i += 1
            own = [line[4:] for line in lines[begin : i + 1]]
            found.append(Block("commands", "\n".join(own) + "\n", begin + 1))
        i += 1
    return found


def commands(block: Block) -> list[str]:
    """The lines of a block that somebody would type, without prompts and comments."""
    lines = [line for line in block.text.splitlines() if line.strip()]
    if lines[0].startswith("$ "):  # what it prints stands below
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [re.sub(r"\s+#.*", "", line) for line in lines]


def network(widths: tuple[int, ...], shape: tuple[int, ...], seed: int = 0) -> es.Network:
    """A small network with numbers that are short."""
    rng = np.random.default_rng(seed)
    operators: list[es.Operator] = [es.Flatten()] if len(shape) > 1 else []
    wide = int(np.prod(shape))
    for width in widths:
        weight = rng.integers(-8, 9, (width, wide)) / 8
        operators += [es.Dense(weight, rng.integers(-4, 5, width) / 8), es.ReLU()]
        wide = width
    return es.Network(operators[:-1], shape)


def files(folder: Path) -> None:
    """The files that pages name: networks, samples, a property, points of a slice."""
    rng = np.random.default_rng(1)
    plain = network((4, 3, 2), (2,))
    for name in ("net", "a", "epoch-0", "epoch0", "epoch1", "epoch2"):
        plain.to_onnx(folder / f"{name}.onnx")
    network((3, 2), (2,), 3).to_onnx(folder / "b.onnx")
    network((4, 4), (1, 3, 3)).to_onnx(folder / "conv.onnx")
    network((4, 1), (3,)).to_onnx(folder / "solid.onnx")
    es.Network([es.Dense([[1, 2]]), es.Tanh()], (2,)).to_onnx(folder / "tanh.onnx")
    (folder / "run").mkdir()
    for name in ("0", "1", "2"):
        plain.to_onnx(folder / "run" / f"{name}.onnx")
    for name in "abcd":
        np.save(folder / f"{name}.npy", rng.integers(0, 9, (1, 3, 3)) / 8)
    np.save(folder / "x.npy", np.array([0.25, 0.5]))
    for name in ("train", "test", "samples"):
        np.save(folder / f"{name}.npy", rng.uniform(-1, 1, (30, 2)))
    np.save(folder / "labels.npy", rng.integers(0, 2, 30))
    (folder / "property.vnnlib").write_text(
        "(declare-const X_0 Real) (declare-const X_1 Real)\n"
        "(declare-const Y_0 Real) (declare-const Y_1 Real)\n"
        "(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= X_1 -1)) (assert (<= X_1 1))\n"
        "(assert (>= Y_0 Y_1))\n"
    )
    (folder / "query.vnnlib").write_text(QUERY)
    (folder / "instances.csv").write_text("net.onnx,property.vnnlib,60\n")


def names(page: str, folder: Path) -> dict[str, Any]:
    """What Python blocks of a page use without making it, where they run in ``folder``."""
    net = es.load(folder / "net.onnx")
    box = es.Box(-1, 1, dim=2)
    omega = es.enumerate_regions(net, box, graph=True)
    X, labels = np.load(folder / "train.npy"), np.load(folder / "labels.npy")
    found = {
        "__name__": "__main__", "es": es, "exactspline": es, "np": np, "numpy": np, "net": net,
        "network": net, "networks": [net, net, net], "first": net, "second": net, "box": box,
        "domain": box, "omega": omega, "region": omega[0], "groups": omega.linear_regions(),
        "X": X, "Y": X[:5], "X_test": np.load(folder / "test.npy"), "labels": labels,
        "loader": iter([(X, labels)]), "x": X[0],
    }  # fmt: skip
    return found | OWN.get(page, lambda folder: {})(folder)


def _formats(folder: Path) -> dict[str, Any]:
    """Networks of PyTorch with the shapes of the page, and their files."""
    import onnx
    import torch

    model = onnx.load(folder / "net.onnx")  # with a name of its output and a length of its batch
    model.graph.output[0].name = model.graph.node[-1].output[0] = "logits"
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, folder / "net.onnx")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3, stride=9), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(18, 3),
    ).eval()  # fmt: skip
    x = torch.zeros(1, 1, 28, 28)
    torch.save(module.state_dict(), folder / "state.pt")
    torch.export.save(torch.export.export(module, (x,)), folder / "program.pt2")
    dense = {f"{k}{i}": v for i, k, v in (
        (0, "W", np.ones((3, 2))), (0, "b", np.ones(3)), (1, "W", np.ones((1, 3))),
        (1, "b", np.ones(1)))}  # fmt: skip
    return {"torch": torch, "module": module, "x": x, **dense}


def _two_inputs(folder: Path) -> dict[str, Any]:
    """What `names` says, for a module with two inputs and two outputs."""
    import torch

    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = torch.nn.Linear(3 + 64, 2)

        def forward(self, point, image):
            mixed = torch.cat([point, image.flatten(1)], 1)
            return {"scores": torch.relu(self.mix(mixed)), "other": mixed}

    return {"module": Two().eval()}


def _symbols(folder: Path) -> dict[str, Any]:
    import cvxpy

    net = network((2, 1), (2,))
    omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
    return {"x": cvxpy.Variable(2), "net": net, "omega": omega, "region": omega[0]}


def _images(folder: Path) -> dict[str, Any]:
    net = network((4, 3), (1, 3, 3))
    return {"network": net, "x": np.load(folder / "a.npy"), "names": ["left", "right", "none"]}


def _templates(folder: Path) -> dict[str, Any]:
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    return {"net": net, "x": torch.rand(5, 4), "y": torch.tensor([0, 1, 2, 0, 1])}


def _signals(folder: Path) -> dict[str, Any]:
    return dict(zip("xabc", np.random.default_rng(0).integers(0, 5, (4, 16)), strict=True))


def _sweep(folder: Path) -> dict[str, Any]:
    net = es.load(folder / "examples" / "moons.onnx")
    return {"sample": [0, "1/2"], "code": es.codes(net, [[0, 0.5]])[0]}


def _exports(folder: Path) -> dict[str, Any]:
    import json

    import networkx

    return {"networkx": networkx, "json": json}


def _solids(folder: Path) -> dict[str, Any]:
    return {"network": network((4, 1), (3,)), "classifier": network((4, 4), (3,))}


def _complex(folder: Path) -> dict[str, Any]:
    import itertools

    return {"itertools": itertools}


OWN = {
    "complex": _complex, "exports": _exports, "formats": _formats, "gallery": _images,
    "perspectives": _signals, "plot": _images, "sweep": _sweep, "symbolic": _symbols,
    "surfaces": _solids, "templates": _templates,
}  # fmt: skip
