"""Texts that every format can hold."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["float_texts", "plain"]


def float_texts(values: Sequence[float]) -> list[str]:
    """Floats as the shortest decimals that read back as they were."""
    return [repr(value + 0.0) for value in values]  # no -0.0


def plain(text: str) -> str:
    """A text without control characters and what else XML cannot hold, written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _holdable(c) else _escaped(c) for c in text)


def _holdable(c: str) -> bool:
    code = ord(c)
    if code < 0x20 or 0x7F <= code < 0xA0 or code in (0x2028, 0x2029):
        return False
    return not (0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE)


def _escaped(c: str) -> str:
    code = ord(c)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
