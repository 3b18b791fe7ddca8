"""S-expressions as SMT-LIB writes them: tokens with line numbers, statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import FormatError

__all__ = ["Expression", "Symbol", "statements"]

_TOKEN = re.compile(r"[ \t\r\f]+|(\n)|;[^\n]*|([()])|([^\s();\"|]+)")
_MAX_DEPTH = 100
_MAX_TOKENS = 1 << 22


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name or number, and the line on which it stands."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Expression:
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
        or more than 4,194,304 symbols; the message names the line.
    """
    line, position, tokens = 1, 0, 0
    open_lists: list[tuple[list[Symbol | Expression], int]] = []
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise FormatError(f"{where}, line {line}: unexpected character {text[position]!r}")
        position = match.end()
        newline, parenthesis, word = match.groups()
        if newline:
            line += 1
            continue
        if not parenthesis and not word:
            continue
        tokens += 1
        if tokens > _MAX_TOKENS:
            raise FormatError(f"{where}, line {line}: more than {_MAX_TOKENS:,} symbols")
        if parenthesis == "(":
            open_lists.append(([], line))
            if len(open_lists) > _MAX_DEPTH:
                raise FormatError(f"{where}, line {line}: nested more than {_MAX_DEPTH} deep")
        elif parenthesis == ")":
            if not open_lists:
                raise FormatError(f"{where}, line {line}: a ')' without its '('")
            items, start = open_lists.pop()
            done = Expression(tuple(items), start)
            if open_lists:
                open_lists[-1][0].append(done)
            else:
                yield done
        elif open_lists:
            open_lists[-1][0].append(Symbol(word, line))
        else:
            raise FormatError(
                f"{where}, line {line}: {word[:40]!r} stands outside of any parentheses"
            )
    if open_lists:
        raise FormatError(
            f"{where}, line {line}: the file ends inside of the '(' of line {open_lists[-1][1]}; "
            "it is truncated"
        )
