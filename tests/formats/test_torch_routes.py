"""Every route from a PyTorch module to a network: the module itself, its program, ONNX files."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings

import numpy as np
import pytest
import torch
from marks import first_quick
from torch_matrix import MATRIX
from torch_modules import randomised

import exactspline as es
from exactspline import formats, from_torch
from exactspline.errors import ExactSplineError, UnsupportedOperatorError


def module_and_shape(name):
    case = MATRIX[name]
    torch.manual_seed(3)
    return randomised(case.make()), case.shape


def direct(name, folder):
    return from_torch(*module_and_shape(name))


def program(name, folder):
    """A program of torch.export; the batch is a symbol where torch can have it so."""
    module, shape = module_and_shape(name)
    batch = ({0: torch.export.Dim("batch", min=1, max=64)},)
    x = torch.zeros(3, *shape, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exported = torch.export.export(module, (x,), dynamic_shapes=batch)
        except Exception:  # the module's own constants have a batch of one
            exported = torch.export.export(module, (x[:1],))
        return from_torch(exported)


def again(name, folder):
    """The module that a program makes."""
    module, shape = module_and_shape(name)
    x = torch.zeros(1, *shape, dtype=torch.float64)
    return from_torch(torch.export.export(module, (x,)).module())


def file(name, folder):
    """A .pt2 file."""
    module, shape = module_and_shape(name)
    x = torch.zeros(1, *shape, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, (x,)), folder / "module.pt2")
    return formats.load(folder / "module.pt2")


def onnx_file(name, folder, **options):
    module, shape = module_and_shape(name)
    path = folder / "module.onnx"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    x = torch.zeros(1, *shape)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")  # the older exporter is deprecated
        torch.onnx.export(module.float(), (x,), str(path), **options)
    return formats.load(path)


def dynamo(name, folder):
    """torch's newer exporter."""
    return onnx_file(name, folder, dynamo=True, external_data=False)


def legacy(name, folder):
    """torch's older exporter."""
    return onnx_file(name, folder, dynamo=False, opset_version=17)


# what an exporter cannot write, and what it writes that is not read (or is not the module's)
NOT_WRITTEN = {
    "legacy": {
        "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
        "ChannelShuffle", "Compiled inside", "F.fold", "F.interpolate antialiased",
        "F.interpolate area", "F.interpolate nearest-exact", "Fold", "Threshold", "diff",
        "index_add", "kthvalue", "median", "rot90", "take_along_dim",
    },
    "dynamo": {
        "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "RReLU", "clamp with an infinite end",
        "kthvalue", "median", "torch.cdist with p = 1",
    },
}  # fmt: skip
NOT_READ = {
    "legacy": {
        "F.pairwise distance with p = 1", "LPPool1d with p = 1", "LogSigmoid", "RNN", "diagonal",
        "nan_to_num", "tile", "torch.cdist with p = 1", "where a > b", "where x > b",
        "x * relu6(x + 3) / 6",
    },
    "dynamo": {
        "LPPool1d with p = 1", "LogSigmoid", "RNN", "nan_to_num", "where a > b", "where x > b",
        "x * relu6(x + 3) / 6", "x[x < 0] = 0",
    },
}  # fmt: skip
SOME = list(MATRIX)[::4]  # of routes that differ from others in their first step only
MANY = {"inception", "inverted residual"}  # regions


def agree(net, name, tolerance):
    """The values are the module's, sample after sample."""
    module, shape = module_and_shape(name)
    x = 2 * torch.randn(5, *shape, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        want = np.concatenate([module(x[i : i + 1].clone()).numpy() for i in range(5)])
    got = net.forward(x.numpy(), output_operator=True).reshape(want.shape)
    assert np.abs(got - want).max() <= tolerance * max(1, np.abs(want).max())


def count(net, name):
    """Regions in a box; of what is small and piecewise affine."""
    size = math.prod(net.input_shape)
    smooth = any(op.smooth and not op.output_operator for op in net.operators)
    if smooth or size > 9 or name in MANY:
        return None
    return int(es.count_regions(net, es.Box([-2] * size, [2] * size)))


@pytest.mark.parametrize("name", first_quick(list(MATRIX), 40))
def test_module(name, tmp_path):
    agree(direct(name, tmp_path), name, 1e-12)


@pytest.mark.parametrize("name", first_quick(list(MATRIX), 10))
def test_program(name, tmp_path):
    net = program(name, tmp_path)
    agree(net, name, 1e-12)
    assert count(net, name) == count(direct(name, tmp_path), name)


@pytest.mark.parametrize("name", first_quick(SOME, 2))
def test_module_of_a_program(name, tmp_path):
    agree(again(name, tmp_path), name, 1e-12)


@pytest.mark.parametrize("name", first_quick(sorted({*SOME, "torch.func.vmap"}), 3))
def test_program_in_a_file(name, tmp_path):
    if name == "torch.func.vmap":  # its program calls functions that are not ATen's
        with pytest.raises(UnsupportedOperatorError, match=r"in a file; .*torch\.export\.load"):
            file(name, tmp_path)
        return
    net = file(name, tmp_path)
    agree(net, name, 1e-12)
    assert [op.kind for op in net.operators] == [op.kind for op in direct(name, tmp_path).operators]


def by_onnx(route, name, folder):
    """The values are the module's in float32, and so is the count, or it is known why not."""
    if name in NOT_WRITTEN[route.__name__]:
        with pytest.raises(Exception, match=r".") as caught:
            route(name, folder)
        assert not isinstance(caught.value, ExactSplineError)  # the exporter's own
        return
    if name in NOT_READ[route.__name__]:
        with pytest.raises(UnsupportedOperatorError, match=r"module\.onnx: node"):
            route(name, folder)
        return
    net = route(name, folder)
    agree(net, name, 1e-5)
    module, shape = module_and_shape(name)
    assert count(net, name) == count(from_torch(module.float(), shape), name)


@pytest.mark.parametrize("name", first_quick(list(MATRIX)[::2], 3))
def test_older_exporter(name, tmp_path):
    by_onnx(legacy, name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MATRIX)[::7])  # it takes a second or more for each
def test_newer_exporter(name, tmp_path):
    by_onnx(dynamo, name, tmp_path)
