"""``exactspline region``: the region of a point, for a person to read."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..api import regions_at
from ..domain import Domain
from ..driver.progress import Progress
from ..errors import DomainError, LimitError
from ..interrupts import Stopped
from ..rationals import format_rational
from ..texts import plain
from .domains import domain_lines, exact_text, point_of
from .networks import read_network
from .report import Report, network_json, network_lines
from .streams import results

if TYPE_CHECKING:
    from ..network import Network
    from ..partition.regions.facet import RegionFacet
    from ..partition.regions.inequalities import Inequality
    from ..partition.regions.region import Region
    from ..partition.regions.settled import SettledFacets

__all__ = ["region"]

_MOST_REGIONS = 1000  # that may meet at the point
_SHOWN_REGIONS = 16
_LINES = 40  # of one block; --json has them all
_TERMS = 12  # of one sum
_CHARACTERS = 12  # of an exact number; longer ones are rounded for the eye
_FACETS = 100  # in JSON, where not all inequalities are decided
_SECONDS = 2.8  # from the start, for which inequalities are settled unless options say otherwise
_LEAST = 0.75  # of them for the inequalities
_ROUNDED = "~"
_WIDTH = 75


def region(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    start = time.monotonic()
    network, domains = read_network(arguments)
    program = network.program  # may refuse; then nothing has been printed yet
    x = point_of(arguments.at, network)
    found = _found(network, x, domains)
    limit = _Limit(arguments, sum(len(regions) for _, regions in found), start)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    ending: KeyboardInterrupt | None = None
    rounded = False
    progress = Progress(sys.stderr)
    try:
        if arguments.json:
            for one in (one for _, regions in found for one in regions):
                _facets(one, limit.seconds(), progress)
        else:
            for label, lines in _blocks(x, found, limit, progress):
                report.block(label, lines)
                rounded = rounded or any(line.startswith(_ROUNDED) for line in lines)
    except KeyboardInterrupt as interrupt:
        ending = interrupt
    finally:
        progress.clear()
    if arguments.json:
        report.json(_json(network, arguments, x, found, complete=ending is None))
    if rounded:
        report.block("note", [f"{_ROUNDED} marks rounded numbers; --json has them exactly"])
    if ending is None:
        return 0
    for one in (one for _, regions in found for one in regions):
        lines = _settled_lines(one.settle_facets(0), limit, "") if one._begun else []
        if lines:
            report.block("inequalities", lines)
    report.block("", ["INTERRUPTED: what is above is exact, the rest is missing"])
    return 143 if isinstance(ending, Stopped) else 130


def _found(
    network: Network, x: Sequence[Fraction], domains: Sequence[Domain]
) -> list[tuple[Domain, list[Region]]]:
    """The domains that hold the point, with the regions there."""
    out: list[tuple[Domain, list[Region]]] = []
    outside: DomainError | None = None
    for domain in domains:
        try:
            out.append((domain, regions_at(network, x, domain, limit=_MOST_REGIONS)))
        except DomainError as error:
            outside = error
    if not out:
        assert outside is not None
        if len(domains) == 1:
            raise DomainError(f"--at: {outside}")
        raise DomainError(f"--at: the point is in none of the {len(domains):,} domains")
    return out


# ------------------------------------------------------------------------------ for a person
Block = tuple[str, list[str]]


def _blocks(
    x: Sequence[Fraction], found: Sequence[tuple[Domain, list[Region]]], limit: _Limit,
    progress: Progress,
) -> Iterator[Block]:  # fmt: skip
    """Labels and lines: first what is known at once."""
    for domain, regions in found:
        yield "domain", domain_lines(domain)
        yield "point", _point_lines(x, regions)
        for i, one in enumerate(regions[:_SHOWN_REGIONS]):
            label = f"region {i + 1}/{len(regions)}" if len(regions) > 1 else "region"
            yield from _region_blocks(label, one, x, limit, progress)
        left = len(regions) - _SHOWN_REGIONS
        if left > 0:
            yield "regions", [f"... and {left:,} more (--json has them)"]


def _point_lines(x: Sequence[Fraction], regions: Sequence[Region]) -> list[str]:
    if len(regions) > 1:
        where = f"on a boundary: the closures of {len(regions):,} regions meet here"
    elif _is_inside(regions[0], x):
        where = "strictly inside of one region"
    else:
        where = "in the border of the domain, and of one region"
    return [*_vector("x", x), where]


def _is_inside(one: Region, x: Sequence[Fraction]) -> bool:
    """Whether the point is strictly inside: its witness is; else the network is evaluated."""
    return one.point == tuple(x) or one.contains(x)


def _region_blocks(
    label: str, one: Region, x: Sequence[Fraction], limit: _Limit, progress: Progress
) -> Iterator[Block]:
    yield label, _code_lines(one)
    A, b = one.affine(exact=True)
    most = 2 * _LINES  # of so many entries the others are not shown, and need not be computed
    yield "value", _vector("y", _value(A[:most], b[:most], x), len(b))
    rows = (
        _marked(f"y[{i}] = {_sum(row, 'x', constant)}")
        for i, (row, constant) in enumerate(zip(A.tolist(), b.tolist(), strict=True))
    )
    yield "map", _cut(rows, len(b))
    inside = [] if one._coordinates.full else _vector("t", one.witness)
    yield "witness", [*inside, *_vector("x", one.point)]
    found = _facets(one, limit.seconds(), progress)
    if found is None:
        yield "inequalities", ["too many to be computed; take a slice of fewer dimensions"]
    else:
        more = "--json has them" if found.complete else f"--json has the first {_FACETS}"
        lines = _cut(map(_inequality, found.facets), len(found.facets), more)
        yield "inequalities", [*_settled_lines(found, limit), *lines] or ["none"]
        few = found.complete and len(found.facets) <= _FACETS
        across = found.facets if few else found.facets[:_LINES]
        flips = [facet.flips for facet in across if facet.flips]
        shown = _cut((_flips(one.network, v) for v in flips), len(flips)) or ["none"]
        heading = [] if few else ["across the first of these facets:"]
        yield "neighbours", [*heading, *shown]
    yield "bounded", [_bounded_text(one._bounded_at_once())]


def _settled_lines(found: SettledFacets, limit: _Limit, then: str = " The facets:") -> list[str]:
    """What of very many inequalities is not decided, and how to get it."""
    if found.complete:
        return []
    text = (
        f"{found.total:,} of units and domain: {len(found.facets):,} are proved to be facets, "
        f"{found.redundant:,} to be redundant, {found.undecided:,} are not decided"
    )
    if not limit.all:
        given = "the time for it" if limit.given is None else f"{limit.given:.4g} s"
        text += f" in {given}; --time-limit S gives it S seconds, --all decides them"
    elif then:
        text += ", since no proof was found"
    return textwrap.wrap(f"{text}.{then}", _WIDTH)


def _code_lines(one: Region) -> list[str]:
    """The code layer by layer; where units are on or off, which ones are on."""
    from ..partition.columns.description import code_texts

    program = one.network.program
    lines = []
    for index, layer in enumerate(program.layers):
        start, stop = int(program.unit_start[index]), int(program.unit_start[index + 1])
        code = one.code[start:stop]
        text = code_texts(code[None], int(layer.units.pieces.max()))[0]
        made = ", ".join(dict.fromkeys(group.operator for group in layer.names))
        line = f"layer {index + 1} ({plain(_shortened(made, 60))}): {_shortened(text, 120)}"
        if np.all(layer.units.pieces == 2):
            on = np.flatnonzero(code).tolist()
            shown = ", ".join(map(str, on[:_LINES])) + (", ..." if len(on) > _LINES else "")
            line += f"; {len(on):,} of {stop - start:,} active" + (f": {shown}" if on else "")
        lines += textwrap.wrap(line, _WIDTH, subsequent_indent="  ")
    return lines or ["the network has no units: it is affine"]


def _inequality(facet: RegionFacet) -> str:
    found = facet.inequality
    pairs = list(found.coefficients)
    relation, constant = ">=", -found.constant
    if all(c <= 0 for c in pairs):
        relation, constant, pairs = "<=", -constant, [-c for c in pairs]
    text = _marked(f"{_sum(pairs, found.letter)} {relation} {_number(constant)}")
    return plain(f"{text}   ({found.source})")


def _flips(network: Network, flips: Sequence[tuple[int, int]]) -> str:
    units = [f"{network.unit_name(unit)} takes piece {piece}" for unit, piece in flips[:8]]
    left = len(flips) - len(units)
    return plain(", ".join(units)) + (f", and {left:,} more" if left else "")


def _bounded_text(bounded: bool | None) -> str:
    return {True: "yes", False: "no", None: "not decided: it has too many inequalities"}[bounded]


def _vector(name: str, values: Sequence[Fraction], count: int | None = None) -> list[str]:
    """The first entries of a vector, of ``count`` or of those that are given."""
    shown = [_number(v) for v in values[: 2 * _LINES]]
    left = (len(values) if count is None else count) - len(shown)
    if left > 0:
        shown.append(f"... {left:,} more (--json has them)")
    text = _marked(f"{name} = ({', '.join(shown)})")
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")


def _cut(lines: Iterator[str], count: int, more: str = "--json has them") -> list[str]:
    """The first lines, and how many are left out."""
    if count <= _LINES:
        return list(lines)
    shown = [line for _, line in zip(range(_LINES - 1), lines, strict=False)]
    return [*shown, f"... and {count - len(shown):,} more ({more})"]


def _sum(coefficients: Sequence[Fraction], letter: str, constant: Fraction | None = None) -> str:
    """A sum of terms as people write it; a long one is cut."""
    terms = [(c, f"{letter}[{j}]") for j, c in enumerate(coefficients) if c]
    left = len(terms) - _TERMS
    if left > 1:
        terms = terms[:_TERMS]
    text = ""
    for c, name in terms:
        sign = ("-" if c < 0 else "") if not text else (" - " if c < 0 else " + ")
        text += sign + ("" if abs(c) == 1 else f"{_number(abs(c))} ") + name
    if left > 1:
        text += f" + ... ({left:,} more terms)"
    if constant:
        sign = ("-" if constant < 0 else "") if not text else (" - " if constant < 0 else " + ")
        text += sign + _number(abs(constant))
    return text or "0"


def _number(value: Fraction) -> str:
    """An exact number if it is short, else a rounded one with a mark."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) < 100:
        text = exact_text(value)
        if len(text) <= _CHARACTERS:
            return text
    with localcontext(prec=8, Emax=999_999, Emin=-999_999):
        rounded = (Decimal(value.numerator) / Decimal(value.denominator)).normalize()
    return f"{rounded}{_ROUNDED}"


def _marked(line: str) -> str:
    """One mark before a line in place of one behind each of its rounded numbers."""
    return f"{_ROUNDED} {line.replace(_ROUNDED, '')}" if _ROUNDED in line else line


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def _value(A: np.ndarray, b: np.ndarray, x: Sequence[Fraction]) -> list[Fraction]:
    """The network's value at the point: that of the region's map, as its closure holds it."""
    used = [(j, v) for j, v in enumerate(x) if v]
    return [
        sum((row[j] * v for j, v in used if row[j]), start=constant)
        for row, constant in zip(A.tolist(), b.tolist(), strict=True)
    ]


class _Limit:
    """How long to settle the inequalities of a region in high dimension."""

    def __init__(self, arguments: argparse.Namespace, regions: int, start: float) -> None:
        self.regions, self.start = max(1, regions), start
        self.all: bool = arguments.all
        self.given: float | None = arguments.time_limit

    def seconds(self) -> float | None:
        """For one region; None if there is no limit."""
        if self.all:
            return None
        left = self.start + _SECONDS - time.monotonic()
        return (max(left, _LEAST) if self.given is None else self.given) / self.regions


def _facets(
    one: Region, seconds: float | None, progress: Progress | None = None
) -> SettledFacets | None:
    """None if there are too many inequalities to hold."""
    watch = None if progress is None else partial(progress.part, "of the inequalities")
    try:
        return one.settle_facets(seconds, progress=watch)
    except LimitError:
        return None
    finally:
        if progress is not None:
            progress.clear()


# ------------------------------------------------------------------------------------- JSON
def _json(
    network: Network,
    arguments: argparse.Namespace,
    x: Sequence[Fraction],
    found: Sequence[tuple[Domain, list[Region]]],
    *,
    complete: bool,
) -> dict[str, Any]:
    from ..formats import domain_to_json

    results = [
        {
            "domain": domain_to_json(domain),
            "domain_dim": domain.chart.dim,
            "inside": len(regions) == 1 and _is_inside(regions[0], x),
            "regions": [_region_json(one, x, complete=complete) for one in regions],
        }
        for domain, regions in found
    ]
    alone = len(results) == 1
    value = {"point": _texts(x), **(results[0] if alone else {"results": results})}
    value["complete"] = complete
    return {**value, **network_json(network, arguments)}


def _region_json(one: Region, x: Sequence[Fraction], *, complete: bool) -> dict[str, Any]:
    """A region; after an interrupt without what was not known by then."""
    A, b = one.affine(exact=True)
    first = {
        "code": one.code.tolist(),
        "value": _texts(_value(A, b, x)),
        "A": [_texts(row) for row in A.tolist()],
        "b": _texts(b.tolist()),
    }
    if not (complete or one._begun):
        return first
    found = _facets(one, 0.0)  # what is known by now
    kept = [] if found is None else found.facets[: None if found.complete else _FACETS]
    out = {
        **first,
        "witness": _texts(one.witness),
        "point": _texts(one.point),
        "irredundant": found is not None and found.complete,
        "inequalities": [_inequality_json(facet.inequality) for facet in kept],
        "neighbors": [_neighbor_json(one, facet) for facet in kept if facet.flips],
        "bounded": one._bounded_at_once(),
    }
    if found is None or not found.complete:
        out["settled"] = None if found is None else _settled_json(found)
    return out


def _settled_json(found: SettledFacets) -> dict[str, int]:
    """How much of very many inequalities is decided; those listed are the first facets."""
    return {
        "inequalities": found.total,
        "facets": len(found.facets),
        "redundant": found.redundant,
        "undecided": found.undecided,
    }


def _neighbor_json(one: Region, facet: RegionFacet) -> dict[str, Any]:
    return {
        "units": [unit for unit, _ in facet.flips],
        "pieces": [piece for _, piece in facet.flips],
        "names": [str(one.network.unit_name(unit)) for unit, _ in facet.flips],
        "witness": _texts(facet.point),
    }


def _inequality_json(inequality: Inequality) -> dict[str, Any]:
    return {
        "coefficients": _texts(inequality.coefficients),
        "constant": format_rational(inequality.constant),
        "unit": inequality.unit,
        "side": inequality.side,
        "source": inequality.source,
    }


def _texts(values: Sequence[Fraction]) -> list[str]:
    return [format_rational(value) for value in values]
