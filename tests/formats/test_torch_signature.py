"""PyTorch modules and programs with several inputs and outputs: their names, slices, choices."""

from __future__ import annotations

import collections
import dataclasses
import json
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torch_modules import randomised

import exactspline as es
from exactspline import from_torch
from exactspline.cli import main
from exactspline.errors import (
    ExactSplineError,
    FormatError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)

Pair = collections.namedtuple("Pair", "first second")


class Two(nn.Module):
    """Two inputs; outputs in a dictionary, with a tuple in it and a list of labels."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.Conv1d(2, 4, 2)

    def forward(self, x, image, scale=None):
        both = self.left(x).relu() + self.right(image).flatten(1)
        if scale is not None:
            both = both + scale
        return {"sum": both, "parts": (both.abs(), [both.argmax(1), both.exp()]), "none": None}


SHAPES = [(3,), (2, 2)]
LEADS = [(1, 3), (1, 2, 2)]


def module():
    return randomised(Two(), 4)


def examples(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)


def program(net, *shapes, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(net, examples(*shapes), **options)


def saved(net, folder, *shapes, **options):
    path = folder / "net.pt2"
    torch.export.save(program(net, *shapes, **options), path)
    return path


def by_every_route(folder, net=None):
    """From shapes, from shapes by name, a program, its module, a file."""
    net = net or module()
    any_ = torch.export.Dim("n", min=1, max=64)
    dynamic = program(net, (5, 3), (5, 2, 2), dynamic_shapes=({0: any_}, {0: any_}, None)[:2])
    return {
        "shapes": lambda **o: from_torch(net, SHAPES, **o),
        "names": lambda **o: from_torch(net, {"image": (2, 2), "x": (3,)}, **o),
        "program": lambda **o: from_torch(program(net, *LEADS), **o),
        "any batch": lambda **o: from_torch(dynamic, **o),
        "module of a program": lambda **o: from_torch(program(net, *LEADS).module(), **o),
        "file": lambda **o: es.load(saved(net, folder, *LEADS), **o),
    }


def values(net, outputs, *shapes):
    """The values of a network are torch's; inputs one after the other."""
    for seed in range(3):
        given = examples(*shapes, seed=seed)
        with torch.no_grad():
            want = outputs(*given).numpy()
        got = net.forward(np.concatenate([x.numpy().reshape(-1) for x in given]))
        np.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-12, atol=1e-12)


def test_inputs_stand_one_after_the_other(tmp_path):
    net = module()
    counts = set()
    for route, read in by_every_route(tmp_path, net).items():
        found = read(output="sum")
        assert found.input_shape == (7,), route
        assert found.inputs == {"x": slice(0, 3), "image": slice(3, 7)}, route
        values(found, lambda x, image: net(x, image)["sum"], *LEADS)
        counts.add(es.count_regions(found, es.Box([-1] * 7, [1] * 7)))
    assert len(counts) == 1
    assert counts.pop() > 1


@pytest.mark.slow
def test_outputs_by_name_and_position(tmp_path):
    net = module()
    for route, read in by_every_route(tmp_path, net).items():
        for wanted in ("parts.0", 1, "1"):
            found = read(output=wanted)
            assert [op.kind for op in found.operators][-1] == "Abs", route
            values(found, lambda x, image: net(x, image)["parts"][0], *LEADS)
        text = r"4|5 outputs, 'sum', 'parts\.0', 'parts\.1\.0', 'parts\.1\.1'"
        with pytest.raises(FormatError, match=text + r".*several.*output=\"sum\".*--output"):
            read()
        for wrong in ("total", 9, -1):
            with pytest.raises(FormatError, match=r"no output .*; it has 'sum', 'parts\.0'"):
                read(output=wrong)
        with pytest.raises(UnsupportedOperatorError, match="argmax"):
            read(output="parts.1.0")
        with pytest.raises(UnsupportedOperatorError, match="exp"):
            read(output=3)
        with pytest.raises(UnsupportedOperatorError, match="no tensor"):
            read(output="none")
        with pytest.raises(ParameterError, match="give the name of an output"):
            read(output=1.5)


@dataclasses.dataclass
class Record:
    """A record of two tensors."""

    left: torch.Tensor
    right: torch.Tensor


torch.export.register_dataclass(Record, serialized_type_name="tests.Record")


class Returns(nn.Module):
    """What a function makes of two values."""

    def __init__(self, function):
        super().__init__()
        self.function, self.linear = function, nn.Linear(3, 3)

    def forward(self, x):
        return self.function(self.linear(x))


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda y: (y.relu(), y.abs()), ["0", "1"]),
        (lambda y: [y.relu(), y.abs()], ["0", "1"]),
        (lambda y: Pair(y.relu(), y.abs()), ["first", "second"]),
        (lambda y: Record(y.relu(), y.abs()), ["left", "right"]),
        (lambda y: {"a": y.relu(), "b": {"c": y.abs()}}, ["a", "b.c"]),
        (lambda y: {1: y.relu(), 0: y.abs()}, ["1", "0"]),
        (lambda y: collections.OrderedDict(z=y.relu(), y=y.abs()), ["z", "y"]),
        (lambda y: {"a.b": y.relu(), "a": {"b": y.abs()}}, ["a.b", "a.b"]),
    ],
)
def test_names(function, names, tmp_path):
    net = randomised(Returns(function))
    routes = [lambda **o: from_torch(net, (3,), **o)]
    if names[0] not in ("first", "left"):  # files have no names of those
        routes.append(lambda **o: es.load(saved(net, tmp_path, (1, 3)), **o))
    for read in routes:
        kinds = [read(output=k).operators[-1].kind for k in (0, 1)]
        assert kinds == ["ReLU", "Abs"]
        if len(set(names)) == 1:
            with pytest.raises(FormatError, match=r"several outputs 'a\.b'.*position: output=0"):
                read(output=names[0])
            continue
        assert [read(output=name).operators[-1].kind for name in names] == kinds
        with pytest.raises(FormatError, match=", ".join(map(repr, names))):
            read()


def test_the_only_output_that_can_be_meant(tmp_path):
    """Labels, numbers, constants and what is not piecewise affine are left aside."""
    net = randomised(Returns(lambda y: (y.argmax(1), y.relu(), y.exp(), y.new_ones(1, 2), None)))
    for found in (from_torch(net, (3,)), es.load(saved(net, tmp_path, (1, 3)))):
        assert [op.kind for op in found.operators] == ["Dense", "ReLU"]
        assert found.inputs == {}
    with pytest.raises(
        UnsupportedOperatorError, match=r"none of which can be read; the first: .*exp"
    ):
        from_torch(Returns(lambda y: (y.exp(), y.cos())), (3,))


class InPlace(nn.Module):
    """Values that are changed through views, beside another output."""

    def forward(self, x):
        rows = torch.zeros(1, 4, dtype=x.dtype)
        rows[:, 1:3] = x.relu()
        y = x.clone()
        y[:, 0].mul_(3).clamp_(min=0)
        return {"rows": rows, "twice": y + y, "exp": x.exp()}


@pytest.mark.slow
def test_changes_in_place_that_lead_to_an_output(tmp_path):
    net = InPlace().double()
    for read in (lambda **o: from_torch(net, (2,), **o),
                 lambda **o: es.load(saved(net, tmp_path, (1, 2)), **o)):  # fmt: skip
        for name in ("rows", "twice"):
            values(read(output=name), lambda x, name=name: net(x)[name], (1, 2))
        with pytest.raises(FormatError, match="several can be read"):
            read()


@pytest.mark.slow
def test_constant_outputs():
    for shape, result in (((3,), (3,)), ((1, 3), (3,)), ((2, 3), (2, 3)), ((), ())):
        net = randomised(Returns(lambda y, shape=shape: torch.ones(shape, dtype=y.dtype)))
        found = from_torch(net, (3,))
        assert found.output_shape == result
        assert np.all(found.forward([1.0, 2.0, 3.0]) == 1)
        assert found.units == 0
    both = Returns(lambda y: (torch.ones(1, 2), torch.zeros(1, 2)))
    with pytest.raises(FormatError, match="of which none is a float tensor that depends on the"):
        from_torch(both, (3,))
    assert from_torch(both, (3,), output=0).forward([1.0, 2.0, 3.0]).tolist() == [1, 1]


def test_one_output_has_a_place_too(tmp_path):
    net = randomised(Returns(torch.relu))
    for read in (lambda **o: from_torch(net, (3,), **o),
                 lambda **o: es.load(saved(net, tmp_path, (1, 3)), **o)):  # fmt: skip
        assert read(output=0).operators[-1].kind == read(output="0").operators[-1].kind == "ReLU"
        with pytest.raises(FormatError, match="no output 'y'; it has '0'"):
            read(output="y")


class Mixed(nn.Module):
    """A batch, a vector without a batch axis, a number."""

    def forward(self, x, shift, gain):
        return torch.maximum(x + shift, shift * 2) + gain


def test_inputs_with_and_without_a_batch_axis(tmp_path):
    net, sizes = Mixed().double(), [(1, 3), (3,), ()]
    for found in (from_torch(program(net, *sizes)), es.load(saved(net, tmp_path, *sizes))):
        assert found.inputs == {"x": slice(0, 3), "shift": slice(3, 6), "gain": slice(6, 7)}
        assert found.output_shape == (3,)
        values(found, net, *sizes)
    assert from_torch(net, [(3,), (3,), (1,)], batch=False).input_shape == (7,)
    assert from_torch(program(Returns(torch.relu).linear.double(), (3,))).inputs == {}


def test_no_batch_axis(tmp_path):
    net = randomised(Returns(lambda y: y.relu().sum(0)))
    for read in (lambda **o: from_torch(net, (4, 3), **o),
                 lambda **o: from_torch(program(net, (4, 3)), **o),
                 lambda **o: es.load(saved(net, tmp_path, (4, 3)), **o)):  # fmt: skip
        found = read(batch=False)
        assert (found.input_shape, found.output_shape) == ((4, 3), (3,))
        values(found, net, (4, 3))
    with pytest.raises(UnsupportedOperatorError, match=r"shape \(4, 3\).*batch=False"):
        es.load(saved(net, tmp_path, (4, 3)))


def test_keyword_arguments():
    class Keyword(nn.Module):
        def forward(self, x, *, shift, times=2):
            return (x + shift).relu() * times

    net = Keyword().double()
    x, shift = examples((1, 3), (1, 3))
    found = torch.export.export(net, (x,), {"shift": shift, "times": 3}, strict=False)
    for read in (found, found.module()):
        taken = from_torch(read)
        assert taken.inputs == {"x": slice(0, 3), "shift": slice(3, 6)}
        values(taken, lambda x, s: net(x, shift=s, times=3), (1, 3), (1, 3))
    values(
        from_torch(net, {"shift": (3,), "x": (3,)}), lambda x, s: net(x, shift=s), (1, 3), (1, 3)
    )


def test_inputs_in_lists():
    class Sums(nn.Module):
        def forward(self, parts):
            return torch.stack([part.relu() for part in parts]).sum(0)

    net, given = Sums().double(), list(examples((1, 2), (1, 2), (1, 2)))
    found = torch.export.export(net, (given,), strict=False)
    for read in (found, found.module()):
        taken = from_torch(read)
        assert taken.inputs == {f"parts_{k}": slice(2 * k, 2 * k + 2) for k in range(3)}
        values(taken, lambda *xs: net(list(xs)), (1, 2), (1, 2), (1, 2))


@pytest.mark.parametrize(
    ("shape", "error", "text"),
    [
        ([(3,)], UnsupportedOperatorError, r"does not take one tensor.*a shape for each"),
        ([(3,), (2, 2), (4,), (1,)], UnsupportedOperatorError, "does not take 4 tensors"),
        ({"x": (3,), "y": (2, 2)}, UnsupportedOperatorError, "does not take 2 tensors.*'image'"),
        ([(3,), 4], ShapeError, r"is not a sequence of integers; several"),
        ([(3,), "ab"], ShapeError, "is not a sequence of integers"),
        ([(3,), (2, 0)], ShapeError, r"input_shape 1 \(2, 0\) needs positive sizes"),
        ({}, ShapeError, "a shape for every input"),
        ({0: (3,)}, ShapeError, "a shape for every input"),
        ([(3,), (2, 3)], ShapeError, "cannot be exported|shape"),
        ([(3,), (1,) * 20], ShapeError, "20 axes"),
        ([(1 << 40,), (2, 2)], ShapeError, "entries"),
    ],
)
def test_bad_shapes(shape, error, text):
    with pytest.raises(error, match=f"^from_torch: .*({text})"):
        from_torch(module(), shape, output="sum")


def test_bad_shapes_of_programs():
    found = program(module(), *LEADS)
    with pytest.raises(ShapeError, match=r"of 1 inputs; the program takes 2, 'x', 'image'"):
        from_torch(found, (3,))
    with pytest.raises(ShapeError, match=r"'x', 'y'; the program takes 'x', 'image'"):
        from_torch(found, {"x": (3,), "y": (2, 2)})
    with pytest.raises(ShapeError, match=r"input_shape \(2, 3\) does not fit .*'image'"):
        from_torch(found, [(3,), (2, 3)])
    labels = torch.export.export(
        Calls2(lambda x, k: x[:, k]), (torch.zeros(1, 3), torch.zeros(2).long())
    )
    with pytest.raises(UnsupportedOperatorError, match=r"input 'k' is of type torch\.int64.*real"):
        from_torch(labels)


class Calls2(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, k):
        return self.function(x, k)


def test_command_line(tmp_path, capsys):
    path = str(saved(module(), tmp_path, *LEADS))
    assert main(["info", path]) != 0
    assert "--output" in capsys.readouterr().err
    assert main(["info", path, "--output", "parts.0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["operators"][-1]["operator"] == "Abs"
    rows = str(saved(randomised(nn.Linear(3, 2)), tmp_path, (4, 3)))
    assert main(["info", rows]) != 0
    assert main(["info", rows, "--no-batch"]) == 0


def test_hostile_signatures(tmp_path):
    """Numbers, texts and lists of the signature are other ones: an error, or a network."""
    path = saved(module(), tmp_path, *LEADS)
    with zipfile.ZipFile(path) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    (name,) = (n for n in parts if n.endswith("models/model.json"))
    graph = json.loads(parts[name])

    def changed(change):
        other = json.loads(parts[name])
        change(other["graph_module"])
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for key, data in parts.items():
                archive.writestr(key, json.dumps(other).encode() if key == name else data)
        return path

    def tree(text):
        def change(graph):
            graph["module_call_graph"][0]["signature"]["out_spec"] = text

        return changed(change)

    assert graph["graph_module"]["signature"]["output_specs"]
    leaf = '{"type": null, "context": null, "children_spec": []}'
    deep = '{"type": "builtins.tuple", "context": "null", "children_spec": [' * 900
    for text in ("", "[1]", None, 3, f"[1, {leaf}]", f"[1, {deep}{leaf}{']}' * 900}]", "[1, {}]"):
        found = es.load(tree(text), output="1")  # no names: positions
        assert found.operators[-1].kind == "Abs"
        with pytest.raises(FormatError, match="'0', '1', '2'"):
            es.load(path)
    for change in (
        lambda g: g["signature"]["input_specs"].append(g["signature"]["input_specs"][-1]),
        lambda g: g["signature"]["output_specs"].clear(),
        lambda g: g["signature"]["output_specs"].append({"buffer_mutation": {}}),
        lambda g: g["module_call_graph"].clear(),
        lambda g: g["graph"]["tensor_values"]["image"]["sizes"].append({"as_int": 1 << 40}),
        lambda g: g["graph"]["tensor_values"]["image"].update(dtype=5),
        lambda g: g["graph"]["tensor_values"].pop("x"),
    ):
        with pytest.raises(ExactSplineError, match=r"net\.pt2: "):
            es.load(changed(change), output=0)
