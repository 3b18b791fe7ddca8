"""S-expressions as SMT-LIB writes them: tokens with line numbers, statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import FormatError

__all__ = ["Expression", "Symbol", "statements"]

# blanks and comments; then a token, a character that has no place, or the end
_TOKEN = re.compile(r"(?:[ \t\r\f]++|;[^\n]*+)*+(?:(\n|[()]|[^\s();\"|]++)|(.)|\Z)")
_MAX_DEPTH = 100
_MAX_TOKENS = 1 << 20


class Symbol(NamedTuple):
    """A name or number, and the line on which it stands."""

    text: str
    line: int


class Expression(NamedTuple):
    """A parenthesised list, and the line on which it starts."""

    items: tuple[Symbol | Expression, ...]
    line: int

    @property
    def head(self) -> str:
        """The first symbol, or an empty text."""
        first = self.items[0] if self.items else None
        return first.text if isinstance(first, Symbol) else ""


def statements(text: str, where: str) -> Iterator[Expression]:
    """The top-level lists of a text, one after the other.

    Raises
    ------
    FormatError
        For a parenthesis too many or too few, a character that has no place, nesting over 100
        or more than 1,048,576 symbols in one statement; the message names the line.
    """
    line, tokens = 1, 0
    open_lists: list[tuple[list[Symbol | Expression], int]] = []
    for match in _TOKEN.finditer(text):
        token, other = match.groups()
        if token is None:
            if other is None:
                break  # the end
            raise FormatError(f"{where}, line {line}: unexpected character {other!r}")
        if token == "\n":
            line += 1
            continue
        tokens += 1
        if tokens > _MAX_TOKENS:
            raise FormatError(
                f"{where}, line {line}: a statement of more than {_MAX_TOKENS:,} symbols"
            )
        if token == "(":
            open_lists.append(([], line))
            if len(open_lists) > _MAX_DEPTH:
                raise FormatError(f"{where}, line {line}: nested more than {_MAX_DEPTH} deep")
        elif token == ")":
            if not open_lists:
                raise FormatError(f"{where}, line {line}: a ')' without its '('")
            items, start = open_lists.pop()
            done = Expression(tuple(items), start)
            if open_lists:
                open_lists[-1][0].append(done)
            else:
                tokens = 0
                yield done
        elif open_lists:
            open_lists[-1][0].append(Symbol(token, line))
        else:
            raise FormatError(
                f"{where}, line {line}: {token[:40]!r} stands outside of any parentheses"
            )
    if open_lists:
        raise FormatError(
            f"{where}, line {line}: the file ends inside of the '(' of line {open_lists[-1][1]}; "
            "it is truncated"
        )
