"""Powers of two taken out of a program: another program with the same regions."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.compile.program import Program
from exactspline.rationals import TINY, bounded_floats
from exactspline.search.choice import engine_names
from exactspline.search.kernel.problem import make_problem
from exactspline.search.scaling import EVERYDAY, scaled


def power(rng: random.Random, most: int) -> Fraction:
    return Fraction(2) ** rng.randint(-most, most)


def network(rng: random.Random, most: int) -> es.Network:
    """Affine operators, each with a magnitude of its own, between units of several kinds."""
    operators: list[es.Operator] = []
    n = dim = rng.choice([1, 2, 3])
    for _ in range(rng.randint(1, 3)):
        width = rng.choice([2, 4])
        size = power(rng, most)
        rows = [[size * rng.randint(-3, 3) for _ in range(n)] for _ in range(width)]
        operators.append(es.Dense(rows, [size * rng.randint(-2, 2) for _ in range(width)]))
        n = width
        kind = rng.randrange(5)
        if kind == 4:
            operators.append(es.Maxout(2))
            n //= 2
        else:
            operators.append(
                [es.ReLU(), es.LeakyReLU(Fraction(1, 3)), es.Abs(),
                 es.Clip(-power(rng, most), power(rng, most))][kind]
            )  # fmt: skip
    return es.Network(operators, (dim,))


def pieces_at(program: Program, x: list[Fraction]) -> list[int]:
    """Which pieces hold at a point, by the program's own tables; the lowest of those that do."""
    state, out = list(x), []
    for layer in program.layers:
        members = []
        for i in range(len(layer.members)):
            indices, data, total = layer.members.row(i)
            for j, v in zip(indices.tolist(), data.tolist(), strict=True):
                total += Fraction(v) * state[j]
            members.append(total)
        units, values = layer.units, []
        for k in range(len(units)):
            held = []
            for r in range(int(units.piece_start[k]), int(units.piece_start[k + 1])):
                value = Fraction(units.piece_slope[r]) * members[units.piece_member[r]]
                held.append(value + Fraction(units.piece_offset[r]))
            codes = piece_of(units, k, members)
            out.append(codes)
            values.append(held[codes])
        state = values + [state[j] for j in layer.keep.tolist()]
    return out


def piece_of(units, k: int, members: list[Fraction]) -> int:
    """The piece of unit k: of a scalar unit by its breakpoints, of a maximum by its members."""
    first, last = int(units.piece_start[k]), int(units.piece_start[k + 1])
    own = [members[m] for m in units.piece_member[first:last].tolist()]
    if len(set(units.piece_member[first:last].tolist())) > 1:
        return own.index(max(own))
    slopes = [Fraction(v) for v in units.piece_slope[first:last].tolist()]
    offsets = [Fraction(v) for v in units.piece_offset[first:last].tolist()]
    for r in range(last - first - 1):  # pieces meet where they are equal
        if own[0] <= (offsets[r] - offsets[r + 1]) / (slopes[r + 1] - slopes[r]):
            return r
    return last - first - 1


def test_the_scaled_program_takes_the_same_pieces():
    changed = 0
    for seed in range(60):
        rng = random.Random(seed)
        net = network(rng, 600)
        space = search_space(net.program, es.WholeSpace(net.input_dim).chart)
        other, moderate = scaled(net.program, space)
        changed += other is not net.program
        for _ in range(6):
            x = [Fraction(rng.randint(-4, 4)) * power(rng, 700) for _ in range(net.input_dim)]
            assert pieces_at(other, x) == pieces_at(net.program, x)
            first = [int(np.sign(value(moderate.first, i, x, space))) for i in range(2)]
            assert first == [int(np.sign(value(space.first, i, x, space))) for i in range(2)]
    assert changed > 40


def value(forms, i: int, x: list[Fraction], space) -> Fraction:
    """A form of the search space at a point of the whole space."""
    indices, data, total = forms.row(i)
    for j, v in zip(indices.tolist(), data.tolist(), strict=True):
        total += Fraction(v) * x[space.columns[j]]
    return total


def test_numbers_are_moderate_afterwards():
    for seed in range(40):
        net = network(random.Random(seed), 600)
        space = search_space(net.program, es.WholeSpace(net.input_dim).chart)
        other, moderate = scaled(net.program, space)
        for index, layer in enumerate(other.layers):
            forms = moderate.first if index == 0 else layer.members
            for i in range(len(forms)):
                _, data, const = forms.row(i)
                largest = max((abs(Fraction(v)) for v in [*data.tolist(), const]), default=0)
                # members that a unit compares share a factor: only the largest is moderate
                assert largest <= 2 ** (EVERYDAY + 1)


def test_everyday_networks_are_left_alone():
    for seed in range(20):
        rng = random.Random(seed)
        spec = nets.random_spec(rng, 2, [4, 3], rng.choice(["float", "integer", "third"]))
        net = nets.network(spec)
        if net.program.layers:
            space = search_space(net.program, es.WholeSpace(net.input_dim).chart)
            program, same = scaled(net.program, space)
            assert program is net.program
            assert same is space


def test_bounds_of_numbers_that_round_to_zero():
    tiny = Fraction(1, 10**400)
    exact = np.array([Fraction(0), tiny, -tiny, Fraction(1, 3), Fraction(1)], dtype=object)
    values, errors = bounded_floats(exact)
    assert values[:3].tolist() == [0.0, 0.0, 0.0]
    assert errors[[0, 4]].tolist() == [0.0, 0.0]
    assert all(errors[1:4] >= TINY)
    values, errors = bounded_floats(np.array([0.0, -0.0, 5e-324, 1e-200, 1.0]))
    assert (errors > 0).tolist() == [False, False, True, True, False]


def box_or_plane(size: float | Fraction | None, dim: int) -> es.Domain | None:
    return None if size is None else es.Box([-size] * dim, [size] * dim)


TINY_NETS = {
    # layers of (matrix, bias) with the operator behind each; the count on the plane
    "products of consecutive operators": (
        [es.Dense([[".25", 0], [0, ".25"]]), es.LeakyReLU(".5"), es.Dense([[1e-200, -1e-200]]),
         es.Dense([[1e-200]]), es.ReLU()], 2, 6,
    ),
    "a parameter below float64": (
        [es.Dense([[Fraction(1, 10**400)], [1]]), es.ReLU(),
         es.Dense([[2 * 10**400, -1]], [-1]), es.ReLU()], 1, 3,  # 2 x - x - 1 where x > 0
    ),
    "a subnormal bias": ([es.Dense([[1], [1]], [0, -1e-310]), es.ReLU()], 1, 3),
    "a bias below float64": ([es.Dense([[1], [1]], [0, Fraction(-1, 10**400)]), es.ReLU()], 1, 3),
    "slopes": (
        [es.Dense([[1]]), es.LeakyReLU(Fraction(1, 10**200)), es.Dense([[1e-200]]),
         es.LeakyReLU(1e-200), es.Dense([[1], [1]], [0, Fraction(1, 10**800)]), es.ReLU()],
        1, 3,
    ),
    "offsets": ([es.Dense([[1]]), es.Clip(Fraction(-1, 10**400), Fraction(1, 10**400))], 1, 3),
    "beyond float64": (
        [es.Dense([[10**400], [10**400]], [0, -1]), es.ReLU(), es.Dense([[1, -1]]), es.ReLU()],
        1, 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize("name", list(TINY_NETS))
def test_numbers_that_vanish_in_float64_count(name, engine):
    operators, dim, regions = TINY_NETS[name]
    net = es.Network(operators, (dim,))
    if engine == "plane" and dim > 2:
        with pytest.raises(es.ParameterError, match="up to 2 dimensions"):
            es.count_regions(net, engine=engine)
        return
    assert es.count_regions(net, engine=engine) == regions
    for size in (1, 1e-300, Fraction(1, 10**500), 10**300):
        domain = box_or_plane(size, dim)
        rational = es.count_regions(net, domain, engine="rational")
        assert es.count_regions(net, domain, engine=engine) == rational
        if engine == "kernel":
            graph = es.enumerate_regions(net, domain, graph=True)
            assert len(graph) == rational


def test_a_box_of_subnormal_width_is_not_flat():
    """u = 1e184 x - 1e-140 changes its sign in [0, 5e-324], whose middle rounds to 0."""
    net = es.Network([es.Dense([[1], [1e184]], [1, -1e-140]), es.ReLU()], (1,))
    domain = es.Box([0], [5e-324])
    for engine in engine_names():
        assert es.count_regions(net, domain, engine=engine) == 2


def test_the_kernel_reads_the_scaled_program():
    """Without scaling, float64 can prove nothing about a layer of such weights."""

    def network(size: float) -> es.Network:
        rows = [[size, 2 * size], [3 * size, -size]]
        first, second = es.Dense([[1, 2], [2, -1]], [1, 0]), es.Dense(rows, [size, 0])
        return es.Network([first, es.ReLU(), second, es.ReLU()], (2,))

    domain = es.Box([-3, -3], [3, 3])
    found, everyday = (es.enumerate_regions(network(s), domain) for s in (2.0**-1000, 1.0))
    assert found.codes.tolist() == everyday.codes.tolist()
    assert found.decisions == everyday.certificates
    assert len(found) == es.count_regions(network(2.0**-1000), domain, engine="rational")
    program = network(2.0**-1000).program
    space = search_space(program, domain.chart)
    assert make_problem(program, space).weights.has_error.any()
    assert not make_problem(*scaled(program, space)).weights.has_error.any()


def inside(box: es.Box, x) -> bool:
    return all(a < v < b for a, v, b in zip(box.chart.low, x, box.chart.high, strict=True))


@pytest.mark.parametrize("graph", [False, True])
def test_coordinates_of_any_size(graph):
    """x = 2^c x': the regions are those of the same network over x', the witnesses their images."""
    rng = random.Random(5)
    seen = 0
    for _ in range(12):
        spec = nets.random_spec(rng, 2, [4, 3], rng.choice(["float", "integer", "third"]))
        plain = nets.network(spec)
        size = [Fraction(2) ** (rng.choice((-1, 1)) * rng.randint(65, 700)) for _ in range(2)]
        weight = [[0 if i != j else 1 / size[i] for j in range(2)] for i in range(2)]
        network = es.Network([es.Dense(weight), *plain.operators], (2,))
        bound = Fraction(rng.randint(1, 3))
        here = es.Box([-bound] * 2, [bound] * 2)
        there = es.Box([-bound * v for v in size], [bound * v for v in size])
        one = es.enumerate_regions(plain, here, graph=graph)
        other = es.enumerate_regions(network, there, graph=graph)
        assert [c.tolist() for c in one.codes] == [c.tolist() for c in other.codes]
        assert other.decisions.rational <= one.decisions.rational
        for region, code in zip(other, other.codes, strict=True):
            x = [Fraction(v) for v in region.witness]
            assert inside(there, x)
            found = es.codes(network, np.array([x], dtype=object), exact=True)[0]
            assert found.tolist() == code.tolist()
        if graph:
            assert len(one.edges) == len(other.edges)
            for edge in range(len(other.edges)):
                assert inside(there, other.edges.witness(edge))
        seen += len(other)
    assert seen > 60
