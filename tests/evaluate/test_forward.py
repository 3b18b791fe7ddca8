"""Samples through networks: values, codes, maps and proofs, against evaluations in rationals."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import weakref
from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
import torch
from folders import EXAMPLES
from marks import first_quick
from operator_cases import CASES, as_network, points
from program_at import affine_piece, program_at
from random_networks import STYLES, network, number, random_spec

import exactspline as es
from exactspline.cells.point import code_at
from exactspline.evaluate import core_of

ENGINES = ("numpy", "numba")
TYPES = (np.float64, np.float32)


def compare(net, X, dtype, engine):
    """All that a core says of exact points X (n, D), against Fractions."""
    core = es.ForwardCore(net, dtype, engine)
    assert core.engine == engine
    out = core.run(X, proved=True, affine=True)
    sure = core.run(X, exact=True)
    size = 1e-3 if dtype == np.float32 else 1e-10
    for i, x in enumerate(X):
        x = [Fraction(v) for v in x]
        code, values, agree = program_at(net.program, x)
        assert agree
        boundary = code_at(net.program, x)[1]
        got = out.values.reshape(len(X), -1)[i].tolist()
        for a, b in zip(got, values, strict=True):
            assert abs(Fraction(a) - b) <= Fraction(float(out.error[i]))
        if out.proved[i]:
            assert out.codes[i].tolist() == code
            assert bool(out.on_boundary[i]) == boundary
        assert sure.proved[i]
        assert sure.codes[i].tolist() == code
        assert bool(sure.on_boundary[i]) == boundary
        A, b = affine_piece(net.program, out.codes[i].tolist())
        A, b = np.array(A, dtype=float).reshape(len(b), -1), np.array(b, dtype=float)
        scale = size * (1 + np.abs(A).max(initial=0) + np.abs(b).max(initial=0))
        assert np.abs(out.A[i] - A).max(initial=0) <= scale
        assert np.abs(out.b[i] - b).max(initial=0) <= scale
        single = core.run(x, affine=True)  # one sample, as Fractions
        assert single.values.shape == net.output_shape
        assert single.A.shape == out.A.shape[1:]
        near = np.abs(single.values.reshape(-1) - out.values.reshape(len(X), -1)[i])
        assert np.all(near <= 2 * out.error[i])
        flat = np.array([float(v) for v in x]).astype(dtype)
        value, code = core.point(flat)
        assert value.shape == net.output_shape
        both = 4 * out.error[i] + size * (1 + np.abs(value).max(initial=0))
        assert np.all(np.abs(value.reshape(-1) - got) <= both)
        if all(Fraction(float(a)) == b for a, b in zip(flat, x, strict=True)) and out.proved[i]:
            again = core.run(flat, proved=True)
            assert code.tolist() == again.codes.tolist() or not out.on_boundary[i]
    return out


@pytest.mark.parametrize("name", first_quick(list(CASES), 12))
@pytest.mark.parametrize("engine", ENGINES)
def test_every_operator(name, engine):
    for seed in range(6):
        rng = random.Random(f"{name} {seed}")
        case = CASES[name](rng)
        net = as_network(case.operator, case.shapes)
        X = np.concatenate([b.reshape(3, -1) for b in points(rng, case.shapes)], axis=1)
        dtype = TYPES[seed % 2]
        out = compare(net, X, dtype, engine)
        exact = net.forward(X, exact=True)
        apart = np.abs(out.values - exact).astype(float).reshape(3, -1).max(axis=1, initial=0)
        assert np.all(apart <= out.error * (1 + 1e-9))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed, engine):
    """Ties, dead units, skips, thirds, several kinds of units in a layer, lattice points."""
    rng = random.Random(seed)
    dim = rng.randint(1, 4)
    widths = [rng.randint(1, 7) for _ in range(rng.randint(1, 4))]
    style = STYLES[seed % len(STYLES)]
    net = network(random_spec(rng, dim, widths, style, skip=seed % 3 == 0, bias=seed % 4 > 0))
    X = np.array(
        [[number(rng, s) for _ in range(dim)] for s in ("integer", "third", "float", "float32")]
        + [[Fraction(0)] * dim],
        dtype=object,
    )
    compare(net, X, TYPES[seed % 2], engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_ties_are_proved_where_nothing_rounds(engine):
    net = es.Network([es.Dense([[1, 1], [1, -1], [0, 0]]), es.ReLU(), es.Abs()], (2,))
    out = es.ForwardCore(net, engine=engine).run([[1, 1], [2, 1], [0, 0]], proved=True)
    assert out.proved.tolist() == [True] * 3
    assert out.on_boundary.tolist() == [True] * 3  # the dead unit ties everywhere
    assert out.codes.tolist() == [[1, 0, 0, 1, 0, 0], [1, 1, 0, 1, 1, 0], [0] * 6]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", TYPES)
def test_what_rounding_hides_is_decided_exactly(engine, dtype):
    """relu(x/3 - 1) around 3, at points that no float can tell apart."""
    net = es.Network([es.Dense([[Fraction(1, 3)]], [-1]), es.ReLU()], (1,))
    core = es.ForwardCore(net, dtype, engine)
    X = [["3"], ["3.00000000000000000000001"], ["2.99999999999999999999999"], ["4"]]
    assert core.codes(X, exact=True).tolist() == [[0], [1], [0], [1]]
    out = core.run(X, exact=True)
    assert out.on_boundary.tolist() == [True, False, False, False]
    assert core.run(X, proved=True).proved.tolist() == [False, False, False, True]


@pytest.mark.parametrize("engine", ENGINES)
def test_rounding_never_claims_a_proof(engine):
    """0.1 a + 0.2 a - 0.3 a is not zero in binary; sums that cancel leave signs open."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(40, 3))
    net = es.Network([es.Dense(np.hstack([weights, -weights.sum(1)[:, None]])), es.ReLU()], (4,))
    X = np.repeat(rng.normal(size=(20, 1)), 4, axis=1)  # every form nearly vanishes
    for dtype in TYPES:
        out = es.ForwardCore(net, dtype, engine).run(X, proved=True)
        for i in range(len(X)):
            code, _ = code_at(net.program, [Fraction(v) for v in X[i]])
            assert not out.proved[i] or out.codes[i].tolist() == code.tolist()
        assert not out.proved.all()
        exact = es.codes(net, X, exact=True)
        assert [code_at(net.program, list(map(Fraction, x)))[0].tolist() for x in X] == (
            exact.tolist()
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_error_bounds_hold_after_cancellation(engine):
    rng = np.random.default_rng(1)
    ops = []
    for _ in range(4):
        ops += [es.Dense(rng.normal(size=(6, 6)), rng.normal(size=6)), es.LeakyReLU(-0.5)]
    net = es.Network(ops, (6,))
    X = rng.normal(size=(30, 6)) * 10.0 ** rng.integers(-8, 8, size=(30, 1))
    exact = net.forward(X, exact=True)
    for dtype in TYPES:
        out = es.ForwardCore(net, dtype, engine).run(X, proved=True)
        apart = np.array([[abs(Fraction(float(a)) - b) for a, b in zip(r, e, strict=True)]
                          for r, e in zip(out.values, exact, strict=True)])  # fmt: skip
        assert all(max(row) <= Fraction(e) for row, e in zip(apart, out.error, strict=True))
        assert np.all(out.error < 1e-1 * np.abs(X).max(axis=1) + 1)


# --- Shapes and inputs -----------------------------------------------------------------------


def image_net():
    rng = np.random.default_rng(2)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return es.Network(
        [
            es.Conv(normal(3, 2, 2, 2), normal(3)), es.ReLU(),
            es.AveragePool((2, 2), stride=(1, 1)), es.Conv(normal(2, 3, 2, 2)),
            es.MaxPool((2, 1)), es.Softmax(1),
        ],
        (2, 6, 5),
    )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_shapes(engine):
    net = image_net()
    core = es.ForwardCore(net, engine=engine)
    rng = np.random.default_rng(3)
    X = rng.normal(size=(4, *net.input_shape))
    want = net.forward(X)
    for given in (X, X.reshape(4, -1)):
        assert core.forward(given).shape == want.shape
        assert np.allclose(core.forward(given), want, rtol=1e-13, atol=1e-13)
    for given in (X[1], X[1].ravel(), X[1].ravel().tolist()):
        assert core.forward(given).shape == net.output_shape
        assert np.allclose(core.forward(given), want[1], rtol=1e-13, atol=1e-13)
        value, code = core.point(given)
        assert np.allclose(value, want[1], rtol=1e-13, atol=1e-13)
        assert code.tolist() == core.codes(X)[1].tolist()
    soft = net.forward(X, output_operator=True)
    assert np.allclose(core.forward(X, output_operator=True), soft, rtol=1e-13)
    assert np.allclose(es.forward_core(core, X[0], output_operator=True).values, soft[0])
    A, b = core.affine_maps(X)
    assert A.shape == (4, net.output_dim, net.input_dim)
    flat = np.einsum("ncd,nd->nc", A, X.reshape(4, -1)) + b
    assert np.allclose(flat, want.reshape(4, -1), rtol=1e-12, atol=1e-12)


def test_layers():
    net = es.Network(
        [es.Dense([[1, 0], [0, 1]]), es.ReLU(), es.Residual([es.Dense([[1, 1], [1, -1]]),
                                                             es.Abs()])], (2,)
    )  # fmt: skip
    X = [[1, -2], [3, 4], [0, 0]]
    values, layers = es.forward(net, X, return_layers=True)
    assert values.tolist() == [[2.0, 1.0], [10.0, 5.0], [0.0, 0.0]]
    assert [layer.outputs.tolist() for layer in layers] == [
        [[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]], [[1.0, 1.0], [7.0, 1.0], [0.0, 0.0]],
    ]  # fmt: skip
    codes = np.hstack([layer.codes for layer in layers])
    assert codes.tolist() == [[1, 0, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0]]
    out = es.forward_core(net, X[0], return_layers=True, exact=True)
    assert [layer.codes.tolist() for layer in out.layers] == [[1, 0], [1, 1]]
    assert es.forward(net, X[1], return_layers=True)[1][1].outputs.tolist() == [7.0, 1.0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", TYPES)
def test_without_units_and_without_samples(engine, dtype):
    affine = es.Network([es.Dense([[1, 2]], [3])], (2,))
    identity = es.Network([], (2,))
    constant = es.Network([es.Dense([[0, 0]], [7]), es.ReLU()], (2,))
    for net in (affine, identity, constant):
        core = es.ForwardCore(net, dtype, engine)
        empty = core.run(np.zeros((0, 2)), affine=True, exact=True)
        assert empty.values.shape == (0, *net.output_shape)
        assert empty.codes.shape == (0, net.units)
        assert empty.A.shape == (0, net.output_dim, 2)
        assert empty.proved.shape == empty.on_boundary.shape == (0,)
        assert core.codes(np.zeros((0, 2))).shape == (0, net.units)
        out = core.run([[1, 5], [2, 0]], affine=True, proved=True)
        assert out.proved.all()
        assert np.allclose(np.einsum("ncd,nd->nc", out.A, [[1, 5], [2, 0]]) + out.b, out.values)
    assert es.ForwardCore(affine, dtype, engine).forward([1, 5]).tolist() == [14.0]
    assert es.ForwardCore(identity, dtype, engine).point([1, 5])[0].tolist() == [1.0, 5.0]
    assert es.ForwardCore(constant, dtype, engine).run([[0, 1]]).codes.tolist() == [[1]]


def test_kinds_of_numbers():
    net = es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,))
    for given in (
        [[3, 1]], [["3", "1"]], np.array([[3, 1]], dtype=np.int8), [[Fraction(3), 1]],
        np.array([[3, 1]], dtype=np.float16), torch.tensor([[3.0, 1.0]], requires_grad=True),
        np.asfortranarray([[3.0, 1.0]]), np.array([[3, 1]], dtype=np.longdouble),
    ):  # fmt: skip
        assert es.forward(net, given).tolist() == [[2.0]]
        assert es.codes(net, given, exact=True).tolist() == [[1]]
    huge = 2**60
    assert es.codes(net, [[huge + 1, huge]], exact=True).tolist() == [[1]]
    assert es.codes(net, [[huge + 1, huge]]).tolist() == [[0]]  # float64 cannot tell them apart
    assert not es.forward_core(net, [[huge + 1, huge]], proved=True).proved[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_bad_input(engine):
    net = es.Network([es.Dense([[2, 2]]), es.ReLU()], (2,))
    core = es.ForwardCore(net, engine=engine)
    narrow = es.ForwardCore(net, np.float32, engine)
    for value in (np.nan, np.inf, -np.inf):
        for call in (core.forward, core.codes, core.affine_maps, core.run):
            with pytest.raises(es.ParameterError, match="sample 1, entry 0"):
                call([[0, 0], [value, 0]])
        with pytest.raises(es.ParameterError, match="finite"):
            core.point(np.array([value, 0.0]))
    for bad in ([1, 2, 3], [[1]], np.zeros((2, 2, 2)), 5.0):
        with pytest.raises(es.ShapeError):
            core.forward(bad)
    with pytest.raises(es.ShapeError, match="point"):
        core.point(np.zeros((1, 2)))
    with pytest.raises(es.ParameterError):
        core.forward([["a", 1]])
    with pytest.raises(es.ParameterError):
        core.forward([[1, 2], [3]])
    with pytest.raises(es.ParameterError, match="complex"):
        core.forward([[1j, 2]])
    with pytest.raises(es.ParameterError, match="beyond the range of float64"):
        core.forward([[1e308, 1e308]])
    with pytest.raises(es.ParameterError, match="beyond the range of float64"):
        core.point(np.array([1e308, 1e308]))
    with pytest.raises(es.ParameterError, match="beyond the range of float32"):
        narrow.forward([[1e39, 0]])
    with pytest.raises(es.ParameterError, match="beyond the range of float32"):
        narrow.forward(np.array([[3e38, 3e38]], dtype=np.float32))
    with pytest.raises(es.ParameterError, match="beyond the range of float64"):
        core.forward([[Fraction(10) ** 400, 0]])
    assert core.forward([[1e307, 1e307]]).tolist() == [[4e307]]  # checked on the way, not refused
    assert core.codes([[1e307, -1e307]], exact=True).tolist() == [[0]]


def test_bad_arguments():
    net = es.Network([es.ReLU()], (1,))
    for dtype in (np.float16, int, "complex64", "nonsense", object):
        with pytest.raises(es.ParameterError, match="dtype"):
            es.forward(net, [1], dtype=dtype)
    with pytest.raises(es.ParameterError, match="engine"):
        es.prepare(net, engine="cuda")
    for threads in (0, 1.5, True):
        with pytest.raises(es.ParameterError, match="threads"):
            es.prepare(net, engine="numpy", threads=threads)
    with pytest.raises(es.ShapeError, match="Network"):
        es.forward("net", [1])
    with pytest.raises(es.ShapeError, match="Network"):
        es.prepare([es.ReLU()])
    with pytest.raises(es.ParameterError, match="core"):
        es.forward(es.prepare(net, engine="numpy"), [1], dtype=np.float32)


@pytest.mark.slow
def test_sizes_are_checked_before_memory_is_taken():
    net = es.Network([es.Dense(np.ones((1000, 1))), es.ReLU()], (1,))
    X = np.broadcast_to(np.zeros(1), (5_000_000, 1))
    with pytest.raises(es.LimitError, match="at once"):
        es.codes(net, X)
    with pytest.raises(es.LimitError, match="at once"):
        es.forward(net, X)
    with pytest.raises(es.LimitError, match="distances"):
        es.vq_distance(net, X[:100_000])


def test_parameters_beyond_a_type():
    large = es.Network([es.Dense([[Fraction(10) ** 400, -1]]), es.ReLU()], (2,))
    with pytest.raises(es.ParameterError, match="layer 0"):
        es.forward(large, [1, 1])
    with pytest.raises(es.ParameterError, match="layer 0"):
        es.prepare(large).point(np.zeros(2))
    assert es.codes(large, [[1, 1], [-1, 1], [0, 0]], exact=True).tolist() == [[1], [0], [0]]
    medium = es.Network([es.Dense([[1e39]]), es.ReLU()], (1,))
    with pytest.raises(es.ParameterError, match="take float64"):
        es.forward(medium, [1], dtype=np.float32)
    assert es.forward(medium, [1]).tolist() == [1e39]
    assert es.codes(medium, [1], exact=True, dtype=np.float32).tolist() == [1]
    for engine in ENGINES:  # too small for float64: a zero with a bound
        small = es.Network([es.Dense([[Fraction(1, 10**400)]]), es.ReLU()], (1,))
        core = es.ForwardCore(small, engine=engine)
        assert core.codes([[1.0], [-1.0]], exact=True).tolist() == [[1], [0]]
        assert not core.run([[1.0]], proved=True).proved[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_many_pieces(engine):
    """A unit of 300 pieces: codes of two bytes, and only NumPy takes it."""
    net = es.Network([es.ScalarSpline(range(300), [k % 2 for k in range(301)])], (1,))
    if engine == "numba":
        with pytest.raises(es.ParameterError, match="256"):
            es.ForwardCore(net, engine=engine)
        core = es.prepare(net)
    else:
        core = es.ForwardCore(net, engine=engine)
    X = np.array([[-1.0], [0.5], [254.5], [255.5], [298.5], [400.0]])
    codes = core.codes(X, exact=True)
    assert codes.dtype == np.uint16
    assert codes.ravel().tolist() == [0, 1, 255, 256, 299, 300]
    assert np.allclose(core.forward(X), net.forward(X))
    A, b = core.affine_maps(X)
    assert A.ravel().tolist() == [0, 1, 1, 0, 1, 0]
    assert np.allclose(A[:, 0] * X + b, net.forward(X))


# --- VQ distance -----------------------------------------------------------------------------


def test_vq_distance():
    rng = np.random.default_rng(4)
    net = es.Network(
        [es.Dense(rng.normal(size=(6, 3))), es.Maxout(3), es.Dense(rng.normal(size=(4, 2))),
         es.Clip(-1, 1)], (3,)
    )  # fmt: skip
    X, Y = rng.normal(size=(9, 3)) * 3, rng.normal(size=(5, 3)) * 3
    a, b = es.codes(net, X), es.codes(net, Y)
    want = (a[:, None] != b[None]).mean(axis=2)
    assert np.array_equal(es.vq_distance(net, X, Y), want)
    layers = es.vq_distance(net, X, Y, per_layer=True)
    assert layers.shape == (2, 9, 5)
    for layer, (i, j) in zip(layers, ((0, 2), (2, 6)), strict=True):
        assert np.array_equal(layer, (a[:, None, i:j] != b[None, :, i:j]).mean(axis=2))
    own = es.vq_distance(net, X)
    assert np.array_equal(own, own.T)
    assert not own.diagonal().any()
    assert es.vq_distance(net, X[0], Y).shape == (5,)
    assert es.vq_distance(net, X, Y[0], per_layer=True).shape == (2, 9)
    assert float(es.vq_distance(net, X[0], Y[0])) == want[0, 0]
    assert es.vq_distance(es.Network([], (1,)), [[1], [2]]).tolist() == [[0, 0], [0, 0]]
    assert es.vq_distance(net, np.zeros((0, 3)), Y).shape == (0, 5)


def test_vq_distance_is_zero_exactly_in_one_region():
    net = es.load(EXAMPLES / "moons.onnx")
    omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
    points_ = np.array([[float(v) for v in r.witness] for r in (omega[i] for i in range(30))])
    distance = es.vq_distance(net, points_, exact=True)
    assert np.array_equal(distance == 0, np.eye(30, dtype=bool))


# --- Other programs' numbers -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["moons.onnx", "digits/digits.onnx", "slice"])
def test_against_onnxruntime(path, tmp_path):
    if path == "slice":
        net = image_net()
        path = tmp_path / "net.onnx"
        net.to_onnx(path)
    else:
        path = EXAMPLES / path
        net = es.load(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    kind = np.float64 if "double" in source.type else np.float32
    shape = [n if isinstance(n, int) else 1 for n in source.shape]
    rng = np.random.default_rng(5)
    X = rng.uniform(-1, 1, size=(7, net.input_dim)).astype(kind)
    want = np.array([session.run(None, {source.name: x.reshape(shape)})[0].ravel() for x in X])
    for engine in ENGINES:
        for dtype in TYPES:
            core = es.ForwardCore(net, dtype, engine)
            got = core.forward(X, output_operator=True).reshape(7, -1)
            assert np.allclose(got, want, rtol=1e-4, atol=1e-5)


def test_against_torch():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(4, 3, 2, stride=2), torch.nn.LeakyReLU(0.1), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(3, 4), torch.nn.Hardtanh(), torch.nn.Linear(4, 2),
    ).double()  # fmt: skip
    net = es.from_torch(module, (2, 8, 8))
    X = torch.randn(50, 2, 8, 8, dtype=torch.float64)
    want = module(X).detach().numpy()
    jacobian = torch.func.vmap(torch.func.jacrev(module))(X[:, None]).detach().numpy()
    for engine in ENGINES:
        core = es.ForwardCore(net, engine=engine)
        out = core.run(X, affine=True, proved=True)
        assert np.allclose(out.values, want, rtol=1e-12, atol=1e-12)
        assert np.all(np.abs(out.values - want) <= 2 * out.error[:, None])
        assert np.allclose(out.A, jacobian.reshape(50, 2, 128), rtol=1e-10, atol=1e-12)
        assert out.proved.all()


# --- The public names ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    [
        "import exactspline.evaluate, exactspline.evaluate.functions, exactspline.evaluate.core",
        "import exactspline; from exactspline.evaluate import functions",
        "from exactspline import forward; import exactspline.network.network, exactspline.api",
    ],
)
def test_the_functions_are_functions_whatever_is_imported(order):
    code = (
        f"{order}\nimport exactspline as es, sys\n"
        "net = es.Network([es.ReLU()], (1,))\n"
        "assert es.forward(net, [2.0]).tolist() == [2.0]\n"
        "assert es.codes(net, [2.0]).tolist() == [1]\n"
        "assert 'numba' not in sys.modules and 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_small_calls_need_no_kernels_and_a_core_is_kept():
    net = es.Network([es.Dense([[1.0]]), es.ReLU()], (1,))
    from exactspline.evaluate import core_of

    assert core_of(net, None) is core_of(net, np.float64)
    es.forward(net, [1.0])
    assert core_of(net, None)._fast is None
    assert es.prepare(net)._fast is not None


PLAIN = """
import sys
import numpy as np
import exactspline as es
rng = np.random.default_rng(1)
net = es.Network([
    es.Dense(rng.normal(size=(30, 5))), es.ReLU(), es.Dense(rng.normal(size=(20, 30))), es.Abs(),
    es.Dense(rng.normal(size=(3, 20))),
], (5,))
X = rng.normal(size=(5000, 5))
core = es.prepare(net)
found = core.forward(X), core.codes(X), *core.affine_maps(X[:50])
np.savez(sys.argv[1], *found)
print(core._fast is None)
"""


@pytest.mark.slow
def test_memory_goes_with_the_network():
    """No collector is needed: a core and its arrays go when the last name does."""
    X = np.ones((5, 3))
    gc.disable()
    try:
        for kept in (False, True):
            net = es.Network([es.Dense(np.ones((4, 3))), es.ReLU()], (3,))
            core = core_of(net, None) if kept else es.prepare(net)
            core.load()
            core.run(X, affine=True, proved=True, exact=True)
            core.point(X[0])
            es.forward(net, X)
            gone = [weakref.ref(a) for a in (core, core._fast, core._fast.plan.F)]
            del core
            assert all((a() is None) == (not kept) for a in gone)
            program = weakref.ref(net.program)
            del net
            assert all(a() is None for a in (*gone, program))
    finally:
        gc.enable()


def test_both_ways_compute_the_same(tmp_path):
    """Compiled passes, and NumPy where the inside of Numba is not to be used."""
    said = {}
    for plain in ("0", "1"):
        env = {**os.environ, "EXACTSPLINE_PLAIN_KERNELS": plain}
        env["PYTHONPATH"] = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        name = str(tmp_path / f"{plain}.npz")
        done = subprocess.run(
            [sys.executable, "-c", PLAIN, name], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(plain == "1")
        said[plain] = list(np.load(name).values())
    for fast, slow in zip(*said.values(), strict=True):
        assert np.allclose(fast, slow, rtol=1e-12, atol=1e-12)


def test_kernels_that_are_not_to_be_used(monkeypatch):
    monkeypatch.setenv("EXACTSPLINE_PLAIN_KERNELS", "1")
    with pytest.raises(es.ParameterError, match="EXACTSPLINE_PLAIN_KERNELS is set; give engine="):
        es.ForwardCore(es.Network([es.ReLU()], (1,)), engine="numba")
