"""The examples in docstrings, read from the source: none is missed, whatever wraps a function."""

from __future__ import annotations

import ast
import doctest
import inspect
from collections.abc import Iterator
from functools import cached_property
from types import ModuleType
from typing import Any

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
_OTHER = (property, cached_property, staticmethod, classmethod)


def examples_of(module: ModuleType) -> Iterator[doctest.DocTest]:
    """One test a docstring that has examples.

    doctest's own finder sees no cached properties and nothing inside of functions.
    """
    source = inspect.getsource(module)
    parser = doctest.DocTestParser()

    def walk(node: ast.AST, name: str) -> Iterator[doctest.DocTest]:
        if isinstance(node, _DOCUMENTED):
            text = ast.get_docstring(node)
            if text and ">>>" in text:
                line = node.body[0].lineno - 1
                yield parser.get_doctest(text, dict(vars(module)), name, module.__file__, line)
        for child in ast.iter_child_nodes(node):
            own = getattr(child, "name", "")
            yield from walk(child, f"{name}.{own}" if own else name)

    yield from walk(ast.parse(source), module.__name__)


def has_example(item: Any) -> bool:
    """Whether a function, property or class shows by itself how it is used."""
    if isinstance(item, staticmethod | classmethod):
        item = item.__func__
    if isinstance(item, property):
        item = item.fget
    if isinstance(item, cached_property):
        item = item.func
    return ">>>" in (item.__doc__ or "")


def without_example(cls: type) -> list[str]:
    """What a class makes public and shows no use of.

    What a class does in its own way (``Dense.forward``) is shown where it is declared.
    """
    declared: dict[str, list[Any]] = {}
    for base in cls.__mro__:
        if base.__module__.split(".")[0] != cls.__module__.split(".")[0]:
            continue  # what Python's own classes do
        for name, item in vars(base).items():
            if not name.startswith("_") and (inspect.isfunction(item) or isinstance(item, _OTHER)):
                declared.setdefault(name, []).append(item)
    return [
        f"{cls.__name__}.{name}"
        for name, items in declared.items()
        if not any(has_example(item) for item in items)
    ]
