"""Programs of torch.export: from memory with their shapes, from .pt2 files without a pickle."""

from __future__ import annotations

import json
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torch_modules import Calls, parameter, randomised
from torch_nets import ResNet

import exactspline as es
from exactspline import Network, from_torch
from exactspline.errors import ExactSplineError, FormatError, ShapeError, UnsupportedOperatorError

ANY = torch.export.Dim("n", min=1, max=64)


def program(module, shape, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = torch.zeros(shape, dtype=next(module.parameters()).dtype)
        return torch.export.export(module.eval(), (x,), **options)


def values(module, net, shape):
    x = torch.randn(5, *shape, dtype=torch.float64)
    with torch.no_grad():
        want = module(x).numpy()
    np.testing.assert_allclose(net.forward(x.numpy(), output_operator=True), want, rtol=1e-9)


# --- from memory -----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_shape_is_the_programs():
    module = randomised(ResNet())
    for options in ({}, {"dynamic_shapes": ({0: ANY},)}):
        size = 1 if not options else 4
        net = from_torch(program(module, (size, 1, 8, 8), **options))
        assert net.input_shape == (1, 8, 8)
        values(module, net, (1, 8, 8))
    assert [op.name for op in net.operators] == [
        op.name for op in from_torch(module, (1, 8, 8)).operators
    ]


@pytest.mark.slow
def test_decomposed_program():
    module = randomised(ResNet())
    found = program(module, (1, 1, 8, 8)).run_decompositions()
    assert not any("batch_norm.default" in str(n.target) for n in found.graph.nodes)
    values(module, from_torch(found), (1, 8, 8))


def test_module_of_a_program():
    module = randomised(ResNet())
    again = program(module, (1, 1, 8, 8)).module()
    net = from_torch(again)
    assert net.input_shape == (1, 8, 8)
    values(module, net, (1, 8, 8))


def test_no_batch_axis():
    module = randomised(nn.Linear(3, 2))
    net = from_torch(program(module, (3,)))
    assert (net.input_shape, net.output_shape) == ((3,), (2,))
    values(module, net, (3,))
    rows = from_torch(program(module, (4, 3)), (4, 3))
    assert (rows.input_shape, rows.output_shape) == ((4, 3), (4, 2))
    summed = Calls(lambda s, x: (x @ s.w).sum(0), w=parameter(3, 2))
    assert from_torch(program(summed, (4, 3)), (4, 3)).output_shape == (2,)


@pytest.mark.parametrize(
    ("size", "given", "error", "text"),
    [
        ((4, 3), None, ShapeError, r"a batch of 4; .*dynamic_shapes.*input_shape=\(4, 3\)"),
        ((1, 3), (5,), ShapeError, r"input_shape \(5,\) does not fit .*\(1, 3\)"),
        ((), (2,), ShapeError, r"input_shape \(2,\) does not fit .*\(\)"),
    ],
)
def test_shapes_of_programs(size, given, error, text):
    module = Calls(lambda s, x: x * s.w, w=parameter(1))
    with pytest.raises(error, match=f"^from_torch: .*{text}"):
        from_torch(program(module, size), given)


def test_unknown_sizes_are_asked_for():
    module = randomised(nn.Conv1d(1, 2, 3, padding=1))
    found = program(module, (2, 1, 9), dynamic_shapes=({0: ANY, 2: torch.export.Dim("m", min=4)},))
    with pytest.raises(ShapeError, match=r"\(any, 1, any\); give input_shape"):
        from_torch(found)
    net = from_torch(found, (1, 5))
    values(module, net, (1, 5))


def test_other_programs():
    none = torch.export.export(Calls(lambda s, x: s.w * x, w=parameter(1)), (2,))
    with pytest.raises(UnsupportedOperatorError, match="takes 0 tensors"):
        from_torch(none)
    with pytest.raises(UnsupportedOperatorError, match="takes real"):
        from_torch(torch.export.export(nn.Embedding(3, 3), (torch.zeros(1, 3).long(),)))
    with pytest.raises(FormatError, match="has its weights"):
        from_torch(program(nn.Linear(2, 2), (1, 2)), weights="state.pt")
    with pytest.raises(ShapeError, match=r"give input_shape.*from_torch\(module"):
        from_torch(nn.Linear(2, 2))


def test_training_mode_is_told_once():
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    with pytest.warns(UserWarning, match="training mode") as told:
        from_torch(module, (3,))
    assert len(told) == 1
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_torch(module.eval(), (3,))
        from_torch(nn.Linear(3, 3).train(), (3,))  # it does the same then


# --- files -----------------------------------------------------------------------------------


def saved(module, shape, path, **options):
    torch.export.save(program(module, shape, **options), path)
    return path


def rewritten(path, change):
    """The file with its graph, a dictionary, changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            if name.endswith("models/model.json"):
                graph = json.loads(data)
                change(graph["graph_module"])
                data = json.dumps(graph).encode()
            archive.writestr(name, data)
    return path


def test_file(tmp_path):
    module = randomised(ResNet())
    path = saved(module, (3, 1, 8, 8), tmp_path / "net.pt2", dynamic_shapes=({0: ANY},))
    net = es.load(path)
    values(module, net, (1, 8, 8))
    direct = from_torch(module, (1, 8, 8))
    assert [op.name for op in net.operators] == [op.name for op in direct.operators]
    assert es.load(path).sha256 == net.sha256 != ""


def test_weights_are_what_is_stored(tmp_path):
    for kind in (torch.float64, torch.float32, torch.bfloat16):
        module = nn.Sequential(nn.Linear(3, 2).to(kind))
        (dense,) = es.load(saved(module, (1, 3), tmp_path / "net.pt2")).operators
        assert np.array_equal(dense.weight, module[0].weight.detach().double().numpy())


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    path = saved(nn.Linear(3, 2), (1, 3), tmp_path / "net.pt2")
    monkeypatch.setattr("pickle.Unpickler", None)
    monkeypatch.setattr("pickle.loads", None)
    monkeypatch.setattr("torch.load", None)
    assert es.load(path).parameters == 8


HOSTILE = {
    "another function": ({"target": "torch.ops.aten.from_file.default"}, "is not supported"),
    "python": ({"target": "torch.hub.load"}, "is not supported"),
    "evaluation": ({"target": "_operator.attrgetter"}, "is not supported"),
    "dunder": ({"target": "torch.ops.aten.__class__.default"}, "is not supported"),
    "overload": ({"target": "torch.ops.aten.relu.__init__"}, "not known to this version"),
    "name": ({"inputs": []}, "cannot be exported|malformed"),
    "nothing": ({"outputs": []}, "malformed|is no program"),
    "object": (
        {"inputs": [{"name": "self", "arg": {"as_custom_obj": {"name": "x"}}, "kind": 1}]},
        "as_custom_obj"),
    "unknown value": (
        {"inputs": [{"name": "self", "arg": {"as_tensor": {"name": "nothing"}}, "kind": 1}]},
        "malformed"),
    "expansion": (
        {"target": "torch.ops.aten.expand.default", "inputs": [
            {"name": "self", "arg": {"as_tensor": {"name": "linear"}}, "kind": 1},
            {"name": "size", "arg": {"as_ints": [1 << 30, 2]}, "kind": 1}]},
        "entries"),
    "cut up": (
        {"target": "torch.ops.aten.full.default", "inputs": [
            {"name": "size", "arg": {"as_ints": [1 << 40]}, "kind": 1},
            {"name": "value", "arg": {"as_float": 1.0}, "kind": 1}]},
        "entries"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_nodes(case, tmp_path):
    change, text = HOSTILE[case]
    module = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    path = saved(module, (1, 3), tmp_path / "net.pt2")
    assert es.load(path).parameters == 8
    rewritten(path, lambda graph: graph["graph"]["nodes"][1].update(change))
    with pytest.raises(ExactSplineError, match=f"net.pt2: .*({text})"):
        es.load(path)


def test_other_archives(tmp_path):
    path = tmp_path / "net.pt2"
    path.write_bytes(b"PK")
    with pytest.raises(FormatError, match=r"net.pt2: is no program.*from_torch\(torch.export.load"):
        es.load(path)
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(FormatError, match="has 0 programs"):
        es.load(path)
    saved(nn.Linear(3, 2), (4, 3), path)
    with pytest.raises(UnsupportedOperatorError, match=r"shape \(4, 3\).*batch of one"):
        es.load(path)
    with pytest.raises(FormatError, match="cannot be read"):
        es.load(tmp_path / "nothing.pt2")


def test_weights_beyond_the_file(tmp_path):
    path = saved(nn.Linear(3, 2), (1, 3), tmp_path / "net.pt2")
    with zipfile.ZipFile(path) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    config = next(n for n in parts if n.endswith("weights_config.json"))
    for old, new in (
        ('{"as_int": 3}', '{"as_int": 3000000000}'), ('"use_pickle": false', '"use_pickle": true'),
        ('"dtype": 7', '"dtype": 9'), ('"path_name": "weight_0"', '"path_name": "../weight"'),
        ('"storage_offset": {"as_int": 0}', '"storage_offset": {"as_int": 90}'),
    ):  # fmt: skip
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, data in parts.items():
                changed = data.decode().replace(old, new).encode() if name == config else data
                assert changed != data or name != config
                archive.writestr(name, changed)
        with pytest.raises(ExactSplineError, match=r"net\.pt2: "):
            es.load(path)


def test_weights_that_share_bytes_without_end(tmp_path, monkeypatch):
    path = saved(nn.Linear(30, 30), (1, 30), tmp_path / "net.pt2")
    with zipfile.ZipFile(path) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            if name.endswith("weights_config.json"):
                config = json.loads(data)
                more = {f"copy{i}": config["config"]["weight"] for i in range(20)}
                config["config"].update(more)
                data = json.dumps(config).encode()
            archive.writestr(name, data)
    assert es.load(path).parameters == 930
    size = path.stat().st_size
    assert size < 20 * 3600
    monkeypatch.setattr("exactspline.formats.torch.archive.MAX_BINARY_BYTES", size)
    with pytest.raises(FormatError, match="all tensors have more than"):
        es.load(path)


@pytest.mark.parametrize("block", [0, *[pytest.param(i, marks=pytest.mark.slow) for i in (1, 2)]])
def test_random_damage(tmp_path, block):
    path = saved(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), (1, 3), tmp_path / "net.pt2")
    good = path.read_bytes()
    rng = np.random.default_rng(block)
    outcomes = set()
    for _ in range(60):
        data = bytearray(good)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            outcomes.add(type(es.load(path)))
        except ExactSplineError as error:
            outcomes.add(type(error))
    assert {Network, FormatError} <= outcomes


@pytest.mark.slow
def test_values_of_a_graph_are_changed_at_random(tmp_path):
    """One number, text or list of the graph is another one: an error, or a network."""
    path = saved(nn.Sequential(nn.Conv1d(1, 2, 2), nn.ReLU()), (1, 1, 4), tmp_path / "net.pt2")
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    values_there = [0, -1, 7, 1 << 40, "", "conv1d", None, [], {}, True, 1e300, [[]], "x" * 999]

    def change(graph):
        node = graph["graph"]["nodes"][0] if rng.random() < 0.7 else graph["signature"]
        for _ in range(rng.integers(1, 9)):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = keys[rng.integers(len(keys))]
            if not isinstance(node[key], dict | list) or rng.random() < 0.2:
                node[key] = values_there[rng.integers(len(values_there))]
                return
            node = node[key]

    outcomes = []
    for _ in range(120):
        path.write_bytes(good)
        rewritten(path, change)
        try:
            outcomes.append(type(es.load(path)))
        except ExactSplineError as error:
            outcomes.append(type(error))
    assert Network in outcomes
    assert len(set(outcomes)) > 2
