"""``exactspline info``: a network layer by layer, and the upper bounds that apply."""

from __future__ import annotations

import argparse
import math
import textwrap
from typing import TYPE_CHECKING, Any

from ..bounds import UpperBound, rank_of_inputs, upper_bounds
from ..domain import Domain
from ..errors import UnsupportedOperatorError
from ..texts import plain
from .domains import domain_lines
from .networks import read_network
from .report import Report, approximation_json, notes
from .streams import results
from .text import big, path_text, shape_text

if TYPE_CHECKING:
    from ..network import Network

__all__ = ["info"]


def info(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    network, domains = read_network(arguments)
    refused = _refused(network)  # describing such a network is still useful
    operators = _operators(network, not refused)
    layers = [] if refused else _layers(network)
    bounded = [] if refused else [_bounds(network, domain) for domain in domains]
    report = Report(results(), silent=arguments.json)
    if arguments.json:
        report.json(_json(network, arguments, operators, layers, domains, bounded, refused))
        return 0
    report.block(
        "network",
        [
            path_text(arguments.network),
            f"sha256 {network.sha256}",
            f"{'' if refused else f'{network.units:,} units, '}{network.parameters:,} parameters",
            *notes(network, arguments),
        ],
    )
    report.block("operators", _table(_columns(operators), operators))
    if layers:
        report.block(
            "layers",
            _table(["", "reads", "dimension", "units", "pieces", "made by"], layers),
        )
    if refused:
        report.block("regions", textwrap.wrap(refused, 76))
        return 0
    for i, (domain, (rank, bounds)) in enumerate(zip(domains, bounded, strict=True)):
        label = f"domain {i + 1}/{len(domains)}" if len(domains) > 1 else "domain"
        report.block(label, domain_lines(domain))
        if network.units:
            report.block("", [f"the first layer tells {rank} of its dimensions apart"])
        report.block("regions", [_bound_line(bound) for bound in bounds])
    return 0


def _refused(network: Network) -> str:
    """Why a network has no partition into affine pieces; empty if it has one."""
    try:
        _ = network.program
    except UnsupportedOperatorError as error:
        return str(error)
    return ""


def _operators(network: Network, compiled: bool) -> list[dict[str, Any]]:
    """One row an operator, in the order in which they are evaluated; those of g come last."""
    units: dict[str, int] = {}
    for layer in network.program.layers if compiled else ():
        for group in layer.names:
            units[group.operator] = units.get(group.operator, 0) + len(group)
    shapes = [node.shape for node in (*network.nodes, *network.output_nodes)]
    labels = network.labels
    rows = []
    for i, node in enumerate((*network.nodes, *network.output_nodes)):
        inputs = [network.input_shape if j < 0 else shapes[j] for j in node.inputs]
        chain = node.inputs == (i - 1,)
        rows.append(
            {
                "": f"{i} {node.operator.describe()}",
                "reads": "" if chain else ", ".join(str(j) if j >= 0 else "x" for j in node.inputs),
                "input": ", ".join(shape_text(shape) for shape in inputs),
                "output": shape_text(node.shape),
                "units": units.get(labels[i], 0) if i < len(network.nodes) else 0,
                "parameters": node.operator.parameters,
                "name": node.operator.name,
                "inputs": list(node.inputs),
            }
        )
    return rows


def _layers(network: Network) -> list[dict[str, Any]]:
    """One row a layer of the compiled program."""
    rows = []
    state = dimension = network.input_dim
    for i, layer in enumerate(network.program.layers):
        pieces = sorted(set(layer.units.pieces.tolist()))
        rows.append(
            {
                "": f"layer {i + 1}",
                "units": len(layer.units),
                "pieces": "-".join(str(p) for p in (pieces[0], *pieces[1:][-1:])),
                "reads": state,
                "dimension": dimension,  # of what it reads, at most
                "made by": ", ".join(group.operator for group in layer.names),
            }
        )
        state = layer.state_size
        dimension = min(dimension, state)
    return rows


def _columns(operators: list[dict[str, Any]]) -> list[str]:
    """The columns of the table; what operators read is the one before, in a chain."""
    columns = ["", "input", "output", "units", "parameters"]
    if any(row["reads"] for row in operators):
        columns.insert(1, "reads")
    return columns


def _table(columns: list[str], rows: list[dict[str, Any]]) -> list[str]:
    """Rows in aligned columns; zeros are left out."""
    cells = [columns, *([_cell(row[c]) for c in columns] for row in rows)]
    widths = [max(len(row[j]) for row in cells) for j in range(len(columns))]
    numeric = [all(isinstance(row[c], int) for row in rows) for c in columns]
    return [
        "  ".join(
            cell.rjust(w) if right else cell.ljust(w)
            for cell, w, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]


def _cell(value: int | str) -> str:
    if isinstance(value, str):
        return plain(value)
    return f"{value:,}" if value else ""


def _bounds(network: Network, domain: Domain) -> tuple[int, list[UpperBound]]:
    rank = rank_of_inputs(network.program, domain.chart)
    return rank, upper_bounds(network.program, rank)


def _bound_line(bound: UpperBound) -> str:
    if bound.value is None:
        return f"{bound.name}: {bound.note}"
    return f"at most {big(bound.value)} ({bound.name}: {bound.note})"


def _json(
    network: Network,
    arguments: argparse.Namespace,
    operators: list[dict[str, Any]],
    layers: list[dict[str, Any]],
    domains: list[Domain],
    bounded: list[tuple[int, list[UpperBound]]],
    refused: str,
) -> dict[str, Any]:
    from ..formats import domain_to_json
    from ..version import __version__

    return {
        "network": path_text(arguments.network),
        "network_sha256": network.sha256,
        "input_shape": list(network.input_shape),
        "output_shape": list(network.output_shape),
        "input_dim": network.input_dim,
        "units": None if refused else network.units,
        "piecewise_affine": not refused,
        "parameters": network.parameters,
        "rounded_scales": network.rounded_scales,
        "output_operator": network.output_operator or None,
        **approximation_json(arguments),
        "operators": [
            {
                "operator": node.operator.kind,
                "name": node.operator.name,
                "inputs": row["inputs"],
                "output_shape": list(node.shape),
                "units": row["units"],
                "parameters": row["parameters"],
            }
            for node, row in zip((*network.nodes, *network.output_nodes), operators, strict=True)
        ],
        "layers": [
            {
                "units": row["units"],
                "reads": row["reads"],
                "dimension_at_most": row["dimension"],
                "made_by": row["made by"],
            }
            for row in layers
        ],
        "domains": [
            {
                "domain": domain_to_json(domain),
                "domain_dim": domain.chart.dim,
                "n0": rank,
                "bounds": [_bound_json(bound) for bound in bounds],
            }
            for domain, (rank, bounds) in zip(domains, bounded, strict=not refused)
        ],
        "version": __version__,
    }


def _bound_json(bound: UpperBound) -> dict[str, Any]:
    """Numbers beyond 2^53 as text: not every reader of JSON keeps them."""
    value = bound.value
    exact: int | str | None = value
    if value is not None and value > 2**53:
        exact = str(value) if value < 10**1000 else big(value)
    return {
        "name": bound.name,
        "applies": value is not None,
        "regions_at_most": exact,
        "log10": None if value is None else round(math.log10(value), 6),
        "note": bound.note,
    }
