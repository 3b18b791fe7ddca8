"""Texts from outside as they are shown: a name can neither steer a terminal nor forge a line."""

from __future__ import annotations

__all__ = ["encodable", "plain"]


def plain(text: str) -> str:
    """A text in which everything that is not simply seen is written as an escape.

    Control characters, line ends, direction marks, lone surrogates: what a terminal would obey,
    what an encoding or XML cannot hold, and what looks like nothing.

    Examples
    --------
    >>> plain("re" + chr(27) + "lu" + chr(10) + "é")
    're\\\\u001blu\\\\u000aé'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def encodable(text: str) -> str:
    """A text that UTF-8 holds: lone surrogates are written as escapes, the rest stays.

    Examples
    --------
    >>> encodable("a" + chr(0xD800)).encode()
    b'a\\\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _escaped(c: str) -> str:
    code = ord(c)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
