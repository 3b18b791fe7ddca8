"""State dict files: what is stored is what is read, and nothing of a file is run."""

from __future__ import annotations

import copy
import io
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torch_modules import randomised
from torch_nets import ResNet

from exactspline import Network, formats, from_torch
from exactspline.errors import ExactSplineError, FormatError


def saved(value, path, **options):
    torch.save(value, path, **options)
    return path


def test_weights_from_a_file(tmp_path):
    module, other = randomised(ResNet(), 1), randomised(ResNet(), 2)
    path = saved(module.state_dict(), tmp_path / "net.pt")
    before = copy.deepcopy(other.state_dict())
    net = from_torch(other, (1, 8, 8), weights=path)
    assert all(torch.equal(before[k], v) for k, v in other.state_dict().items())
    x = torch.randn(3, 1, 8, 8).double()
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(net.forward(x.numpy(), output_operator=True), expected, rtol=1e-10)


def test_weights_are_not_rounded_to_the_modules_type(tmp_path):
    stored = nn.Linear(2, 2).double()
    path = saved(stored.state_dict(), tmp_path / "net.pt")
    (dense,) = from_torch(nn.Linear(2, 2), (2,), weights=path).operators
    assert np.array_equal(dense.weight, stored.weight.detach().numpy())


def tampered(path, change):
    """The file with its pickle changed."""
    members = zipfile.ZipFile(path)
    parts = {i.filename: members.read(i) for i in members.infolist()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(name, change(data) if name.endswith("data.pkl") else data)
    path.write_bytes(stream.getvalue())
    return path


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/exactspline-evil", "w"))


def test_weights_refusals(tmp_path):
    module, path = nn.Linear(40, 2), tmp_path / "net.pt"
    state = module.state_dict()
    good = saved(state, path).read_bytes()
    assert from_torch(module, (40,), weights=path).parameters == 82

    def refused(text):
        with pytest.raises(FormatError, match=text):
            from_torch(module, (40,), weights=path)

    saved({"weight": torch.zeros(2, 41), "bias": torch.zeros(2)}, path)
    refused("does not fit")
    saved({"weight": torch.zeros(2, 40)}, path)
    refused("bias")
    saved({"state_dict": state, "epoch": 3}, path)
    refused("dictionary of tensors")
    saved([1, 2], path)
    refused("dictionary of tensors")
    saved(module, path)
    refused("weights_only")
    saved({"weight": Evil()}, path)
    refused("weights_only")
    torch.jit.save(torch.jit.script(module), path)
    refused(r"holds code.*state_dict")
    saved(state, path, _use_new_zipfile_serialization=False)
    refused("zip")
    for end in (0, 1, 100, len(good) // 2, len(good) - 10):
        path.write_bytes(good[:end])
        refused("net.pt")
    path.write_bytes(good)
    tampered(path, lambda data: data.replace(b"K\x50t", b"J\x00\x00\x00\x7ft", 1))
    refused("bytes")
    refused_missing = tmp_path / "nothing.pt"
    with pytest.raises(FormatError, match="cannot be read"):
        from_torch(module, (40,), weights=refused_missing)


@pytest.mark.slow
def test_random_damage_to_a_state_dict(tmp_path):
    module, path = nn.Linear(3, 2), tmp_path / "net.pt"
    good = saved(module.state_dict(), path).read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        data = bytearray(good)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            outcomes.add(type(from_torch(module, (3,), weights=path)))
        except ExactSplineError as error:
            outcomes.add(type(error))
    assert Network in outcomes
    assert FormatError in outcomes


def test_load_points_to_from_torch():
    with pytest.raises(FormatError, match="from_torch"):
        formats.load("net.pt")
