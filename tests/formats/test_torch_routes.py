"""Every route from a PyTorch module to a network: the module itself, its program, ONNX files."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import pytest
import torch
from torch_matrix import MATRIX
from torch_modules import randomised

from exactspline import formats, from_torch


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


ROUTES = {"direct": direct, "program": program, "again": again, "dynamo": dynamo, "legacy": legacy}


def agree(net, name, tolerance):
    """The values are the module's, sample after sample."""
    module, shape = module_and_shape(name)
    x = 2 * torch.randn(5, *shape, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        want = np.concatenate([module(x[i : i + 1].clone()).numpy() for i in range(5)])
    got = net.forward(x.numpy(), output_operator=True).reshape(want.shape)
    assert np.abs(got - want).max() <= tolerance * max(1, np.abs(want).max())


@pytest.mark.parametrize("name", MATRIX)
def test_direct(name, tmp_path):
    agree(direct(name, tmp_path), name, 1e-12)
