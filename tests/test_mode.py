"""The processor's mode: whatever the caller's is, results are right, and it stays the caller's."""

from __future__ import annotations

import importlib
import random
import struct
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import modes
import naive
import numpy as np
import pytest
import random_networks as nets
from modes import FLUSH, Mode, in_mode

import exactspline as es
from exactspline import bounds, mode
from exactspline.cells.point import code_at
from exactspline.cli import main
from exactspline.compile.forms import Forms
from exactspline.evaluate import plain
from exactspline.partition.points import signs
from exactspline.rationals import as_fractions, exact_array, to_fraction
from exactspline.search.choice import engine_names
from exactspline.tasks.workers import end, processes

SOME = [FLUSH, Mode("up"), Mode("down", True, True), Mode("zero")]


ENGINES = engine_names()


BIAS = [0.0, -1e-310]  # made here, in standard mode; so are all numbers below


def network() -> es.Network:
    """Bends at 0 and at 1e-310: three regions on R."""
    return es.Network([es.Dense([[1.0], [1.0]], BIAS), es.ReLU()], (1,))


THREE = [[0, 0], [1, 0], [1, 1]]


def of_bits(value: float) -> Fraction:
    """A float64 as a rational, in integers."""
    (bits,) = struct.unpack("Q", struct.pack("d", value))
    exponent, mantissa = bits >> 52 & 2047, bits & (2**52 - 1)
    size = Fraction(mantissa + (2**52 if exponent else 0)) * Fraction(2) ** (
        max(exponent, 1) - 1075
    )
    return -size if bits >> 63 else size


@pytest.mark.parametrize("other", modes.OTHERS, ids=str)
def test_every_other_mode_is_told_and_restored(other):
    assert modes.current() == Mode()
    assert mode.is_standard()
    seen = []
    look = mode.guarded(lambda: seen.append((modes.current(), mode.is_standard())))
    with in_mode(other):
        told = mode.is_standard()
        look()
    assert not told
    assert seen == [(Mode(), True)]


def test_the_mode_is_restored_after_an_error():
    @mode.guarded
    def fail():
        raise KeyError(modes.current())

    with in_mode(FLUSH), pytest.raises(KeyError) as caught:
        fail()
    assert caught.value.args == (Mode(),)


def test_guarded_calls_inside_of_others():
    inner = mode.guarded(lambda: modes.current())
    outer = mode.guarded(lambda: (inner(), modes.current(), inner()))
    with in_mode(Mode("up", True, True)):
        assert outer() == (Mode(),) * 3


def test_after_torch_flushes_denormals():
    import torch

    third = [Fraction(1, 3) * to_fraction(-BIAS[1])]
    points = [[5e-311], [1e-310], [2e-310], [0.0], [-5e-324], [1.0]]
    try:
        assert torch.set_flush_denormal(True)
        assert not mode.is_standard()
        net = network()
        counts = [es.count_regions(net, engine=engine) for engine in ENGINES]
        value = net.forward(third)
        out = es.forward_core(net, points, proved=True)
        sure = es.forward_core(net, points, exact=True)
        codes = es.codes(net, points, exact=True)
        assert not mode.is_standard()
    finally:
        torch.set_flush_denormal(False)
    assert counts == [3] * len(ENGINES)
    assert list(value) == [third[0], 0]
    right = [naive.code_at(TWIN, [of_bits(x)]) for (x,) in points]
    assert [tuple(c) for c in codes.tolist()] == right
    assert [tuple(c) for c in sure.codes.tolist()] == right
    assert sure.proved.all()
    for code, proved, expected in zip(out.codes.tolist(), out.proved, right, strict=True):
        assert not proved or tuple(code) == expected
    assert out.proved[-1]


TWIN = [naive.Layer([[1], [1]], [Fraction(0), of_bits(BIAS[1])], [naive.relu(0), naive.relu(1)])]


@pytest.mark.parametrize("other", SOME, ids=str)
def test_parameters_and_points_are_read_from_their_bits(other):
    values = np.array([5e-324, -1e-310, 0.0, -0.0, 2.0**-1022, 1.5, 1e300])
    narrow = np.frombuffer(np.array([1, 0x80000007, 0x007FFFFF, 0x00800000], "u4"), "f4")
    right = [of_bits(v) for v in values.tolist()]
    right_narrow = [Fraction(s, 2**149) for s in (1, -7, 2**23 - 1, 2**23)]
    with in_mode(other):
        # not guarded: from the bits by themselves
        assert [to_fraction(v) for v in values] == right
        assert [to_fraction(v) for v in values.tolist()] == right
        assert as_fractions(values).tolist() == right
        assert [to_fraction(v) for v in narrow] == right_narrow
        wide = exact_array(narrow)
        same = exact_array(values)
    assert [of_bits(v) for v in wide.tolist()] == right_narrow
    there_is_one_zero = [*values[:3], 0.0, *values[4:]]
    assert same.view(np.int64).tolist() == np.array(there_is_one_zero).view(np.int64).tolist()


def tiny_spec(seed: int) -> tuple[nets.Spec, nets.DomainPair]:
    """A network whose breakpoints are subnormal numbers apart, and a domain."""
    rng = random.Random(7_100 + seed)
    dim = rng.choice((1, 2))
    widths = [rng.randint(2, 4) for _ in range(rng.choice((1, 2)))]
    spec = nets.random_spec(rng, dim, widths, rng.choice(("integer", "dyadic")))
    scale = Fraction(2) ** -rng.randint(1030, 1068)
    for kind, *rest in spec.steps:
        if kind == "dense":
            W, b = rest
            b[:] = [v * scale for v in b]
            if len(widths) == 1 and rng.random() < 0.3:
                W[:] = [[v * scale for v in row] for row in W]
    if any(kind == "scalar" for kind, *_ in spec.steps):
        return tiny_spec(seed + 1000)  # its breakpoints are not small
    side = rng.choice((Fraction(1), scale * 16))
    box = es.Box([float(-side)] * dim, [float(side)] * dim)
    pair = nets.whole(dim) if rng.random() < 0.5 else (box, ("box", [-side] * dim, [side] * dim))
    return spec, pair


def counted(seed: int, other: Mode) -> None:
    spec, (domain, plain_domain) = tiny_spec(seed)
    expected = naive.codes(nets.twin(spec), plain_domain)
    engine = ENGINES[seed % len(ENGINES)]
    with in_mode(other):  # the network, too, is made in that mode
        net = nets.network(spec)
        own = es.Box(domain.low, domain.high) if isinstance(domain, es.Box) else domain
        omega = es.enumerate_regions(net, own, engine=engine)
        other_engine = ENGINES[(seed + 1) % len(ENGINES)]
        codes, count = omega.codes, es.count_regions(net, own, engine=other_engine)
        at = [region.code.tolist() for region in es.regions_at(net, omega.witness(0), own)]
    assert [tuple(c) for c in codes.tolist()] == expected, (seed, spec, plain_domain)
    assert count == len(expected)
    assert at == [list(expected[0])]


@pytest.mark.parametrize("seed", range(24))
def test_networks_with_subnormal_numbers_against_the_twin(seed):
    counted(seed, FLUSH if seed % 2 else modes.OTHERS[seed % len(modes.OTHERS)])


def test_those_networks_are_misread_without_the_guard():
    """What the guard is for: the numbers of most of the networks above vanish in that mode."""
    lost = 0
    for seed in range(24):
        spec, _ = tiny_spec(seed)
        numbers = [b for kind, *rest in spec.steps if kind == "dense" for b in rest[1] if b]
        floats = np.array([float(b) for b in numbers])
        with in_mode(FLUSH):
            lost += bool(np.any(floats * 1.0 == 0))
    assert lost >= 12


@pytest.mark.parametrize("other", SOME, ids=str)
def test_partition_methods(other):
    net, box = network(), es.Box([-1.0], [1.0])
    rng = np.random.default_rng(3)
    points = np.concatenate([[-1e-310, 0.0, 5e-311, 1e-310, 2e-310, 1.0], rng.uniform(-1, 1, 5)])
    right = [sorted(set(naive_regions(x))) for x in points.tolist()]
    with in_mode(other):
        omega = es.enumerate_regions(net, box)
        found = omega.locate(points[:, None])
        regions = list(omega)
        facets = [region.facets() for region in regions]
        inside = [[r.contains([x], closure=True) for r in regions] for x in points.tolist()]
        maps = [region.affine(exact=True)[1].tolist() for region in regions]
        edges = np.stack([omega.edges.source, omega.edges.target], axis=1).tolist()
        witnesses = [omega.edges.witness(e) for e in range(len(omega.edges))]
        volumes = [region.volume() for region in regions]
        groups = omega.linear_regions().count
        report = omega.check_euler()
    assert omega.codes.tolist() == THREE
    assert [sorted(np.flatnonzero(row).tolist()) for row in inside] == right
    assert [int(i) for i in found.region] == [r[0] for r in right]
    assert edges == [[0, 1], [1, 2]]
    assert witnesses == [(0,), (of_bits(-BIAS[1]),)]
    assert volumes == [1, of_bits(-BIAS[1]), 1 - of_bits(-BIAS[1])]
    assert [len(f) for f in facets] == [2, 2, 2]
    assert maps == [[0, 0], [0, 0], [0, of_bits(BIAS[1])]]
    assert groups == 3
    assert report.holds


def naive_regions(x: float) -> list[int]:
    """The regions whose closure holds a point, by the two breakpoints."""
    at, break_ = of_bits(x), of_bits(-BIAS[1])
    return [i for i, holds in enumerate((at <= 0, 0 <= at <= break_, at >= break_)) if holds]


def test_workers_of_a_flushed_parent():
    domain = es.Box([-1.0], [1.0])
    with in_mode(FLUSH):
        net = network()
        pool = processes(2)
        try:
            count = es.count_regions(net, domain, executor=pool)
            omega = es.enumerate_regions(net, domain, executor=pool, engine="rational")
        finally:
            end(pool)
    assert count == 3
    assert omega.codes.tolist() == THREE


def flushed_task() -> tuple[Mode, int]:
    """What a worker finds and counts once something in it has changed its mode."""
    found = modes.current()
    modes.put(FLUSH)
    return found, int(es.count_regions(network(), engine="rational"))


@pytest.mark.parametrize("other", [Mode(), FLUSH], ids=str)
def test_workers_that_are_forked_during_a_call(other):
    pool = processes(1)
    try:
        with in_mode(other):
            assert mode.guarded(lambda: pool.submit(flushed_task).result())()[1] == 3
            assert pool.submit(flushed_task).result() == (FLUSH, 3)
            assert es.count_regions(network(), engine="rational", executor=pool) == 3
    finally:
        end(pool)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_with_a_mode_of_their_own(engine):
    seen = set()
    with ThreadPoolExecutor(2, initializer=modes.put, initargs=(FLUSH,)) as pool:
        assert pool.submit(modes.current).result() == FLUSH
        assert es.count_regions(network(), engine=engine, executor=pool) == 3
        for _ in range(8):
            seen.add(pool.submit(modes.current).result())
    assert seen == {FLUSH}


def test_evaluation_in_a_flushed_thread():
    net, points = network(), np.array([[5e-311], [2e-310], [1.0]])
    out: list[np.ndarray] = []

    def work() -> None:
        modes.put(FLUSH)
        core = es.prepare(net, threads=2)
        out.append(core.codes(np.repeat(points, 400, axis=0)))
        out.append(np.array([core.point(x)[1] for x in points]))
        out.append(core.forward(points))
        assert modes.current() == FLUSH

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(out) == 3
    assert out[0].tolist() == np.repeat([[1, 0], [1, 1], [1, 1]], 400, axis=0).tolist()
    assert out[1].tolist() == [[1, 0], [1, 1], [1, 1]]
    assert out[2][:, 0].tolist() == points[:, 0].tolist()
    assert out[2][:, 1].tolist() == [0.0, points[1, 0] + BIAS[1], 1.0]


@pytest.mark.parametrize("other", SOME, ids=str)
def test_one_sample_in_another_mode(other):
    """Compiled code tells the mode by itself, and does nothing in another one."""
    core, x = es.prepare(network()), np.array([2e-310])
    value, code = core.point(x)
    one, empty = core._sample, (np.full(2, 7.0), np.full(2, 7, np.uint8))
    assert one is not None
    with in_mode(other):
        taken = one.kernel(one.table, x, *empty)
        again = core.point(x)
    assert not taken
    assert empty[0].tolist() == [7, 7]
    assert again[0].tobytes() == value.tobytes()
    assert again[1].tolist() == code.tolist() == [1, 1]
    assert one.kernel(one.table, x, *empty)


@pytest.mark.parametrize("other", [Mode(), *SOME], ids=str)
def test_the_callers_mode_holds_between_the_items_of_a_stream(other):
    net = network()
    seen, codes = [], []
    with in_mode(other):
        stream = es.stream_regions(net)
        for region in stream:
            seen.append(modes.current())
            codes.append(region.code.tolist())
        for batch in es.stream_regions(net).batches():
            seen.append(modes.current())
            codes += batch.codes.tolist()
        omega = es.enumerate_regions(net)
        for items in (omega, omega.iter_codes(1), omega.iter_affine_pieces(1)):
            seen += [modes.current() for _ in items]
        half = iter(es.stream_regions(net))
        next(half)
        half.close()
        seen.append(modes.current())
        run_checks = importlib.import_module("exactspline.theory.run").run_checks
        for finding in run_checks(net, names=["convexity", "VQ"]):
            seen.append(modes.current())
            assert finding.report.verdict == "holds"
    assert codes == THREE + THREE
    assert len(seen) >= 14
    assert set(seen) == {other}


@pytest.mark.parametrize("other", [Mode(), FLUSH], ids=str)
def test_functions_of_the_caller_run_in_the_callers_mode(other):
    seen, inner = [], []

    def progress(run):
        seen.append((modes.current(), np.geterr()["divide"]))
        inner.append(es.count_regions(network(), engine="rational"))
        seen.append((modes.current(), np.geterr()["divide"]))

    with in_mode(other), np.errstate(divide="raise"):
        assert es.count_regions(network(), progress=progress) == 3
        es.enumerate_regions(network(), progress=progress)
        list(es.stream_regions(network(), progress=progress))
    assert len(seen) >= 6
    assert set(seen) == {(other, "raise")}
    assert set(inner) == {3}


def test_numpys_settings_break_and_flood_nothing():
    net = es.Network(
        [es.Dense([[1e200, -1e200], [1e-200, 1e-300]], [1e-310, 0.0]), es.ReLU(),
         es.Dense([[1e200, 1e-200]], [0.0]), es.ReLU()], (2,),
    )  # fmt: skip
    before = dict.fromkeys(np.geterr(), "raise")
    with warnings.catch_warnings(), np.errstate(**before):
        warnings.simplefilter("error")
        omega = es.enumerate_regions(net, graph=True)
        count = es.count_regions(net, engine="rational")
        net.forward([[1.0, 2.0]])
        es.codes(net, [[1e-310, 1e-320], [1e-3, 1.0]], exact=True)
        assert np.geterr() == before
    assert len(omega) == count


def test_the_command_line(tmp_path, capsys):
    network().save(tmp_path / "net.json")
    with in_mode(FLUSH):
        assert main(["count", str(tmp_path / "net.json")]) == 0
    assert "3" in capsys.readouterr().out.split()


def test_a_process_that_flushes_before_anything_is_loaded():
    script = (
        "import modes; modes.put(modes.Mode('up', True, True))\n"
        "import exactspline as es\n"
        "assert modes.current() == modes.Mode('up', True, True)\n"
        "from exactspline.partition.points import signs\n"
        "from exactspline.theory import zaslavsky\n"
        "net = es.Network([es.Dense([['1'], ['1']], ['0', '-1e-310']), es.ReLU()], (1,))\n"
        "print(es.count_regions(net, engine='rational'), signs._EXACT.hex(), signs._U.hex())\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=modes.__file__.rpartition("/")[0],
    )  # fmt: skip
    assert out.stdout.split() == ["3", "0x1.0000000000000p+53", "0x1.0000000000000p-53"]


@pytest.fixture(params=["no library", "no effect"])
def _unsettable(request, monkeypatch):
    class NoEffect(mode._Fenv):
        def __init__(self) -> None:
            super().__init__()
            self.put = lambda environment: 0

    def missing():
        raise OSError("no C library with fesetenv was found")

    monkeypatch.setattr(mode, "_fenv", missing if request.param == "no library" else NoEffect)


@pytest.mark.usefixtures("_unsettable")
def test_what_cannot_be_set_is_refused():
    net, omega = network(), es.enumerate_regions(network())
    with in_mode(FLUSH):
        for call in (
            lambda: es.count_regions(net), lambda: es.enumerate_regions(net),
            lambda: es.Dense([[1.0]]), lambda: es.Box([0.0], [1.0]), lambda: net.forward([1.0]),
            lambda: es.codes(net, [1.0], exact=True), lambda: omega.codes, lambda: omega[0],
            lambda: es.load("net.json"), lambda: es.regions_at(net, [0]),
            lambda: es.theory.check_vq(net), lambda: bounds.upper_bounds(net),
        ):  # fmt: skip
            with pytest.raises(es.FloatingPointModeError, match="set_flush_denormal"):
                call()
    assert es.count_regions(net) == 3  # standard: nothing is to be set


@pytest.mark.usefixtures("_unsettable")
def test_the_command_line_refuses(tmp_path, capsys):
    network().save(tmp_path / "net.json")
    with in_mode(FLUSH):
        assert main(["count", str(tmp_path / "net.json")]) == 2
    assert "does not compute as IEEE 754 says" in capsys.readouterr().err


def test_a_mode_that_changes_during_the_work():
    @mode.guarded
    def load():
        modes.put(FLUSH)

    for other in (Mode(), Mode("up")):
        with in_mode(other), pytest.raises(es.FloatingPointModeError, match="call again"):
            load()


class Elsewhere:
    """A matrix whose products from the left are made in a mode of their own."""

    __array_ufunc__ = None

    def __init__(self, matrix: np.ndarray, other: Mode) -> None:
        self.matrix, self.other = matrix, other

    def __rmatmul__(self, left: np.ndarray) -> np.ndarray:
        with in_mode(self.other):
            return left @ self.matrix


def small_forms(rng: np.random.Generator) -> tuple[Forms, np.ndarray]:
    """Forms and points with numbers around the least normal one, and their mirror images."""
    n, width = 6, 5
    low = int(rng.integers(-1074, -1000))
    data = np.ldexp(rng.integers(-3, 4, n * width).astype(float), low)
    const = np.ldexp(rng.integers(-3, 4, n).astype(float), int(rng.integers(-1074, -1000)))
    high = int(rng.choice([-low - 1074, -low - 1060, -low, 0]))
    points = np.ldexp(rng.integers(-3, 4, (40, width)).astype(float), min(high, 900))
    if rng.random() < 0.5:  # small points, large forms
        data, points = np.resize(points, n * width), np.resize(data, (40, width))
    indices = np.tile(np.arange(width), n)
    return Forms(np.arange(n + 1) * width, indices, data, const, width), points


@pytest.mark.parametrize(
    "other",
    [FLUSH, *(pytest.param(mode, marks=pytest.mark.slow) for mode in (Mode(), *SOME[1:]))],
    ids=str,
)
def test_bounds_hold_whatever_threads_of_blas_flush(other):
    rng = np.random.default_rng(11)
    claimed = 0
    for _ in range(150):
        forms, points = small_forms(rng)
        floats = signs.FloatForms(forms)
        for name in ("matrix", "sizes", "reads"):
            setattr(floats, name, Elsewhere(getattr(floats, name), other))
        with np.errstate(all="ignore"):
            values, error = floats(points, np.zeros(points.shape), exact=True)
            claimed += int((error == 0).sum())
        weights = as_fractions(forms.data).reshape(len(forms), -1)
        right = as_fractions(points) @ weights.T + as_fractions(forms.const)
        off = np.abs(as_fractions(values) - right)
        finite = np.isfinite(error)
        assert np.all(off[finite] <= as_fractions(error[finite]))
    assert claimed > 1000


@pytest.mark.parametrize("other", [Mode(), *SOME], ids=str)
def test_running_bounds_hold_whatever_threads_of_blas_flush(other, monkeypatch):
    make = plain._matrix
    monkeypatch.setattr(plain, "_matrix", lambda level: Elsewhere(make(level), other))
    rng = np.random.default_rng(12)
    proved = 0
    for k in range(25):
        first = np.ldexp(rng.integers(-3, 4, (5, 3)).astype(float), int(rng.integers(-1060, -990)))
        bias = np.ldexp(rng.integers(-3, 4, 5).astype(float), -1070)
        second = rng.normal(size=(3, 5)) * (2.0 ** int(rng.integers(0, 900)) if k % 2 else 1.0)
        net = es.Network([es.Dense(first, bias), es.ReLU(), es.Dense(second)], (3,))
        X = np.ldexp(rng.normal(size=(12, 3)), int(rng.choice([0, 40, 80])))
        core = es.evaluate.ForwardCore(net, engine="numpy")
        out = core.run(X, proved=True)
        right = net.forward(as_fractions(X), exact=True)
        finite = np.isfinite(out.error)
        off = np.abs(as_fractions(out.values) - right).max(axis=1)
        assert np.all(off[finite] <= as_fractions(out.error[finite]))
        for x, code in zip(X[out.proved], out.codes[out.proved], strict=True):
            assert code.tolist() == code_at(net.program, as_fractions(x).tolist())[0].tolist()
            proved += 1
    assert proved > 30
