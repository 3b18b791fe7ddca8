"""Weights in another file beside the model: read as stored, and nothing else is ever read."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_models import agree, floats, make_model, node, save

import exactspline as es
from exactspline.errors import FormatError

NODES = [node("Gemm", "x w b", "h"), node("Relu", "h", "r"), node("MatMul", "r v")]
STORED = {"w": floats(4, 6), "b": floats(6), "v": floats(6, 3)}


def external(folder, location="net.onnx.data", **changes):
    """A model with its data in another file; ``changes`` are fields of the first tensor."""
    model = make_model(NODES, STORED)
    path = folder / "net.onnx"
    onnx.save(
        model, path, save_as_external_data=True, location="net.onnx.data", size_threshold=0,
        convert_attribute=False,
    )  # fmt: skip
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    fields = {entry.key: entry.value for entry in tensor.external_data}
    fields.update({k: str(v) for k, v in changes.items()}, location=location)
    del tensor.external_data[:]
    for key, value in fields.items():
        if value != "None":
            tensor.external_data.add(key=key, value=value)
    return save(model, folder)


def test_values_are_those_of_one_file(tmp_path):
    path = external(tmp_path)
    net = agree(path, (1, 4))
    one = es.load(save(make_model(NODES, STORED), tmp_path, "one.onnx"))
    assert net.program.sha256() == one.program.sha256()
    assert net.sha256 != one.sha256


def test_the_hash_is_that_of_both_files(tmp_path):
    path = external(tmp_path)
    first = es.load(path).sha256
    assert es.load(path).sha256 == first
    data = tmp_path / "net.onnx.data"
    changed = bytearray(data.read_bytes())
    changed[3] ^= 1
    data.write_bytes(changed)
    assert es.load(path).sha256 != first


def test_a_link_inside_of_the_folder(tmp_path):
    path = external(tmp_path)
    os.rename(tmp_path / "net.onnx.data", tmp_path / "real.bin")
    os.symlink("real.bin", tmp_path / "net.onnx.data")
    agree_net = es.load(path)
    assert agree_net.parameters == 51


def test_the_model_may_be_a_link_itself(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    external(inner)
    os.symlink(inner / "net.onnx", tmp_path / "net.onnx")
    with pytest.raises(FormatError, match="cannot be read"):
        es.load(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    "name",
    ["../net.onnx.data", "/etc/passwd", "sub/net.bin", "..", ".", "",
     "a\\b", "C:x", "a\0b", "absent",
     "net.onnx.data/"],
)  # fmt: skip
def test_other_places_are_refused(name, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "net.bin").write_bytes(bytes(1000))
    path = external(tmp_path, location=name)
    with pytest.raises(FormatError, match=r"initializer 'w': its (external )?data"):
        es.load(path)


def test_links_and_devices_are_refused(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = external(inner)
    data = inner / "net.onnx.data"
    os.rename(data, tmp_path / "outside.bin")
    os.symlink(tmp_path / "outside.bin", data)
    with pytest.raises(FormatError, match="a link that leads out of the model's folder; copy"):
        es.load(path)
    os.unlink(data)
    os.mkfifo(data)
    with pytest.raises(FormatError, match="no regular file"):
        es.load(path)
    os.unlink(data)
    data.mkdir()
    with pytest.raises(FormatError, match="no regular file"):
        es.load(path)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"length": 4}, "needs 96 bytes, but 4"),
        ({"length": 2**40}, "needs 96 bytes"),
        ({"offset": 2**40}, "are named, but it has"),
        ({"offset": -4}, "the offset '-4', which is no size"),
        ({"offset": "1e3"}, "no size"),
        ({"offset": "9" * 40}, "no size"),
        ({"length": "\u0663"}, "no size"),
        ({"further": 1}, "none of ONNX's"),
    ],
)
def test_sizes_are_checked(changes, text, tmp_path):
    with pytest.raises(FormatError, match=text):
        es.load(external(tmp_path, **changes))


def test_length_may_be_left_out(tmp_path):
    assert es.load(external(tmp_path, length="None")).parameters == 51


def test_shapes_are_checked_before_memory_is_taken(tmp_path):
    path = external(tmp_path, length=4 * 2**40)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].dims[:] = [2**20, 2**20]
    with pytest.raises(FormatError, match="are named, but it has"):
        es.load(save(model, tmp_path))


def test_data_in_both_places(tmp_path):
    path = external(tmp_path)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].raw_data = bytes(96)
    with pytest.raises(FormatError, match="both in the model and in another file"):
        es.load(save(model, tmp_path))


def test_the_same_bytes_are_not_read_without_end(tmp_path):
    data = tmp_path / "net.onnx.data"
    data.write_bytes(bytes(4 * 4))
    tensors = {}
    for i in range(40):
        tensor = TensorProto(name=f"c{i}", dims=[4], data_type=1, data_location=1)
        tensor.external_data.add(key="location", value="net.onnx.data")
        tensors[f"c{i}"] = tensor
    names = " ".join(["x", *tensors])
    model = make_model([node("Sum", names)], tensors)
    with pytest.raises(FormatError, match="more than 4 times over"):
        es.load(save(model, tmp_path))


def test_a_constant_node_reads_no_file(tmp_path):
    (tmp_path / "net.onnx.data").write_bytes(np.float32([1, 2, 3, 4]).tobytes())
    tensor = TensorProto(name="c", dims=[4], data_type=1, data_location=1)
    tensor.external_data.add(key="location", value="net.onnx.data")
    model = make_model([onnx.helper.make_node("Constant", [], ["c"], value=tensor),
                        node("Add", "x c")])  # fmt: skip
    with pytest.raises(FormatError, match=r"in another file, 'net\.onnx\.data'; save"):
        es.load(save(model, tmp_path))


def test_names_that_are_no_text(tmp_path):
    data = external(tmp_path).read_bytes()
    for name in (b"net.onnx.data", b"location"):
        (tmp_path / "net.onnx").write_bytes(data.replace(name, b"\xff" + name[1:]))
        with pytest.raises(FormatError, match=r"net\.onnx: .*(no UTF-8 text|damaged)"):
            es.load(tmp_path / "net.onnx")
