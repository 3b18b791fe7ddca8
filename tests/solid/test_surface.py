"""Surfaces in three dimensions: known ones, and random ones against definitions."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import hostile_networks as hostile
import numpy as np
import pytest
from marks import first_quick
from solid_networks import CUBE, octahedron, random_network, ring

import exactspline as es
from exactspline.partition.regions.outputs import OutputRows
from exactspline.polyhedra.lp import q
from exactspline.polyhedra.vertices import generators, volume


def value(network: es.Network, domain: es.Domain, t, output: int = 0) -> Fraction:
    x = np.array(domain.chart.lift(t), dtype=object)
    return network.forward(x, exact=True).reshape(-1)[output]


def normal(mesh, triangle: int) -> list[Fraction]:
    a, b, c = (mesh.exact(int(v)) for v in mesh.triangles[triangle])
    u, v = ([p - o for p, o in zip(end, a, strict=True)] for end in (b, c))
    return [u[i - 2] * v[i - 1] - u[i - 1] * v[i - 2] for i in range(3)]


def check_mesh(mesh, partition, level=0, sign=1, output=0) -> None:
    """What every closed mesh of {sign (f - level) > 0} must be, by definitions."""
    edges = {}
    for a, b, c in mesh.triangles.tolist():
        assert len({a, b, c}) == 3
        for edge in ((a, b), (b, c), (c, a)):
            edges[edge] = edges.get(edge, 0) + 1
    assert all(edges.get((b, a)) == count for (a, b), count in edges.items())
    assert mesh.is_closed
    assert not mesh.edges.balance.any()
    exact = [tuple(row) for row in mesh.exact_vertices().tolist()]
    assert len(set(exact)) == len(exact)
    assert set(mesh.triangles.reshape(-1).tolist()) == set(range(len(exact)))
    network, domain = partition.network, partition.domain
    values = [value(network, domain, t, output) - level for t in exact]
    rows = partition._exact_forms.domain_rows
    for at in range(len(mesh)):
        corners, side = mesh.triangles[at].tolist(), int(mesh.side[at])
        region = partition[int(mesh.region[at])]
        if at == 0 or mesh.polygon[at] != mesh.polygon[at - 1]:
            middle = [sum(exact[v][j] for v in corners) / 3 for j in range(3)]
            assert region._holds(middle)[0]
        outward = normal(mesh, at)
        assert any(outward)
        if side < 0:
            assert all(values[v] == 0 for v in corners)
            row = partition_rows(partition, region)[output]
            steeper = sum(
                a * Fraction(int(c.p), int(c.q)) for a, c in zip(outward, row[1:], strict=True)
            )
            assert sign * steeper < 0
        else:
            row = [Fraction(int(c.p), int(c.q)) for c in rows[side]]
            for v in corners:
                assert sum(a * b for a, b in zip(row[1:], exact[v], strict=True)) + row[0] == 0
            assert sum(a * b for a, b in zip(row[1:], outward, strict=True)) < 0
            assert all(sign * values[v] >= 0 for v in corners)


def partition_rows(partition, region):
    return OutputRows(partition.network, partition.domain)(region.code)


def volume_and_flat(partition, level, output=0) -> tuple[Fraction, list[int]]:
    """The volume of {f > level} and the regions with f = level, region by region."""
    rows = OutputRows(partition.network, partition.domain)
    total, flat = Fraction(0), []
    for i, region in enumerate(partition):
        row = list(rows(region.code)[output])
        row[0] -= q(level)
        if not any(row):
            flat.append(i)
        elif any(row[1:]):
            every = [*region._rows, row]
            found = generators(every, 3)
            if len(found.vertices) > 3:
                total += volume(found, len(every), 3)
        elif row[0] > 0:
            total += region.volume()
    return total, flat


# --- Known surfaces -----------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, "1/3", Fraction(1, 7), 0.125])
def test_an_octahedron(level):
    partition = es.enumerate_regions(octahedron(), CUBE)
    mesh = partition.surface(level)
    c = Fraction(level) if not isinstance(level, float) else Fraction(*level.as_integer_ratio())
    size = 1 - c
    assert (len(mesh.vertices), len(mesh), len(mesh.edges.count), mesh.euler) == (6, 8, 12, 2)
    assert mesh.is_manifold
    assert {tuple(map(abs, sorted(row, key=abs))) for row in mesh.exact_vertices().tolist()} == {
        (0, 0, size)
    }
    assert (mesh.side == -1).all()
    assert mesh.volume(exact=True) == Fraction(4, 3) * size**3
    for found, truth in (
        (mesh.volume(), float(4 * size**3) / 3), (mesh.area(), 4 * math.sqrt(3) * float(size) ** 2)
    ):  # fmt: skip
        assert abs(found.value - truth) <= found.error + 1e-15
        assert found.error < 1e-13
    check_mesh(mesh, partition, c)
    outside = partition.surface(level, below=True)
    assert outside.volume(exact=True) == 64 - mesh.volume(exact=True)
    assert len(set(outside.parts.tolist())) == 2  # the cube's surface, and a hole
    assert outside.area(side=-1).value == mesh.area().value
    check_mesh(outside, partition, c, sign=-1)


def test_caps_are_labelled_and_the_surface_alone_ends_at_them():
    partition = es.enumerate_regions(octahedron(), es.Box(["-1/2", -2, -2], [2, 2, "3/4"]))
    mesh = partition.surface()
    check_mesh(mesh, partition)
    assert mesh.sides == {0: "x[0] >= -1/2", 5: "x[2] <= 3/4"}
    assert mesh.euler == 2
    # sections of |x| + |y| + |z| < 1 are squares of |u| + |v| < 1 - |w|
    assert mesh.area(side=0).value == 2 * (1 / 2) ** 2
    assert mesh.area(side=5).value == 2 * (1 / 4) ** 2
    assert mesh.area(side=3) == (0.0, 0.0)
    alone = partition.surface(closed=False)
    assert (alone.side == -1).all()
    assert alone.area().value == mesh.area(side=-1).value
    ends = np.unique(alone.edges.vertices[alone.border_edges])
    assert ((alone.vertices[ends, 0] == -0.5) | (alone.vertices[ends, 2] == 0.75)).all()
    assert not alone.is_closed
    assert not alone.is_manifold
    with pytest.raises(es.ParameterError, match="closed=True"):
        alone.volume()


def test_a_ring_has_the_euler_number_of_a_torus():
    partition = es.enumerate_regions(ring(), CUBE)
    mesh = partition.surface()
    assert mesh.is_manifold
    assert mesh.euler == 0
    assert len(set(mesh.parts.tolist())) == 1
    check_mesh(mesh, partition)
    # sections are squares of area 1/2 along a square path of length 8, by Pappus' theorem
    assert mesh.volume(exact=True) == 4


# --- What is degenerate -------------------------------------------------------------------------


def test_level_on_whole_regions():
    partition = es.enumerate_regions(
        es.Network([es.ReLU(), es.Dense([[1, 1, 1]])], (3,)), es.Box(-1, 1, dim=3)
    )
    mesh = partition.surface()  # f = 0 where all are negative
    assert mesh.flat == (0,)
    assert "f = c throughout in 1 of the regions" in repr(mesh)
    assert mesh.volume(exact=True) == 7
    assert mesh.area(side=-1).value == 3.0  # the octant's inner sides
    assert mesh.is_manifold
    below = partition.surface(below=True)
    assert len(below) == 0
    assert below.flat == (0,)
    assert below.volume(exact=True) == 0
    nothing = es.enumerate_regions(es.Network([es.Dense([[0, 0, 0]])], (3,)), CUBE).surface()
    assert nothing.flat == (0,)
    assert len(nothing) == 0


def test_a_surface_in_facets_is_counted_once_and_a_touch_is_none():
    hinge = es.Network([es.Dense([[1, 0, 0], [-1, 0, 0]]), es.ReLU(), es.Dense([[1, -2]])], (3,))
    mesh = es.enumerate_regions(hinge, CUBE).surface()
    assert mesh.area(side=-1).value == 16.0
    assert mesh.volume(exact=True) == 32
    fold = es.enumerate_regions(octahedron((1, 0, 0), 0), CUBE)  # |x|
    assert (fold.surface().side >= 0).all()
    assert fold.surface().volume(exact=True) == 64
    assert len(fold.surface(below=True)) == 0
    corner = es.enumerate_regions(octahedron(), CUBE)
    assert len(corner.surface(1)) == 0  # f <= 1, and 1 in a single point
    assert corner.surface(1, below=True).volume(exact=True) == 64


def test_where_a_surface_is_no_manifold():
    wedges = es.enumerate_regions(octahedron((1, -1, 0), 0), es.Box(-1, 1, dim=3)).surface()
    pinched = wedges.edges.vertices[wedges.nonmanifold_edges]
    assert set(wedges.edges.count[wedges.nonmanifold_edges].tolist()) == {4}
    assert (wedges.vertices[pinched.reshape(-1)][:, :2] == 0).all()
    assert wedges.volume(exact=True) == 4
    assert "it is no manifold" in repr(wedges)
    cones = es.enumerate_regions(octahedron((-1, -1, 1), 0), es.Box(-1, 1, dim=3)).surface()
    assert len(cones.nonmanifold_edges) == 0
    assert cones.vertices[cones.nonmanifold_vertices].tolist() == [[0, 0, 0]]
    assert not cones.is_manifold
    assert cones.euler == 3  # two spheres that share a point


def test_a_surface_in_the_domains_border_is_a_cap():
    partition = es.enumerate_regions(octahedron((1, 0, 0), 0), es.Box([0, 0, 0], [1, 1, 1]))
    mesh = partition.surface()  # x > 0 in x >= 0
    assert (mesh.side >= 0).all()
    assert mesh.volume(exact=True) == 1
    assert len(partition.surface(closed=False)) == 0


# --- Random networks ----------------------------------------------------------------------------


def test_a_random_network_by_definitions():
    partition = es.enumerate_regions(random_network([3, 6, 6, 1], 1), es.Box(-1, 1, dim=3))
    mesh = partition.surface("1/5")
    assert 40 < len(mesh) < 400
    assert len(mesh.sides) >= 3
    check_mesh(mesh, partition, Fraction(1, 5))
    truth = volume_and_flat(partition, Fraction(1, 5))[0]
    assert mesh.volume(exact=True) == truth
    rounded = mesh.volume()
    assert abs(Fraction(rounded.value) - truth) <= Fraction(rounded.error) < truth / 2**40
    assert mesh.rounded_together == 0


def test_the_sign_of_f_is_the_parity_of_crossings():
    network = random_network([3, 16, 16, 1], 3)
    mesh = es.enumerate_regions(network, es.Box(-1, 1, dim=3)).surface()
    points = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    way = np.array([0.8123, 0.3941, 0.4307])
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    u, v = b - a, c - a
    h = np.cross(way, v)
    det = (u * h).sum(axis=1)
    crossings = []
    for point in points:  # Moeller and Trumbore
        s = point - a
        first = (s * h).sum(axis=1) / det
        r = np.cross(s, u)
        second, ahead = (r @ way) / det, (r * v).sum(axis=1) / det
        hit = (first >= 0) & (second >= 0) & (first + second <= 1) & (ahead > 0)
        crossings.append(int(hit.sum()))
    inside = network.forward(points)[:, 0] > 0
    assert 30 < inside.sum() < 270
    assert (np.array(crossings) % 2 == inside).all()


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_degenerate_networks_against_sums_over_regions(block):
    seen = dict.fromkeys(("flat", "surface", "caps", "no manifold", "corner"), 0)
    done, seed = 0, 1000 * (block + 1)
    while done < 10:
        seed += 1
        rng = random.Random(seed)
        network = es.Network(hostile.draw_chain(rng, 3, rng.choice(hostile.KINDS)).operators, (3,))
        domain = es.Box(-rng.randint(1, 3), rng.randint(1, 2), dim=3)
        if rng.random() < 0.5:
            (domain, _), _ = hostile.draw_domain(rng, 3)
        partition = es.enumerate_regions(network, domain, limit=150)
        if not partition.complete:
            continue
        output, level = rng.randrange(network.output_dim), Fraction(rng.randint(-1, 1), 3)
        try:
            if rng.random() < 0.5:
                corner = partition[rng.randrange(len(partition))].vertices()[0]
                level = value(network, domain, corner, output)
                seen["corner"] += 1
            mesh = partition.surface(level, output=output)
        except es.DomainError:  # not bounded, or no solid
            continue
        truth, flat = volume_and_flat(partition, level, output)
        assert mesh.volume(exact=True) == truth
        assert list(mesh.flat) == flat
        check_mesh(mesh, partition, level, output=output)
        seen["flat"] += bool(flat)
        seen["surface"] += bool((mesh.side < 0).any())
        seen["caps"] += bool((mesh.side >= 0).any())
        seen["no manifold"] += len(mesh) > 0 and not mesh.is_manifold
        done += 1
    assert min(seen[name] for name in ("flat", "surface", "caps", "corner")) > 0


# --- Several outputs, slices --------------------------------------------------------------------


def test_classes_share_the_cube():
    network = random_network([3, 8, 8, 3], 7)
    partition = es.enumerate_regions(network, es.Box(-1, 1, dim=3))
    meshes = [partition.surface(winner=i) for i in range(3)]
    assert all(mesh.is_closed and len(mesh) for mesh in meshes)
    assert sum(mesh.volume(exact=True) for mesh in meshes) == 8
    for i, mesh in enumerate(meshes):
        for v in np.unique(mesh.triangles[mesh.side < 0]).tolist():
            own, *others = sorted(network.forward(np.array(mesh.exact(v)), exact=True))[::-1]
            assert own == others[0]
            assert network.forward(np.array(mesh.exact(v)), exact=True)[i] == own
    pair = partition.surface(pair=(0, 2))
    other = partition.surface(pair=(2, 0))
    assert pair.volume(exact=True) + other.volume(exact=True) == 8
    assert pair.area(side=-1).value == pytest.approx(other.area(side=-1).value, rel=1e-12)
    tied = es.Network([es.Dense([[1, 0, 0], [1, 0, 0]])], (3,))
    both = es.enumerate_regions(tied, CUBE).surface(winner=0)
    assert (len(both), both.flat) == (0, (0,))


def test_a_slice_of_more_inputs():
    network = random_network([5, 10, 10, 1], 2)
    cut = es.Slice(
        [0, "1/2", 0, 0, 0], [[1, 0, 0, 1, 0], [0, 1, "1/3", 0, 0], [0, 0, 1, 0, 2]],
        es.Box(-1, 1, dim=3),
    )  # fmt: skip
    partition = es.enumerate_regions(network, cut)
    mesh = partition.surface()
    assert (mesh.side < 0).any()
    check_mesh(mesh, partition)
    inputs = mesh.inputs()
    assert inputs.shape == (len(mesh.vertices), 5)
    at = int(mesh.triangles[mesh.side < 0][0, 0])
    assert inputs[at].tolist() == [float(v) for v in cut.chart.lift(mesh.exact(at))]
    image = es.Network([es.Flatten(), *random_network([12, 6, 1], 5).operators], (3, 2, 2))
    corner = es.Slice(np.zeros(12), np.eye(12)[:3].tolist(), es.Box(0, 1, dim=3))
    found = es.enumerate_regions(image, corner)
    check_mesh(found.surface(), found)


# --- Bad input ----------------------------------------------------------------------------------


def test_bad_input_is_told():
    two = es.Network([es.ReLU(), es.Dense(np.eye(3)[:2])], (3,))
    one = octahedron()
    solid, pair = es.enumerate_regions(one, CUBE), es.enumerate_regions(two, CUBE)
    with pytest.raises(es.DomainError, match="not bounded"):
        es.enumerate_regions(one).surface()
    with pytest.raises(es.DomainError, match="not bounded"):
        es.enumerate_regions(one, es.Box([0, 0, 0], [1, 1, float("inf")])).surface()
    four = es.Network([es.Abs(), es.Dense([[1, 1, 1, 1]])], (4,))
    with pytest.raises(es.DomainError, match=r"take a slice: es.Slice\("):
        es.enumerate_regions(four, es.Box(-1, 1, dim=4)).surface()
    with pytest.raises(es.DomainError, match="has 2 dimensions"):
        es.enumerate_regions(one, es.Box([0, 0, 0], [1, 1, 0])).surface()
    with pytest.raises(es.ParameterError, match="the search was stopped"):
        es.enumerate_regions(one, CUBE, limit=3).surface()
    with pytest.raises(es.ParameterError, match="2 outputs; say which"):
        pair.surface()
    with pytest.raises(es.ParameterError, match="give 0 to 1"):
        pair.surface(output=2)
    with pytest.raises(es.ParameterError, match="give 0 to 1"):
        pair.surface(output=-1)
    with pytest.raises(es.ParameterError, match="True is no number"):
        pair.surface(output=True)
    with pytest.raises(es.ParameterError, match="two different"):
        pair.surface(pair=(1, 1))
    for bad in (3, (1,), "ab", (0, 1, 2)):
        with pytest.raises(es.ParameterError, match="surface"):
            pair.surface(pair=bad)
    with pytest.raises(es.ParameterError, match="give one of them"):
        pair.surface(output=0, winner=1)
    with pytest.raises(es.ParameterError, match="two outputs or more"):
        solid.surface(winner=0)
    with pytest.raises(es.ParameterError, match="below"):
        pair.surface(winner=0, below=True)
    for level in (float("nan"), "a", None):
        with pytest.raises(es.ParameterError, match="level"):
            solid.surface(level)


def test_partitions_from_files(tmp_path):
    whole = es.enumerate_regions(octahedron(), CUBE, store=tmp_path / "omega.sqlite")
    whole.save(tmp_path / "omega.json")
    for partition in (whole, es.open_partition(tmp_path / "omega.json")):
        mesh = partition.surface("1/2")
        assert len(mesh) == 8
        assert mesh.volume(exact=True) == Fraction(1, 6)


def test_a_level_of_many_digits(tmp_path):
    mesh = es.enumerate_regions(octahedron(), CUBE).surface("0." + "3" * 900)
    assert len(mesh.what) < 80
    mesh.save(tmp_path / "a.ply")
    assert mesh.exact_vertices().max() == Fraction(int("6" * 899 + "7"), 10**900)


def test_progress_is_told_and_names_cannot_clash():
    network = es.Network([es.Abs(name="surface"), es.Dense([[-1, -1, -1]], [1])], (3,))
    seen = []
    mesh = es.enumerate_regions(network, CUBE).surface(progress=lambda a, b: seen.append((a, b)))
    assert len(mesh) == 8
    assert seen[0] == (0, 8)
    assert seen[-1] == (8, 8)
