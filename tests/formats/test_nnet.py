"""The .nnet text format: exact values against an independent evaluation, and refusals."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from exactspline import formats, load
from exactspline.errors import ExactSplineError, FormatError, ParameterError


def random_file(rng, sizes, normalise=True):
    """The text of a network with random decimals, and its numbers as texts."""

    def text():
        return f"{Decimal(int(rng.integers(-(10**6), 10**6))).scaleb(int(rng.integers(-9, -2)))}"

    n = sizes[0]
    means = [text() for _ in range(n + 1)] if normalise else ["0.0"] * (n + 1)
    ranges = [text() for _ in range(n + 1)] if normalise else ["1.0"] * (n + 1)
    layers = [
        ([[text() for _ in range(a)] for _ in range(b)], [text() for _ in range(b)])
        for a, b in pairwise(sizes)
    ]
    lines = [
        "// Neural Network File Format by Kyle Julian, Stanford 2016",
        "// caf\u00e9",
        f"{len(sizes) - 1},{n},{sizes[-1]},{max(sizes)},",
        ",".join(map(str, sizes)) + ",",
        "0,",
        ",".join(["-100.5"] * n) + ",",
        ",".join(["1e2"] * n) + ",",
        ",".join(means) + ",",
        ",".join(ranges) + ",",
    ]
    for weight, bias in layers:
        lines += [",".join(row) + "," for row in weight] + [f"{b}," for b in bias]
    return lines, means, ranges, layers


def evaluated(x, means, ranges, layers):
    """The format's function in plain loops of Fractions."""
    values = [(v - Fraction(m)) / Fraction(r) for v, m, r in zip(x, means, ranges, strict=False)]
    for number, (weight, bias) in enumerate(layers):
        if number:
            values = [max(v, Fraction(0)) for v in values]
        values = [
            sum((Fraction(w) * v for w, v in zip(row, values, strict=True)), Fraction(b))
            for row, b in zip(weight, bias, strict=True)
        ]
    return [v * Fraction(ranges[-1]) + Fraction(means[-1]) for v in values]


def written(folder, lines, name="net.nnet", end="\n"):
    path = folder / name
    path.write_bytes(end.join(lines).encode())
    return path


@pytest.mark.parametrize("sizes", [(2, 3, 2), (1, 1), (5, 6, 6, 4, 3)])
def test_values_are_exact(sizes, tmp_path):
    rng = np.random.default_rng(sum(sizes))
    lines, means, ranges, layers = random_file(rng, sizes)
    ranges = [r if Fraction(r) else "3" for r in ranges]
    lines[8] = ",".join(ranges)
    for end in ("\n", "\r\n"):
        path = written(tmp_path, lines, end=end)
        net = load(path)
        assert net.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (net.input_shape, net.output_shape) == ((sizes[0],), (sizes[-1],))
        for _ in range(5):
            x = [Fraction(int(v), 7) for v in rng.integers(-50, 50, sizes[0])]
            assert net.forward(x).tolist() == evaluated(x, means, ranges, layers)


def test_inputs_are_not_clipped(tmp_path):
    lines = ["1,1,1,1,", "1,1,", "0,", "-1,", "1,", "0,0,", "1,1,", "1,", "0,"]
    assert load(written(tmp_path, lines)).forward([Fraction(5)]).tolist() == [5]


def test_plain_normalisation_is_left_out(tmp_path):
    lines, *_ = random_file(np.random.default_rng(0), (2, 3, 1), normalise=False)
    net = formats.load_nnet(written(tmp_path, lines))
    assert [op.name for op in net.operators] == ["layer0", "relu0", "layer1"]
    lines, *_ = random_file(np.random.default_rng(0), (2, 3, 1))
    net = formats.load_nnet(written(tmp_path, lines))
    assert [op.name for op in net.operators] == [
        "normalise", "layer0", "relu0", "layer1", "denormalise",
    ]  # fmt: skip
    assert str(net.unit_name(1)) == "relu0[1]"


SMALL = [
    "// c", "2,1,1,2,", "1,2,1,", "0,", "-9,", "9,", "0,0,", "1,1,",
    "1,", "-1,", "0,", "0.5,", "1,1,", "0,",
]  # fmt: skip


def test_small_file_is_healthy(tmp_path):
    assert load(written(tmp_path, SMALL)).forward([Fraction(-3)]).tolist() == [Fraction(7, 2)]


@pytest.mark.parametrize(
    "flag", ["0", "0.0,", "This line extraneous", "This line extraneous, it is said,", "unused"]
)
def test_a_flag_of_words(flag, tmp_path):
    net = load(written(tmp_path, [*SMALL[:3], flag, *SMALL[4:]]))
    assert net.forward([Fraction(-3)]).tolist() == [Fraction(7, 2)]


@pytest.mark.parametrize(
    ("line", "text", "error", "message"),
    [
        (1, "2,1,1,", FormatError, "line 2: has 3 numbers; the header needs 4"),
        (1, "2,1,1,x,", FormatError, "line 2: 'x' is no size"),
        (1, "2,1,1,-2,", FormatError, "line 2: '-2' is no size"),
        (1, "0,1,1,2,", FormatError, "line 2: '0' is no size"),
        (1, "3,1,1,2,", FormatError, "line 3: has 3 numbers"),
        (1, "999999999,1,1,2,", FormatError, "999,999,999 layers"),
        (1, "9" * 400 + ",1,1,2,", FormatError, "is no size"),
        (1, "2,2,1,2,", FormatError, "line 3: layer sizes 1"),
        (2, "1,999999999,1,", FormatError, "need 2,000,000,000"),
        (2, "1,1,1,", FormatError, "has 6 lines"),
        (2, "1,\u00b2,1,", FormatError, "no size"),
        (3, "1,", FormatError, "line 4: the flag"),
        (3, "0,0,", FormatError, "line 4: the flag"),
        (3, "1 This line,", FormatError, "line 4: the flag"),
        (4, "-9,9,", FormatError, "line 5: has 2 numbers"),
        (5, "inf,", ParameterError, "line 6"),
        (6, "0,", FormatError, "line 7"),
        (6, "0,nan,", ParameterError, "line 7"),
        (7, "0,1,", ParameterError, "line 8: a range is 0"),
        (7, "1,0.0,", ParameterError, "line 8: a range is 0"),
        (8, "1,1,", FormatError, "line 9: has 2 numbers; row 0 of the weight of layer 0 needs 1"),
        (8, "1e999999999,", ParameterError, "line 9"),
        (8, ",", ParameterError, "line 9"),
        (11, "1 2,", ParameterError, "line 12"),
        (11, "0x1,", ParameterError, "line 12"),
        (13, "0,\n0,", FormatError, "has 7 lines"),
        (13, "// nothing", FormatError, "has 5 lines"),
        (12, "1,,", ParameterError, "line 13"),
    ],
)
def test_refusals(line, text, error, message, tmp_path):
    lines = list(SMALL)
    lines[line] = text
    with pytest.raises(error, match=message):
        load(written(tmp_path, lines))


def test_truncated_anywhere(tmp_path):
    data = "\n".join(SMALL)[:-1]  # the last comma may be missing
    assert load(written(tmp_path, [data])).input_dim == 1
    for end in range(len(data) - 1):
        with pytest.raises(ExactSplineError, match=r"net\.nnet"):
            load(written(tmp_path, [data[:end]]))


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 5_000_000,
        "," * 5_000_000,
        "//\n" * 300_000,
        "2000000,1,1,1\n" + "1," * 2_000_001,
        "1,1,1,1\n" + "1" * 5_000_000,
        "\x00" * 1_000_000,
        "",
    ],
    ids=["lines", "commas", "comments", "layers", "digits", "zeros", "empty"],
)
def test_hostile(text, tmp_path):
    path = written(tmp_path, [text])
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(ExactSplineError, match=r"net\.nnet"):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - start < 20
    assert peak < 500_000_000
