"""``exactspline region``: the region of a point, for a person to read."""

from __future__ import annotations

import argparse
import sys
import textwrap
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
    from ..partition.regions.inequalities import Inequality
    from ..partition.regions.region import Region, RegionFacet

__all__ = ["region"]

_MOST_REGIONS = 1000  # that may meet at the point
_SHOWN_REGIONS = 16
_LINES = 40  # of one block; --json has them all
_TERMS = 12  # of one sum
_CHARACTERS = 12  # of an exact number; longer ones are rounded for the eye
_ROUNDED = "~"
_WIDTH = 75


def region(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network, domains = read_network(arguments)
    program = network.program  # may refuse; then nothing has been printed yet
    x = point_of(arguments.at, network)
    found = _found(network, x, domains)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    ending: KeyboardInterrupt | None = None
    rounded = False
    progress = Progress(sys.stderr)
    try:
        if arguments.json:
            for one in (one for _, regions in found for one in regions):
                _facets(one, progress)
        else:
            for label, lines in _blocks(x, found, progress):
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
    x: Sequence[Fraction], found: Sequence[tuple[Domain, list[Region]]], progress: Progress
) -> Iterator[Block]:
    """Labels and lines: first what is known at once."""
    for domain, regions in found:
        yield "domain", domain_lines(domain)
        yield "point", _point_lines(x, regions)
        for i, one in enumerate(regions[:_SHOWN_REGIONS]):
            label = f"region {i + 1}/{len(regions)}" if len(regions) > 1 else "region"
            yield from _region_blocks(label, one, x, progress)
        left = len(regions) - _SHOWN_REGIONS
        if left > 0:
            yield "regions", [f"... and {left:,} more (--json has them)"]


def _point_lines(x: Sequence[Fraction], regions: Sequence[Region]) -> list[str]:
    if len(regions) > 1:
        where = f"on a boundary: the closures of {len(regions):,} regions meet here"
    elif regions[0].contains(x):
        where = "strictly inside of one region"
    else:
        where = "in the border of the domain, and of one region"
    return [*_vector("x", x), where]


def _region_blocks(
    label: str, one: Region, x: Sequence[Fraction], progress: Progress
) -> Iterator[Block]:
    yield label, _code_lines(one)
    A, b = one.affine(exact=True)
    yield "value", _vector("y", _value(A, b, x))
    rows = (
        _marked(f"y[{i}] = {_sum(row, 'x', constant)}")
        for i, (row, constant) in enumerate(zip(A.tolist(), b.tolist(), strict=True))
    )
    yield "map", _cut(rows, len(b))
    inside = [] if one._coordinates.full else _vector("t", one.witness)
    yield "witness", [*inside, *_vector("x", one.point)]
    facets = _facets(one, progress)
    if facets is None:
        count = len(one.inequalities(irredundant=False))
        yield (
            "inequalities",
            [f"{count:,} of units and domain; too many to tell which of them make the facets"],
        )
    else:
        yield "inequalities", _cut(map(_inequality, facets), len(facets)) or ["none"]
        across = [facet for facet in facets if facet.flips]
        lines = _cut((_flips(one.network, facet) for facet in across), len(across))
        yield "neighbours", lines or ["none"]
    yield "bounded", [_bounded_text(_bounded(one))]


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


def _flips(network: Network, facet: RegionFacet) -> str:
    units = [f"{network.unit_name(unit)} takes piece {piece}" for unit, piece in facet.flips[:8]]
    left = len(facet.flips) - len(units)
    return plain(", ".join(units)) + (f", and {left:,} more" if left else "")


def _bounded_text(bounded: bool | None) -> str:
    return {True: "yes", False: "no", None: "not decided: it has too many inequalities"}[bounded]


def _vector(name: str, values: Sequence[Fraction]) -> list[str]:
    shown = [_number(v) for v in values[: 2 * _LINES]]
    if len(values) > len(shown):
        shown.append(f"... {len(values) - len(shown):,} more (--json has them)")
    text = _marked(f"{name} = ({', '.join(shown)})")
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")


def _cut(lines: Iterator[str], count: int) -> list[str]:
    """The first lines, and how many are left out."""
    if count <= _LINES:
        return list(lines)
    shown = [line for _, line in zip(range(_LINES - 1), lines, strict=False)]
    return [*shown, f"... and {count - len(shown):,} more (--json has them)"]


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


def _facets(one: Region, progress: Progress | None = None) -> list[RegionFacet] | None:
    """None if there are too many conditions for exact linear programs."""
    watch = None if progress is None else partial(progress.part, "of the inequalities")
    try:
        return one.facets(progress=watch)
    except LimitError:
        return None
    finally:
        if progress is not None:
            progress.clear()


def _bounded(one: Region) -> bool | None:
    try:
        return one.is_bounded
    except LimitError:
        return None


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
            "inside": len(regions) == 1 and regions[0].contains(x),
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
    if not complete and "_facets" not in one.__dict__:
        return first
    facets = _facets(one)
    if facets is None:
        inequalities = one.inequalities(irredundant=False)
    else:
        inequalities = [facet.inequality for facet in facets]
    return {
        **first,
        "witness": _texts(one.witness),
        "point": _texts(one.point),
        "irredundant": facets is not None,
        "inequalities": [_inequality_json(inequality) for inequality in inequalities],
        "neighbors": None
        if facets is None
        else [
            {
                "units": [unit for unit, _ in facet.flips],
                "pieces": [piece for _, piece in facet.flips],
                "names": [str(one.network.unit_name(unit)) for unit, _ in facet.flips],
                "witness": _texts(facet.point),
            }
            for facet in facets
            if facet.flips
        ],
        "bounded": _bounded(one),
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
