"""How texts from outside are shown: a name can neither steer a terminal nor forge a line; times."""

from __future__ import annotations

__all__ = ["duration", "encodable", "no_network", "plain"]


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


def no_network(given: object) -> str:
    """What stands in an error where a network is needed, and how one gets there.

    Examples
    --------
    >>> no_network([1, 2])
    'a Network is needed, not a list; make one by load(path), from_torch(...) or from_sklearn(...)'
    """
    how = "load(path), from_torch(...) or from_sklearn(...)"
    root = type(given).__module__.partition(".")[0]
    bases = {base.__module__.partition(".")[0] for base in type(given).__mro__}
    if "torch" in bases:
        how = "from_torch(module, input_shape)"
    elif root == "sklearn":
        how = "from_sklearn(estimator)"
    return f"a Network is needed, not a {type(given).__name__}; make one by {how}"


def duration(seconds: float) -> str:
    """Seconds as people read them.

    Examples
    --------
    >>> duration(0.25), duration(75.0), duration(4000.0)
    ('0.25 s', '1:15 min', '1:06:40')
    """
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d} min"


def _escaped(c: str) -> str:
    code = ord(c)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
