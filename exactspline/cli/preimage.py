"""``exactspline preimage``, and ``enumerate --where``: where a condition holds, as polyhedra."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..driver.outcome import Outcome
from ..errors import ParameterError
from ..export.files import check_writable, replaced
from ..interrupts import Stopped
from ..rationals import format_rational
from ..texts import plain
from .domains import domain_lines
from .networks import read_network
from .output import paths_for, write
from .report import Report, network_lines, result_lines
from .search import conclude, program_in_time, store_files
from .streams import results
from .workers import workers

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network import Network
    from ..verification.preimages import Preimage, PreimageVolume
    from ..verification.regions import RegionsWhere

__all__ = ["enumerate_where", "preimage"]


def preimage(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..verification.preimages import preimage as found_in

    def one(
        network: Network, domain: Domain, report: Report, _: str | None
    ) -> tuple[Outcome, Preimage]:
        found = found_in(
            network, domain, arguments.where, limit=arguments.limit, time_limit=_left(arguments),
            progress=None if arguments.json else True,
        )  # fmt: skip
        parts = [*found, *found.thin]
        outcome = Outcome(
            domain, found.engine, len({part.code for part in parts}), 0, found.seconds,
            found.stopped, found.decisions, _interrupt(found),
        )  # fmt: skip
        outcome.extra |= {"polyhedra": len(found), "thin": len(found.thin)}
        report.lines([
            *result_lines(outcome),
            ("polyhedra", f"{len(found):,}, and {len(found.thin):,} without interior"),
        ])  # fmt: skip
        if arguments.volume and outcome.interrupt is None:
            volume = found.volume(time_limit=_left(arguments))
            outcome.extra["volume"] = _volume_json(volume)
            report.block("volume", _volume_lines(volume))
        return outcome, found

    return _each(arguments, one)


def enumerate_where(arguments: argparse.Namespace) -> int:
    """``enumerate --where``: regions with points where a condition holds, and their parts there."""
    from ..verification.regions import regions_where

    for name in ("edges", "affine"):
        if getattr(arguments, name):
            raise ParameterError(
                f"enumerate: --{name} does not go with --where; leave one of them out"
            )
    if arguments.out is None:
        raise ParameterError("enumerate: say where the regions go, with --out FILE.json")

    def one(
        network: Network, domain: Domain, report: Report, store: str | None
    ) -> tuple[Outcome, RegionsWhere]:
        with workers(arguments) as executor:
            found = regions_where(
                network, domain, arguments.where, limit=arguments.limit, engine=arguments.engine,
                time_limit=_left(arguments), executor=executor,
                progress=None if arguments.json else True, store=store,
                resume=store is not None and arguments.resume,
            )  # fmt: skip
        outcome = Outcome(
            domain, found.engine, len(found), 0, found.seconds, found.stopped, found.decisions,
            _interrupt(found), {"touching": len(found.touching)},
        )  # fmt: skip
        lines = result_lines(outcome)
        touching = f"{len(found.touching):,} more regions hold such points on their border alone"
        report.lines([lines[0], ("touching", touching), *lines[1:]])
        return outcome, found

    return _each(arguments, one)


def _each(arguments: argparse.Namespace, one: Any) -> int:
    """Go through the domains; what is found on each goes to a file, if one is asked for."""
    from ..verification.wanted import statement_of

    network, domains = read_network(arguments)
    program = program_in_time(arguments, network)  # may refuse; nothing is printed yet
    statement_of(network, domains[0], arguments.where, "--where")
    paths: Sequence[str] = ()
    if arguments.out is not None:
        paths = paths_for(arguments.out, len(domains), arguments.network, _check_path)
    report = Report(results(), silent=arguments.json)
    report.block("network", network_lines(network, program, arguments))
    report.block("where", [plain(arguments.where)])
    stores = store_files(arguments, len(domains))
    outcomes: list[Outcome] = []
    for i, domain in enumerate(domains):
        label = f"domain {i + 1}/{len(domains)}" if len(domains) > 1 else "domain"
        report.block(label, domain_lines(domain))
        outcome, found = one(network, domain, report, stores[i] if stores else None)
        outcome.extra["where"] = arguments.where
        if paths and outcome.interrupt is None:
            write(paths[i], partial(_save, found), outcome, report)
        outcomes.append(outcome)
        if outcome.interrupt is not None:
            break
    return conclude(arguments, network, domains, outcomes, report)


def _check_path(path: str) -> None:
    if not path.lower().endswith(".json"):
        raise ParameterError(f"--out: {path[:80]}: parts are written as .json; give such a name")
    check_writable(path)


def _save(found: Preimage | RegionsWhere, path: str, progress: Any = None) -> None:
    with replaced(path) as stream:
        stream.write(json.dumps(found.to_dict(), allow_nan=False).encode() + b"\n")


def _left(arguments: argparse.Namespace) -> float | None:
    clock = arguments.clock
    return None if clock.deadline is None else max(0.0, clock.deadline - clock.now())


def _interrupt(found: Any) -> KeyboardInterrupt | None:
    reason = "" if found.stopped is None else found.stopped.reason
    if reason == "terminated":
        return Stopped()
    return KeyboardInterrupt() if reason == "interrupt" else None


def _volume_json(volume: PreimageVolume) -> dict[str, Any]:
    def text(value: Any) -> str | None:
        if value is None:
            return None
        return "infinite" if isinstance(value, float) else format_rational(value)

    return {
        "low": text(volume.low), "high": text(volume.high), "share_low": text(volume.share_low),
        "share_high": text(volume.share_high), "note": volume.note,
    }  # fmt: skip


def _volume_lines(volume: PreimageVolume) -> list[str]:
    def text(value: Any) -> str:
        if isinstance(value, float):
            return "infinite"
        exact = format_rational(value)
        return exact if len(exact) <= 40 else f"about {float(value):.12g}"

    def between(low: Any, high: Any) -> str:
        return text(low) if low == high else f"between {text(low)} and {text(high)}"

    lines = [between(volume.low, volume.high)]
    if volume.share_low is not None:
        lines.append(f"of the domain: {between(volume.share_low, volume.share_high)}")
    return [*lines, *([volume.note] if volume.note else [])]
