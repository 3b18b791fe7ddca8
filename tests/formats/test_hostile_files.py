"""The wall: malformed and malicious files end in an ExactSplineError, fast and in little memory."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import tracemalloc

import numpy as np
import pytest
from folders import NETWORKS
from hostile_onnx import HEALTHY_IMAGE, ONNX_FILES
from hostile_parts import HEALTHY_ONNX, VNNLIB
from hostile_texts import (
    DOMAIN_FILES,
    HEALTHY_JSON,
    HEALTHY_NPZ,
    JSON_FILES,
    NPZ_FILES,
    VNNLIB_FILES,
    pickled,
)

from exactspline import formats
from exactspline.domain import Domain
from exactspline.errors import ExactSplineError, FormatError
from exactspline.network import Network

SECONDS = 10.0


BYTES = 200_000_000


READERS = {
    ".onnx": formats.load,
    ".npz": formats.load,
    ".json": formats.load,
    ".domain": formats.load_domain,
    ".vnnlib": lambda path: formats.load_vnnlib(path, 2),
}


WALL = [
    (extension, name, data)
    for extension, files in (
        (".onnx", ONNX_FILES),
        (".npz", NPZ_FILES),
        (".json", JSON_FILES),
        (".domain", DOMAIN_FILES),
        (".vnnlib", VNNLIB_FILES),
    )
    for name, data in files.items()
]


def watched(read, path):
    """Read a file, and check the time and memory that it took."""
    start = time.perf_counter()
    with contextlib.suppress(ExactSplineError):
        read(path)
    assert time.perf_counter() - start < SECONDS
    tracemalloc.start()  # slows everything down: a second reading
    try:
        return read(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < BYTES + 4 * path.stat().st_size


def test_the_wall_is_high():
    assert len(WALL) >= 150


MANY_SECONDS = {"subgraph", "many_tokens", "sum_of_long", "product_of_long", "image_sums_of_itself"}


@pytest.mark.parametrize(
    ("extension", "data"),
    [
        pytest.param(
            extension, data, id=f"{extension}-{name}",
            marks=pytest.mark.slow if name in MANY_SECONDS else (),
        )
        for extension, name, data in WALL
    ],
)  # fmt: skip
def test_hostile_file(extension, data, tmp_path):
    path = tmp_path / f"hostile{extension}"
    path.write_bytes(data() if callable(data) else data)
    with pytest.raises(ExactSplineError) as caught:
        watched(READERS[extension], path)
    message = str(caught.value)
    assert "hostile" in message  # the file is named
    assert len(message) < 1000


def test_healthy_files_load(tmp_path):
    for extension, data in (
        (".onnx", HEALTHY_ONNX),
        (".npz", HEALTHY_NPZ),
        (".json", HEALTHY_JSON),
        (".vnnlib", VNNLIB),
    ):
        path = tmp_path / f"healthy{extension}"
        path.write_bytes(data)
        is_valid(READERS[extension](path))


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.npz").write_bytes(pickled())
    with pytest.raises(FormatError, match="pickled"):
        formats.load("net.npz")
    assert not (tmp_path / "unpickled").exists()


HEALTHY = {
    ".onnx": HEALTHY_ONNX,
    ".npz": HEALTHY_NPZ,
    ".json": HEALTHY_JSON,
    ".vnnlib": VNNLIB,
}


def is_valid(result):
    if isinstance(result, Network):
        assert result.forward(np.zeros(result.input_shape)).shape == result.output_shape
    else:
        assert result
        assert all(isinstance(domain, Domain) for domain in result)


def survives(extension, data, path):
    """A file loads to something valid or ends in an ExactSplineError."""
    path.write_bytes(data)
    try:
        result = READERS[extension](path)
    except ExactSplineError:
        return False
    is_valid(result)
    return True


@pytest.mark.parametrize("extension", HEALTHY)
def test_truncated_anywhere(extension, tmp_path):
    data = HEALTHY[extension]
    path = tmp_path / f"cut{extension}"
    lengths = range(0, len(data) - 1, max(1, len(data) // 300))
    outcomes = [survives(extension, data[:length], path) for length in lengths]
    assert sum(outcomes) < len(outcomes) / 10


@pytest.mark.parametrize("extension", HEALTHY)
def test_bit_flips(extension, tmp_path):
    rng = np.random.default_rng(7)
    data = HEALTHY[extension]
    path = tmp_path / f"flipped{extension}"
    start = time.perf_counter()
    outcomes = []
    for _ in range(400):
        flipped = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            flipped[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        outcomes.append(survives(extension, bytes(flipped), path))
    assert not all(outcomes)
    assert time.perf_counter() - start < 60


@pytest.mark.parametrize("extension", HEALTHY)
def test_bytes_cut_out_and_doubled(extension, tmp_path):
    rng = np.random.default_rng(8)
    data = HEALTHY[extension]
    path = tmp_path / f"spliced{extension}"
    outcomes = []
    for _ in range(200):
        a, b = sorted(int(i) for i in rng.integers(len(data), size=2))
        outcomes.append(survives(extension, data[:a] + data[b:], path))
        outcomes.append(survives(extension, data[:b] + data[a:], path))
    assert sum(outcomes) < len(outcomes) / 2


@pytest.mark.slow
def test_bit_flips_of_an_image_model(tmp_path):
    rng = np.random.default_rng(10)
    path = tmp_path / "flipped.onnx"
    assert survives(".onnx", HEALTHY_IMAGE, path)
    start = time.perf_counter()
    outcomes = []
    for _ in range(800):
        flipped = bytearray(HEALTHY_IMAGE)
        for _ in range(int(rng.integers(1, 3))):
            flipped[int(rng.integers(len(flipped)))] ^= 1 << int(rng.integers(8))
        outcomes.append(survives(".onnx", bytes(flipped), path))
    assert 0 < sum(outcomes) < len(outcomes)
    assert time.perf_counter() - start < 60


def test_real_network_damaged(tmp_path):
    rng = np.random.default_rng(9)
    data = (NETWORKS / "reach" / "vdp.onnx").read_bytes()
    path = tmp_path / "net.onnx"
    flips, cuts = [], []
    for _ in range(100):
        flipped = bytearray(data)
        flipped[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        flips.append(survives(".onnx", bytes(flipped), path))
        cuts.append(survives(".onnx", data[: int(rng.integers(len(data)))], path))
    assert any(flips)  # most bytes are weights
    assert not any(cuts)


@pytest.mark.parametrize("extension", READERS)
def test_bad_paths(extension, tmp_path):
    read = READERS[extension]
    with pytest.raises(FormatError, match="cannot be read"):
        read(tmp_path / f"missing{extension}")
    folder = tmp_path / f"folder{extension}"
    folder.mkdir()
    with pytest.raises(FormatError, match="a directory"):
        read(folder)
    with pytest.raises(FormatError):
        read(f"nul\0character{extension}")
    pipe = tmp_path / f"pipe{extension}"
    os.mkfifo(pipe)
    with pytest.raises(FormatError, match="not a regular file"):
        read(pipe)  # opening it would wait for ever
    loop = tmp_path / f"loop{extension}"
    loop.symlink_to(loop)
    with pytest.raises(FormatError, match="cannot be read"):
        read(loop)


@pytest.mark.parametrize("extension", READERS)
def test_no_permission(extension, tmp_path, monkeypatch):
    path = tmp_path / f"secret{extension}"
    path.write_bytes(b"x")

    def refuse(*_, **__):  # what a file of mode 0 does, also for the superuser
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(formats.files, "open", refuse, raising=False)
    with pytest.raises(FormatError, match="cannot be read"):
        READERS[extension](path)


@pytest.mark.parametrize("extension", READERS)
def test_enormous_file(extension, tmp_path):
    path = tmp_path / f"sparse{extension}"
    with open(path, "wb") as stream:
        stream.truncate(3 << 30)  # a hole: no disk is used
    with pytest.raises(FormatError, match="bytes; files of this kind are read up to"):
        watched(READERS[extension], path)


def test_unwritable(tmp_path):
    with pytest.raises(FormatError, match="cannot be written"):
        formats.save_json(Network([], (1,)), tmp_path / "missing" / "net.json")
