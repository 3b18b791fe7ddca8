"""Changes of a network, a domain or a way of counting whose effect on the codes is known.

A relation takes a plain network and domain and says what another count must give: the same codes,
or the same ones with columns permuted, repeated, added or turned around. No twin is needed, so
networks may be larger than a twin can count.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import chains
import random_networks as nets
from hostile_checks import short_steps
from plain_networks import Code, Plain, Where, codes_of, draw, product, scaled

import exactspline as es

__all__ = ["RELATIONS", "WrongError", "check", "draw"]

MOST_EXACT = 40  # regions that rational arithmetic finds in a second or so
POWERS = (1, -1, 7, -30, 52, -53, 200, -200, 600, -600, 1070, -1100)


class WrongError(AssertionError):
    """Two ways to one count disagree."""


# --- Relations: each gives (what it did, codes found, codes expected) -------------------------

Relation = Callable[[random.Random, Plain, Where, list[Code]], tuple[str, list[Code], list[Code]]]


def _found(plain: Plain, domain: es.Domain | None, where: Where, rng: random.Random) -> list[Code]:
    """Codes by any engine."""
    engine = rng.choice(("kernel", "kernel", "kernel", "highs"))
    return codes_of(es.enumerate_regions(plain.network(), domain or where.domain(), engine=engine))


def engines(rng, plain, where, codes):
    """HiGHS and the rational engine."""
    engine = rng.choice(("highs", "rational")) if len(codes) <= MOST_EXACT else "highs"
    omega = es.enumerate_regions(plain.network(), where.domain(), engine=engine)
    return engine, codes_of(omega), codes


def forms(rng, plain, where, codes):
    """Counts, streams, stores, threads."""
    net, domain = plain.network(), where.domain()
    form = rng.choice(("count", "stream", "store", "threads", "graph"))
    with short_steps(rng.choice((10, 50, 20_000))):
        if form == "count":
            return form, [(int(es.count_regions(net, domain)),)], [(len(codes),)]
        if form == "stream":
            stream = es.stream_regions(net, domain)
            return form, [tuple(r.code.tolist()) for r in stream], codes
        if form == "graph":
            return form, codes_of(es.enumerate_regions(net, domain, graph=True)), codes
        if form == "threads":
            with ThreadPoolExecutor(2) as pool:
                return form, codes_of(es.enumerate_regions(net, domain, executor=pool)), codes
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.sqlite"
            limit = rng.randint(1, len(codes))
            es.enumerate_regions(net, domain, store=path, limit=limit)
            omega = es.enumerate_regions(net, domain, store=path, resume=True)
            return f"store, limit {limit}", codes_of(omega), codes


def limits(rng, plain, where, codes):
    """A limit gives the first ones."""
    limit = rng.randint(1, len(codes))
    omega = es.enumerate_regions(plain.network(), where.domain(), limit=limit)
    return f"limit {limit}", codes_of(omega), codes[:limit]


def other_domains(rng, plain, where, codes):
    """The same set as a polytope with scaled, doubled rows, or as a slice."""
    G, h = where.rows()
    kind = rng.choice(("polytope", "slice", "scaled slice", "slice with inputs"))
    if kind == "polytope" and G:
        order = rng.sample(range(len(G)), len(G))
        factors = [rng.choice((Fraction(1), Fraction(1, 3), Fraction(2) ** rng.choice(POWERS)))
                   for _ in G]  # fmt: skip
        G = [[factors[i] * v for v in G[i]] for i in order] + [G[0]]
        h = [factors[i] * h[i] for i in order] + [h[0] + rng.choice((0, 1))]
        domain: es.Domain = es.Polytope(nets._array(G), nets._array(h))
    elif kind == "slice with inputs" and not where.G:
        identity = chains.diagonal([Fraction(1)] * where.dim)
        domain = es.Slice([0] * where.dim, nets._array(identity), None, where.box())
    elif kind == "scaled slice":
        scale = Fraction(2) ** rng.choice(POWERS)
        inner = scaled(where, 1 / scale).domain()
        directions = chains.diagonal([scale] * where.dim)
        domain = es.Slice([0] * where.dim, nets._array(directions), inner)
    else:
        identity = chains.diagonal([Fraction(1)] * where.dim)
        domain = es.Slice([0] * where.dim, nets._array(identity), where.domain())
    return kind, _found(plain, domain, where, rng), codes


def halves(rng, plain, where, codes):
    """Cut in two by a hyperplane, a domain has the codes of both halves and no others."""
    row = [Fraction(rng.randint(-1, 1)) for _ in range(where.dim)]
    row[rng.randrange(where.dim)] = Fraction(1)
    G, h = where.rows()
    found: set[Code] = set()
    for sign in (1, -1):
        half = es.Polytope(nets._array([*G, [sign * v for v in row]]), nets._array([*h, 0]))
        if half_is_solid(half, where.dim):
            found |= set(_found(plain, half, where, rng))
    return f"halves {[str(v) for v in row]}", sorted(found), codes


def half_is_solid(half: es.Polytope, dim: int) -> bool:
    """Whether a half of a domain has the domain's dimension."""
    try:
        return half.chart.dim == dim
    except es.DomainError:
        return False


def restricted(rng, plain, where, codes):
    """A slice is the network after an affine map."""
    k = rng.randint(1, where.dim)
    directions = [[Fraction(i == j) if j < k else Fraction(rng.randint(-2, 2))
                   for j in range(where.dim)] for i in range(k)]  # fmt: skip
    factor = Fraction(2) ** rng.choice((0, 0, *POWERS))
    directions = [[factor * v for v in row] for row in directions]
    origin = [rng.choice((Fraction(0), Fraction(1, 3), Fraction(1))) for _ in range(where.dim)]
    inner = es.Box([-1 / factor] * k, [1 / factor] * k)
    slice_ = es.Slice(nets._array(origin), nets._array(directions), inner)
    first = plain.layers[0]
    W = first.W
    for matrix in reversed(first.before):
        W = product(W, matrix)
    into = [list(column) for column in zip(*directions, strict=True)]
    b = [c + sum((w * o for w, o in zip(row, origin, strict=True)), Fraction(0))
         for row, c in zip(W, first.b, strict=True)]  # fmt: skip
    other = Plain(k, plain.layers).changed(0, replace(first, W=product(W, into), b=b, before=()))
    ours = _found(plain, slice_, where, rng)
    theirs = _found(other, inner, where, rng)
    return f"slice {chains.text(origin)} {chains.text(directions)}", ours, theirs


def scaled_layers(rng, plain, where, codes):
    """A layer times 2^k, the next one's weights times 2^-k."""
    at = rng.randrange(len(plain.layers))
    factor = Fraction(2) ** rng.choice(POWERS)
    layer = plain.layers[at]
    W = [[factor * v for v in row] for row in layer.W]
    other = plain.changed(at, replace(layer, W=W, b=[factor * v for v in layer.b]))
    if at + 1 < len(plain.layers):
        after = plain.layers[at + 1]
        if rng.random() < 0.5:
            back = chains.diagonal([1 / factor] * layer.units)
            other = other.changed(at + 1, replace(after, before=(back, *after.before)))
        else:
            W = [[v / factor for v in row] for row in after.W]
            other = other.changed(at + 1, replace(after, W=W))
    return f"layer {at} times {chains.one_text(factor)}", _found(other, None, where, rng), codes


def scaled_inputs(rng, plain, where, codes):
    """The first weights times 2^-k, the domain times 2^k."""
    factor = Fraction(2) ** rng.choice(POWERS)
    first = plain.layers[0]
    if first.before or rng.random() < 0.3:
        before = (chains.diagonal([1 / factor] * plain.dim), *first.before)
        other = plain.changed(0, replace(first, before=before))
    else:
        other = plain.changed(0, replace(first, W=[[v / factor for v in r] for r in first.W]))
    found = _found(other, scaled(where, factor).domain(), where, rng)
    return f"inputs times {chains.one_text(factor)}", found, codes


def permuted(rng, plain, where, codes):
    """The units of a layer in another order."""
    at = rng.randrange(len(plain.layers))
    layer, start = plain.layers[at], plain.starts()[at]
    order = rng.sample(range(layer.units), layer.units)
    rows = [k * layer.rank + r for k in order for r in range(layer.rank)]
    other = plain.changed(
        at, replace(layer, W=[layer.W[i] for i in rows], b=[layer.b[i] for i in rows])
    )
    other = reading(other, at + 1, order)
    new = sorted(
        (*c[:start], *(c[start + k] for k in order), *c[start + layer.units :]) for c in codes
    )
    return f"units of layer {at} in the order {order}", _found(other, None, where, rng), new


def reading(plain: Plain, at: int, order: Sequence[int]) -> Plain:
    """A layer reads entry ``order[i]`` of what it read as entry i."""
    if at == len(plain.layers):
        return plain
    layer = plain.layers[at]
    if layer.before:
        first = [[row[k] for k in order] for row in layer.before[0]]
        return plain.changed(at, replace(layer, before=(first, *layer.before[1:])))
    return plain.changed(at, replace(layer, W=[[row[k] for k in order] for row in layer.W]))


def doubled(rng, plain, where, codes):
    """A unit twice, its weights in the next layer shared between the two."""
    at = rng.randrange(len(plain.layers))
    layer, start = plain.layers[at], plain.starts()[at]
    unit = rng.randrange(layer.units)
    rows = range(unit * layer.rank, (unit + 1) * layer.rank)
    factor = Fraction(2) ** rng.choice((0, 0, *POWERS)) if rng.random() < 0.5 else Fraction(1)
    other = plain.changed(
        at,
        replace(
            layer, W=layer.W + [[factor * v for v in layer.W[i]] for i in rows],
            b=layer.b + [factor * layer.b[i] for i in rows],
        ),
    )  # fmt: skip
    if at + 1 < len(plain.layers):
        after = plain.layers[at + 1]
        matrix = after.before[0] if after.before else after.W
        share = rng.choice((Fraction(1, 2), Fraction(0), Fraction(1), Fraction(1, 3)))
        new = [[*row, share * row[unit] / factor] for row in matrix]
        for row, old in zip(new, matrix, strict=True):
            row[unit] = (1 - share) * old[unit]
        after = (
            replace(after, before=(new, *after.before[1:])) if after.before
            else replace(after, W=new)
        )  # fmt: skip
        other = other.changed(at + 1, after)
    end = start + layer.units
    new_codes = sorted((*c[:end], c[start + unit], *c[end:]) for c in codes)
    return f"unit {unit} of layer {at} twice", _found(other, None, where, rng), new_codes


def dead_unit(rng, plain, where, codes):
    """A unit that reads nothing."""
    at = rng.randrange(len(plain.layers))
    layer, start = plain.layers[at], plain.starts()[at]
    level = rng.choice((Fraction(0), Fraction(1), Fraction(-1), Fraction(2) ** -1074))
    zeros = [[Fraction(0)] * len(layer.W[0])] * layer.rank
    bias = [level] + [Fraction(0)] * (layer.rank - 1)
    piece = int(level > 0) if layer.kind != "max" else int(level < 0)
    other = plain.changed(at, replace(layer, W=layer.W + zeros, b=layer.b + bias))
    if at + 1 < len(plain.layers):
        after = plain.layers[at + 1]
        matrix = after.before[0] if after.before else after.W
        new = [[*row, Fraction(rng.choice((0, 0, 1)) if level == 0 else 0)] for row in matrix]
        after = (
            replace(after, before=(new, *after.before[1:])) if after.before
            else replace(after, W=new)
        )  # fmt: skip
        other = other.changed(at + 1, after)
    end = start + layer.units
    new_codes = [(*c[:end], piece, *c[end:]) for c in codes]
    what = f"a dead unit of level {chains.one_text(level)} in layer {at}"
    return what, _found(other, None, where, rng), new_codes


def split_dense(rng, plain, where, codes):
    """An affine map as a product with a permutation, an identity or powers of two."""
    at = rng.randrange(len(plain.layers))
    layer = plain.layers[at]
    n = len(layer.W[0])
    kind = rng.choice(("identity", "permutation", "powers of two", "a shear"))
    if kind == "identity":
        first = second = chains.diagonal([Fraction(1)] * n)
    elif kind == "permutation":
        order = rng.sample(range(n), n)
        first = [[Fraction(j == order[i]) for j in range(n)] for i in range(n)]
        second = [list(column) for column in zip(*first, strict=True)]
    elif kind == "powers of two":
        powers = [Fraction(2) ** rng.choice(POWERS) for _ in range(n)]
        first, second = chains.diagonal(powers), chains.diagonal([1 / p for p in powers])
    else:
        first, second = chains.diagonal([Fraction(1)] * n), chains.diagonal([Fraction(1)] * n)
        if n > 1:
            a = Fraction(rng.choice((1, -1, 3)), rng.choice((1, 3, 2**60)))
            first[0][1], second[0][1] = a, -a
    before = (*layer.before, first)
    if rng.random() < 0.5:
        other = plain.changed(at, replace(layer, W=product(layer.W, second), before=before))
    else:
        other = plain.changed(at, replace(layer, before=(*before, second)))
    return f"layer {at} after {kind}", _found(other, None, where, rng), codes


def turned(rng, plain, where, codes):
    """An absolute value of the opposite."""
    places = [i for i, layer in enumerate(plain.layers) if layer.kind == "abs"]
    if not places:
        return dead_unit(rng, plain, where, codes)
    at = rng.choice(places)
    layer, start = plain.layers[at], plain.starts()[at]
    unit = rng.randrange(layer.units)
    W, b = [list(row) for row in layer.W], list(layer.b)
    W[unit], b[unit] = [-v for v in W[unit]], -b[unit]
    other = plain.changed(at, replace(layer, W=W, b=b))
    found = _found(other, None, where, rng)
    if not any(W[unit]) and not b[unit]:
        return "turned", found, codes
    # where the unit is 0 throughout (its inputs are dead), it stays at its lowest piece
    place = start + unit
    vanishing = {c for c in codes if c[place] == 0 and vanishes(plain, c, at, unit)}
    new = sorted(
        c if c in vanishing else (*c[:place], 1 - c[place], *c[place + 1 :]) for c in codes
    )
    return f"unit {unit} of layer {at} turned", found, new


def vanishes(plain: Plain, code: Code, at: int, unit: int) -> bool:
    """Whether the form of an absolute value is zero on a whole region, by the definition."""
    rows = [[Fraction(0), *(Fraction(i == j) for j in range(plain.dim))] for i in range(plain.dim)]
    for index, layer in enumerate(plain.layers):
        for matrix in layer.before:
            rows = product(matrix, rows)
        rows = product(layer.W, rows)
        rows = [[row[0] + c, *row[1:]] for row, c in zip(rows, layer.b, strict=True)]
        if index == at:
            return not any(rows[unit])
        start = plain.starts()[index]
        pieces = code[start : start + layer.units]
        if layer.kind == "max":
            rows = [rows[k * layer.rank + p] for k, p in enumerate(pieces)]
        else:
            below = {"relu": Fraction(0), "abs": Fraction(-1)}.get(layer.kind, layer.value)
            rows = [
                row if p else [below * v for v in row] for row, p in zip(rows, pieces, strict=True)
            ]
    raise IndexError(at)


def unread_input(rng, plain, where, codes):
    """One more input that nothing reads."""
    first = plain.layers[0]
    matrix = first.before[0] if first.before else first.W
    new = [[*row, Fraction(0)] for row in matrix]
    first = (
        replace(first, before=(new, *first.before[1:])) if first.before else replace(first, W=new)
    )
    other = Plain(plain.dim + 1, plain.layers).changed(0, first)
    low, high = rng.choice(((None, None), (Fraction(0), Fraction(1)), (None, Fraction(-5))))
    wider = Where(
        (*where.lows, low), (*where.highs, high), tuple((*row, Fraction(0)) for row in where.G),
        where.h,
    )  # fmt: skip
    return "an input that nothing reads", _found(other, wider.domain(), where, rng), codes


def files(rng, plain, where, codes):
    """Through a file and back."""
    net = plain.network()
    with tempfile.TemporaryDirectory() as folder:
        kind = rng.choice(("json", "onnx"))
        path = Path(folder) / f"net.{kind}"
        if kind == "json":
            net.save(path)
        else:
            try:
                net.to_onnx(path)
            except es.ParameterError:  # what float64 cannot hold
                net.save(path := Path(folder) / "net.json")
        again = es.load(path)
    return kind, codes_of(es.enumerate_regions(again, where.domain())), codes


def edges_kept(rng, plain, where, codes):
    """Facets of the same network scaled: the same pairs of regions."""
    at = rng.randrange(len(plain.layers))
    factor = Fraction(2) ** rng.choice(POWERS[:6])
    layer = plain.layers[at]
    W = [[factor * v for v in row] for row in layer.W]
    other = plain.changed(at, replace(layer, W=W, b=[factor * v for v in layer.b]))
    if at + 1 < len(plain.layers):
        after = plain.layers[at + 1]
        back = chains.diagonal([1 / factor] * layer.units)
        other = other.changed(at + 1, replace(after, before=(back, *after.before)))
    pairs = []
    for one in (other, plain):
        edges = es.enumerate_regions(one.network(), where.domain(), graph=True).edges
        pairs.append(list(zip(edges.source.tolist(), edges.target.tolist(), strict=True)))
    return f"edges, layer {at} times {chains.one_text(factor)}", pairs[0], pairs[1]


RELATIONS: dict[str, Relation] = {
    "engine": engines, "form": forms, "limit": limits, "domain": other_domains, "halves": halves,
    "slice": restricted, "layer scaled": scaled_layers, "inputs scaled": scaled_inputs,
    "permuted": permuted, "doubled": doubled, "dead unit": dead_unit, "product": split_dense,
    "turned": turned, "unread input": unread_input, "file": files, "edges": edges_kept,
}  # fmt: skip


def check(name: str, rng: random.Random, plain: Plain, where: Where, codes: list[Code]) -> None:
    """Check one relation; ``WrongError`` says what disagrees."""
    what, found, expected = RELATIONS[name](rng, plain, where, codes)
    if found != expected:
        more = [c for c in found if c not in set(expected)][:3]
        less = [c for c in expected if c not in set(found)][:3]
        counts = f"{len(found)}, not {len(expected)}"
        raise WrongError(f"{what}: {counts}; only here {more}, missing {less}")
