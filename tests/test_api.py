"""The public Python functions: results and their attributes, limits, errors, evaluation."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from folders import ROOT

import exactspline as es
from exactspline.cells.point import code_at
from exactspline.search.choice import engine_names

F = Fraction


def random_network(widths, seed, activation=es.ReLU):
    rng = np.random.default_rng(seed)
    operators = []
    for n_in, n_out in pairwise(widths):
        operators += [
            es.Dense(rng.standard_normal((n_out, n_in)), rng.standard_normal(n_out)),
            activation(),
        ]
    return es.Network(operators, (widths[0],))


NET = random_network([3, 8, 8], 1)
LARGE = random_network([8, 16, 16, 16], 2)  # far more regions than a test should see
BOX = es.Box(-1, 1, dim=3)


# --------------------------------------------------------------------------- results
def test_region_count():
    count = es.count_regions(NET, BOX)
    assert isinstance(count, int)
    assert count == len(es.enumerate_regions(NET, BOX))
    assert count + 1 == int(count) + 1
    assert count.complete is True
    assert count.engine == "kernel"
    assert count.domain is BOX
    assert count.seconds > 0
    tiers = count.decisions
    assert tiers.total == tiers.float + tiers.integer + tiers.double_double + tiers.rational
    assert count.decisions.total >= count


def test_default_domain_is_the_whole_space():
    count = es.count_regions(NET)
    assert count.domain.describe() == "all of R^3"
    assert count >= es.count_regions(NET, BOX)


def test_partition():
    omega = es.enumerate_regions(NET, BOX)
    n = len(omega)
    assert omega.network is NET
    assert omega.domain is BOX
    assert omega.complete is True
    assert omega.seconds > 0
    assert omega.decisions.total >= n
    assert repr(omega) == f"<Partition of {n:,} regions>"
    assert omega.codes.dtype == np.uint8
    assert omega.codes.shape == (n, NET.units)
    assert omega.codes.max() == 1
    assert omega.witnesses.dtype == np.float64
    assert omega.witnesses.shape == (n, 3)
    assert len(np.unique(omega.codes, axis=0)) == n


def test_order_is_lexicographic_and_the_same_every_time():
    omega = es.enumerate_regions(NET, BOX)
    codes = omega.codes.tolist()
    assert codes == sorted(codes)
    again = es.enumerate_regions(NET, BOX)
    assert again.codes.tolist() == codes
    assert again.witnesses.tolist() == omega.witnesses.tolist()


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize("domain", [None, es.Box(-1, 1, dim=2), es.Box([0, 0], [0, 1])])
def test_engines_agree(engine, domain):
    net = random_network([2, 5, 4], 3)
    first = es.enumerate_regions(net, domain)
    other = es.enumerate_regions(net, domain, engine=engine)
    assert other.engine == engine
    assert other.complete
    assert other.codes.tolist() == first.codes.tolist()
    check_witnesses(other)


def check_witnesses(omega):
    """Every witness is strictly inside its region, exactly."""
    points = omega.points(exact=True)
    for code, point in zip(omega.codes, points, strict=True):
        found, on_boundary = code_at(omega.network.program, list(point))
        assert not on_boundary
        assert found.tolist() == code.tolist()


@pytest.mark.parametrize(
    "domain",
    [
        None,
        BOX,
        es.Box([-1, "1/3", -1], [1, "1/3", 1]),
        es.Polytope([[1, 1, 1], [-1, -1, -1], [1, 0, 0]], [1, -1, 1]),
        es.Slice([0, 0, "1/7"], [[1, 1, 0], [0, "1/3", 1]], es.Box([-3, -3], [3, 3])),
    ],
)
def test_witnesses_are_inside_exactly(domain):
    omega = es.enumerate_regions(NET, domain)
    check_witnesses(omega)
    k = omega.domain.chart.dim
    assert omega.witnesses.shape == (len(omega), k)
    exact = omega.points(exact=True)
    assert exact.shape == (len(omega), 3)
    assert all(isinstance(v, F) for v in exact.reshape(-1))
    assert np.allclose(omega.points(), exact.astype(np.float64))
    for i in (0, len(omega) - 1, -1):
        assert omega.domain.chart.lift(omega.witness(i)) == exact[i].tolist()


def test_witness_of_no_region():
    omega = es.enumerate_regions(NET, BOX)
    with pytest.raises(IndexError, match="region"):
        omega.witness(len(omega))
    with pytest.raises(IndexError):
        omega.witness(-len(omega) - 1)


def test_points_of_a_box_are_the_witnesses():
    omega = es.enumerate_regions(NET, BOX)
    assert omega.points().tolist() == omega.witnesses.tolist()


def test_sliver_has_a_rational_witness():
    """Between 1/3 and the next float64 above it lies no float64."""
    third = F(1, 3)
    above = F(np.nextafter(float(third), 1.0))
    net = es.Network([es.Dense([[1], [1]], [-third, -above]), es.ReLU()], (1,))
    omega = es.enumerate_regions(net)
    assert omega.codes.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert list(omega.exact_witnesses) == [1]
    assert third < omega.witness(1)[0] < above
    assert omega.points(exact=True)[1, 0] == omega.witness(1)[0]
    check_witnesses(omega)


def test_unpacking_is_limited(monkeypatch):
    omega = es.enumerate_regions(NET, BOX)
    codes = omega.codes
    monkeypatch.setattr("exactspline.partition.columns.table.UNPACK_LIMIT", codes.nbytes - 1)
    with pytest.raises(es.LimitError, match=r"iter_codes\(\)"):
        _ = omega.codes
    chunks = list(omega.iter_codes(chunk=7))
    assert all(len(chunk) == 7 for chunk in chunks[:-1])
    assert np.concatenate(chunks).tolist() == codes.tolist()


def test_codes_are_kept_packed():
    omega = es.enumerate_regions(random_network([4, 10, 10], 5))
    assert omega._codes.nbytes <= len(omega) * 3  # 20 bits a region


# --------------------------------------------------------------- streaming and limits
def test_stream_gives_the_same_regions():
    omega = es.enumerate_regions(NET, BOX)
    stream = es.stream_regions(NET, BOX)
    assert isinstance(stream, es.RegionStream)
    assert stream.complete is False
    regions = list(stream)
    assert stream.complete is True
    assert [r.index for r in regions] == list(range(len(omega)))
    assert [r.code.tolist() for r in regions] == omega.codes.tolist()
    assert [r.witness.tolist() for r in regions] == omega.witnesses.tolist()
    assert all(r.exact_witness is None for r in regions)
    assert stream.decisions.total >= len(omega)


def test_stream_can_be_left():
    stream = es.stream_regions(LARGE)
    for region in stream:
        if region.index == 99:
            break
    assert stream.complete is False


def test_stream_in_batches():
    stream = es.stream_regions(NET, BOX)
    batches = list(stream.batches())
    assert np.concatenate([b.codes for b in batches]).tolist() == (
        es.enumerate_regions(NET, BOX).codes.tolist()
    )


@pytest.mark.parametrize("engine", engine_names())
def test_limit_is_marked(engine):
    full = es.enumerate_regions(NET, BOX)
    if engine == "plane":
        with pytest.raises(es.ParameterError, match="up to 2 dimensions"):
            es.count_regions(NET, BOX, limit=10, engine=engine)
        return
    count = es.count_regions(NET, BOX, limit=10, engine=engine)
    assert count == 10
    assert count.complete is False
    omega = es.enumerate_regions(NET, BOX, limit=10, engine=engine)
    assert len(omega) == 10
    assert omega.complete is False
    assert repr(omega) == "<Partition of 10 regions (lower bound)>"
    assert omega.codes.tolist() == full.codes[:10].tolist()


def test_limit_that_is_not_reached():
    full = es.count_regions(NET, BOX)
    count = es.count_regions(NET, BOX, limit=full + 1)
    assert count == full
    assert count.complete is True


def test_time_limit_is_marked():
    count = es.count_regions(LARGE, time_limit=0.3)
    assert count.complete is False
    assert count > 0
    assert count.seconds < 30
    omega = es.enumerate_regions(LARGE, time_limit=0)
    assert omega.complete is False
    codes = omega.codes[:200].tolist()
    assert codes == sorted(codes)


def test_progress_is_called():
    seen = []
    count = es.count_regions(
        random_network([5, 12, 12], 4), progress=lambda run: seen.append((run.regions, run.share))
    )
    assert seen[-1] == (count, 1.0)
    assert seen == sorted(seen)


# ------------------------------------------------------------------- degenerate inputs
@pytest.mark.parametrize(
    "operators", [[], [es.Dense([[1, 2]], [3])], [es.Dense([[1, 2]]), es.LeakyReLU(1)]]
)
def test_network_without_units_is_one_region(operators):
    net = es.Network(operators, (2,))
    assert net.units == 0
    count = es.count_regions(net)
    assert (count, count.complete, count.engine) == (1, True, "exact")
    omega = es.enumerate_regions(net, es.Box([0, 0], [1, "1/3"]))
    assert len(omega) == 1
    assert omega.codes.shape == (1, 0)
    assert omega.witnesses.shape == (1, 2)


def test_one_point_domain_is_one_region():
    point = es.Box([0, "1/3", 2], [0, "1/3", 2])
    omega = es.enumerate_regions(NET, point)
    assert len(omega) == 1
    assert omega.complete
    assert omega.witnesses.shape == (1, 0)
    assert omega.points(exact=True).tolist() == [[0, F(1, 3), 2]]
    assert omega.codes.shape == (1, NET.units)


def test_784_inputs_and_10_units():
    """A problem of dimension 10, on all of R^784."""
    rng = np.random.default_rng(0)
    net = es.Network(
        [
            es.Flatten(),
            es.Dense(rng.standard_normal((10, 784)).astype(np.float32), rng.standard_normal(10)),
            es.ReLU(),
        ],
        (28, 28),
    )
    start = time.perf_counter()
    omega = es.enumerate_regions(net)
    assert len(omega) == 2**10
    assert omega.witnesses.shape == (1024, 784)
    assert time.perf_counter() - start < 60
    for i in (0, 500, 1023):
        code, on_boundary = code_at(net.program, list(omega.witness(i)))
        assert code.tolist() == omega.codes[i].tolist()
        assert not on_boundary


def test_units_that_never_change():
    net = es.Network([es.Dense([[1], [0], [0]], [0, 1, -1]), es.ReLU()], (1,))
    assert es.enumerate_regions(net).codes.tolist() == [[0, 1, 0], [1, 1, 0]]


# ----------------------------------------------------------------------------- errors
def test_models_of_others_are_told_how():
    import torch
    from sklearn.neural_network import MLPClassifier

    with pytest.raises(es.ShapeError, match=r"not a Linear; make one by from_torch\(module"):
        es.count_regions(torch.nn.Linear(2, 1))
    with pytest.raises(es.ShapeError, match=r"from_sklearn\(estimator"):
        es.enumerate_regions(MLPClassifier())
    with pytest.raises(es.ParameterError, match="from_torch"):
        es.verify(torch.nn.Linear(2, 1), "property.vnnlib")


def test_errors_have_one_root():
    for name in es.__all__:
        item = getattr(es, name)
        if isinstance(item, type) and issubclass(item, Exception):
            assert issubclass(item, es.ExactSplineError)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: es.count_regions("net.onnx"), es.ShapeError, r"Network is needed.*load\(path"),
        (lambda: es.count_regions(NET, [0, 1]), es.ShapeError, r"a domain is needed.*Box\(low"),
        (lambda: es.count_regions(NET, es.Box(0, 1)), es.ShapeError, r"R\^1.*3 inputs.*dim=3"),
        (lambda: es.count_regions(NET, limit=0), es.ParameterError, "limit 0"),
        (lambda: es.count_regions(NET, limit=True), es.ParameterError, "limit True"),
        (lambda: es.count_regions(NET, time_limit=-1), es.ParameterError, "time_limit -1"),
        (
            lambda: es.count_regions(NET, time_limit=float("nan")),
            es.ParameterError,
            "time_limit nan",
        ),
        (lambda: es.count_regions(NET, engine="gpu"), es.ParameterError, "gpu.*kernel"),
        (
            lambda: es.count_regions(NET, es.Polytope([[1, 0, 0], [-1, 0, 0]], [0, -1])),
            es.DomainError,
            "empty",
        ),
        (lambda: es.load("net.h5"), es.FormatError, "extension"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (
            lambda: es.Network([es.Dense([[1, 2]]), es.Dense([[1, 2]], name="head")], (2,)),
            ["operator 1", "'head'", "Dense", "(1, 2)", "(1,)"],
        ),
        (
            lambda: es.Network([es.Dense([[1, 2]])], (3,)),
            ["operator 0", "Dense", "(1, 2)", "(3,)"],
        ),
        (
            lambda: es.Network([es.ReLU(), es.PReLU([1, 2])], (3,)),
            ["operator 1", "PReLU", "(2,)", "(3,)"],
        ),
        (
            lambda: es.Network([es.Reshape((2, 2))], (3,)),
            ["operator 0", "Reshape", "(2, 2)", "(3,)"],
        ),
        (
            lambda: es.Network([es.Elementwise(shift=[1, 2])], (3,)),
            ["operator 0", "Elementwise", "(2,)", "(3,)"],
        ),
        (lambda: es.Dense([[1, 2]], [1, 2]), ["(2,)", "(1, 2)"]),
        (lambda: es.Dense([1, 2]), ["(2,)"]),
        (lambda: es.Network([3], (3,)), ["operator 0", "int"]),
        (lambda: NET.forward([1.0, 2.0]), ["(2,)", "(3,)"]),
    ],
)
def test_shape_errors_name_the_operator_and_both_shapes(make, parts):
    with pytest.raises(es.ShapeError) as caught:
        make()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_must_be_finite(value):
    with pytest.raises(es.ParameterError, match="finite"):
        es.Dense([[value]])
    with pytest.raises(es.ParameterError, match="finite"):
        es.LeakyReLU(value)
    with pytest.raises(es.ParameterError, match="NaN or infinity"):
        NET.forward([0.0, value, 0.0])


# ------------------------------------------------------------------------- evaluation
def plain_forward(layers, x):
    """The network by hand in Fractions: layers of (weight, bias, slope below 0 or None)."""
    for weight, bias, slope in layers:
        x = [
            sum((F(w) * v for w, v in zip(row, x, strict=True)), F(b))
            for row, b in zip(weight, bias, strict=True)
        ]
        if slope is not None:
            x = [v if v > 0 else slope * v for v in x]
    return x


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", ["float64", "float32", "integer", "fraction"])
def test_forward_is_exact_in_fractions(kind, seed):
    rng = np.random.default_rng(seed)
    widths = [3, 4, 5, 2]
    activations = [(es.ReLU(), F(0)), (es.LeakyReLU(F(1, 7)), F(1, 7)), (es.Abs(), F(-1))]
    operators, layers = [], []
    for i in range(3):
        shape = (widths[i + 1], widths[i])
        if kind == "integer":
            weight, bias = rng.integers(-5, 6, shape), rng.integers(-5, 6, shape[0])
        elif kind == "fraction":
            weight = [[F(int(p), 7) for p in row] for row in rng.integers(-9, 9, shape)]
            bias = [F(int(p), 3) for p in rng.integers(-9, 9, shape[0])]
        else:
            weight = rng.standard_normal(shape).astype(kind)
            bias = rng.standard_normal(shape[0]).astype(kind)
        activation, slope = activations[i]
        operators += [es.Dense(weight, bias), activation]
        numbers = [[F(v) if kind == "fraction" else F(v.item()) for v in row] for row in weight]
        layers.append((numbers, [F(v) if kind == "fraction" else F(v.item()) for v in bias], slope))
    net = es.Network(operators, (3,))
    x = [F(int(p), int(q)) for p, q in rng.integers(1, 50, (3, 2))]
    expected = plain_forward(layers, x)
    exact = net.forward(x)
    assert exact.dtype == object
    assert exact.tolist() == expected
    assert all(isinstance(v, F) for v in exact)
    rounded = net.forward([float(v) for v in x])
    assert rounded.dtype == np.float64
    assert np.allclose(rounded, [float(v) for v in expected])


def test_forward_exact_on_request():
    net = es.Network([es.Dense([[F(1, 3)]], [F(1, 10)])], (1,))
    assert net.forward([0.5], exact=True).tolist() == [F(4, 15)]
    assert net.forward([F(1, 2)], exact=False).dtype == np.float64


def test_forward_in_batches():
    net = es.Network([es.Flatten(), es.Dense(np.eye(4)[:2]), es.ReLU()], (2, 2))
    x = np.arange(12.0).reshape(3, 2, 2) - 5
    assert net.forward(x).tolist() == np.maximum(x.reshape(3, 4)[:, :2], 0).tolist()
    assert net.forward(x.reshape(3, 4)).tolist() == net.forward(x).tolist()
    assert net.forward(x[1]).tolist() == net.forward(x)[1].tolist()
    assert NET.forward(np.zeros((0, 3))).shape == (0, 8)


def test_attributes_of_a_network():
    assert (NET.input_dim, NET.output_dim, NET.units, NET.parameters) == (3, 8, 16, 104)
    assert repr(NET) == "<Network (3,) -> (8,), 4 operators>"
    assert NET.sha256 == random_network([3, 8, 8], 1).sha256
    assert NET.sha256 != random_network([3, 8, 8], 2).sha256


# -------------------------------------------------------------------------- documentation
def test_example_of_the_readme():
    """The numbers that README.md and examples/README.md state."""
    net = es.load(ROOT / "examples" / "moons.onnx")
    assert es.count_regions(net) == 479
    assert es.count_regions(net, es.Box([-2, "-1.5"], [3, 2])) == 281
    assert es.count_regions(net, engine="rational", limit=100) == 100


def test_the_citation_names_this_version():
    assert f"\nversion: {es.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_all_public_names_have_docstrings():
    for name in es.__all__:
        assert getattr(es, name).__doc__


def test_streaming_by_its_old_name():
    with pytest.warns(DeprecationWarning, match="stream_regions") as seen:
        stream = es.enumerate_regions(NET, BOX, stream=True)
    assert seen[0].filename == __file__
    expected = [region.code.tolist() for region in es.stream_regions(NET, BOX)]
    assert [region.code.tolist() for region in stream] == expected


def test_classes_of_results_have_names():
    omega = es.enumerate_regions(NET, BOX)
    assert type(omega) is es.Partition
    assert type(omega.edges) is es.Edges
    assert type(omega.decisions) is es.Decisions
    assert type(omega.linear_regions()) is es.RegionGroups
    assert set(es.results.__all__) <= set(es.__all__)
    assert all(getattr(es, name).__doc__ for name in es.results.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Partitions'"):
        _ = es.Partitions
