"""The adjacency graph for other programs: GraphML, GEXF and DOT, written row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.sax.saxutils import escape, quoteattr

from ..partition.columns.description import GRAPH, header
from .progress import Progress, Ticker
from .rows import EdgeRow, RegionRow, edge_rows, region_rows
from .texts import plain

if TYPE_CHECKING:
    from ..partition.partition import Partition

__all__ = ["write_dot", "write_gexf", "write_graphml"]

_NODE = ("code", "witness", "borders")
_EDGE = ("units", "pieces", "names", "normal", "witness")


def write_graphml(
    stream: BinaryIO, partition: Partition, *, exact: bool, progress: Progress | None
) -> None:
    """GraphML; lists are texts with blanks between."""
    head = _scalars(partition, exact)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ]
    kinds = {bool: "boolean", int: "long", str: "string"}
    for i, (key, value) in enumerate(head.items()):
        kind = kinds[type(value)]
        lines.append(f'<key id="g{i}" for="graph" attr.name="{key}" attr.type="{kind}"/>')
    for letter, what, names in (("n", "node", _NODE), ("e", "edge", _EDGE)):
        for i, key in enumerate(names):
            lines.append(
                f'<key id="{letter}{i}" for="{what}" attr.name="{key}" attr.type="string"/>'
            )
    lines.append('<graph edgedefault="undirected">')
    for i, value in enumerate(head.values()):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        lines.append(f'<data key="g{i}">{escape(text)}</data>')
    _write_rows(
        stream, partition, exact, progress, (lines, [], ["</graph>", "</graphml>"]),
        lambda r: f'<node id="{r.region}">{_data("n", _of_node(r))}</node>',
        lambda _, e: (
            f'<edge source="{e.source}" target="{e.target}">{_data("e", _of_edge(e))}</edge>'
        ),
    )  # fmt: skip


def write_gexf(
    stream: BinaryIO, partition: Partition, *, exact: bool, progress: Progress | None
) -> None:
    """GEXF 1.2; the format has no attributes of a graph, so they are a JSON description."""
    head = header(partition, GRAPH, "exact" if exact else "rounded")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">',
        f"<meta><creator>{escape(head['writer'])}</creator>"
        f"<description>{escape(json.dumps(head))}</description></meta>",
        '<graph mode="static" defaultedgetype="undirected">',
    ]
    for what, names in (("node", _NODE), ("edge", _EDGE)):
        lines.append(f'<attributes class="{what}" mode="static">')
        for i, key in enumerate(names):
            lines.append(f'<attribute id="{i}" title="{key}" type="string"/>')
        lines.append("</attributes>")
    _write_rows(
        stream, partition, exact, progress,
        ([*lines, "<nodes>"], ["</nodes>", "<edges>"], ["</edges>", "</graph>", "</gexf>"]),
        lambda r: f'<node id="{r.region}" label="{r.region}">{_values(_of_node(r))}</node>',
        lambda number, e: (
            f'<edge id="{number}" source="{e.source}" target="{e.target}">'
            f"{_values(_of_edge(e))}</edge>"
        ),
    )  # fmt: skip


def write_dot(
    stream: BinaryIO, partition: Partition, *, exact: bool, progress: Progress | None
) -> None:
    """DOT, the language of Graphviz."""
    lines = [f"  {key}={_quoted(str(value))};" for key, value in _scalars(partition, exact).items()]
    _write_rows(
        stream, partition, exact, progress, (["graph partition {", *lines], [], ["}"]),
        lambda r: f"  {r.region} [{_list(_NODE, _of_node(r))}];",
        lambda _, e: f"  {e.source} -- {e.target} [{_list(_EDGE, _of_edge(e))}];",
    )  # fmt: skip


def _write_rows(
    stream: BinaryIO, partition: Partition, exact: bool, progress: Progress | None,
    around: tuple[list[str], list[str], list[str]], node: Callable[[RegionRow], str],
    edge: Callable[[int, EdgeRow], str],
) -> None:  # fmt: skip
    """A line a node and a line an edge, with the lines before, between and behind them."""
    ticker = Ticker(progress, len(partition) + len(partition.edges))
    _write(stream, around[0])
    for nodes in region_rows(partition, borders=True):
        _write(stream, map(node, nodes))
        ticker.add(len(nodes))
    _write(stream, around[1])
    number = 0
    for edges in edge_rows(partition, exact=exact):
        _write(stream, (edge(number + i, e) for i, e in enumerate(edges)))
        number += len(edges)
        ticker.add(len(edges))
    _write(stream, around[2])


def _scalars(partition: Partition, exact: bool) -> dict[str, Any]:
    """The header with texts, integers and truth values only; what has parts is JSON."""
    head = header(partition, GRAPH, "exact" if exact else "rounded")
    return {
        key: plain(value)
        if isinstance(value, str)
        else value
        if isinstance(value, bool | int)
        else json.dumps(value)
        for key, value in head.items()
    }


def _of_node(row: RegionRow) -> Iterator[str]:
    """Values of the node attributes, in their order."""
    yield row.code
    yield " ".join(row.witness)
    yield " ".join(map(str, row.borders))


def _of_edge(row: EdgeRow) -> Iterator[str]:
    """Values of the edge attributes, in their order."""
    yield " ".join(map(str, row.units))
    yield " ".join(map(str, row.pieces))
    yield ", ".join(row.names)
    yield " ".join(row.normal)
    yield " ".join(row.witness)


def _data(letter: str, values: Iterator[str]) -> str:
    return "".join(
        f'<data key="{letter}{i}">{escape(value)}</data>' for i, value in enumerate(values)
    )


def _values(values: Iterator[str]) -> str:
    inner = "".join(
        f'<attvalue for="{i}" value={quoteattr(value)}/>' for i, value in enumerate(values)
    )
    return f"<attvalues>{inner}</attvalues>"


def _list(names: tuple[str, ...], values: Iterator[str]) -> str:
    return ", ".join(f"{name}={_quoted(value)}" for name, value in zip(names, values, strict=True))


def _quoted(text: str) -> str:
    """A DOT string: a quote and a backslash have a backslash before them."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write(stream: BinaryIO, lines: Iterable[str]) -> None:
    stream.write("".join(f"{line}\n" for line in lines).encode("utf-8"))
