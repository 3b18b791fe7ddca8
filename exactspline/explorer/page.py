"""The page: one file of HTML with scripts, styles and columns, which needs no server."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from ..texts import encodable, plain

__all__ = ["SCRIPTS", "page", "safe_json"]

SCRIPTS = (
    "columns.js", "colours.js", "affine.js", "geometry.js", "drawing.js", "view.js", "panes.js",
    "image.js", "controls.js", "picture.js", "regions.js", "shown.js", "app.js",
)  # fmt: skip
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def safe_json(value: Any) -> str:
    """JSON that can stand in a script element: ASCII, and without the characters of markup.

    Examples
    --------
    >>> safe_json({"name": "</script>" + chr(0x2028)})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u2028"}'
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def page(title: str, said: dict[str, Any], texts: list[str]) -> Iterator[str]:
    """The parts of the page, in order.

    Parameters
    ----------
    title : str
        Text, never markup.
    said : dict
        What `json.dumps` takes; the scripts read it.
    texts : list of str
        Columns in base64.
    """
    style, script = _read("style.css"), _script()
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{_digest(script)}'; style-src 'sha256-{_digest(style)}'"
    )
    head, foot = _read("page.html").split("<!-- columns -->")
    title = html.escape(encodable(plain(title)))
    yield head.replace("{{policy}}", policy).replace("{{title}}", title).replace("{{style}}", style)
    yield f'<script type="application/json" id="said">{safe_json(said)}</script>\n'
    for i, text in enumerate(texts):  # base64 holds no character of markup
        yield f'<script type="text/plain" id="block-{i}">{text}</script>\n'
    yield foot.replace("{{script}}", script)


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath("files", name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    parts = "\n".join(_read(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
