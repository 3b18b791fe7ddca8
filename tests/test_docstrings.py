"""Docstrings: whatever is public has an example, and every example runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import exactspline as es
from exactspline import theory
from exactspline.theory.registry import REGISTERED
from examples import examples_of, has_example, without_example


def modules() -> list[str]:
    return sorted(
        info.name
        for info in pkgutil.walk_packages(es.__path__, "exactspline.")
        if not info.name.endswith("__main__")
    )


def public() -> dict[str, object]:
    """Public functions and classes by their names, without exceptions."""
    found = {name: getattr(es, name) for name in es.__all__}
    found |= {f"theory.{name}": getattr(theory, name) for name in theory.__all__}
    found |= {f"theory.{name}": getattr(theory, name) for name in ("PowerDiagram", "Report")}
    return {
        name: item
        for name, item in found.items()
        if (inspect.isclass(item) and not issubclass(item, Exception)) or inspect.isroutine(item)
    }


PUBLIC = public()


@pytest.fixture(name="_no_own_checks")
def _forget_own_checks():
    """Examples of `exactspline.check` register theirs; later tests must not find them."""
    before = dict(theory.CHECKS)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


@pytest.mark.parametrize("name", ["exactspline", *modules()])
@pytest.mark.usefixtures("_no_own_checks")
def test_doctests(name):
    runner = doctest.DocTestRunner()
    for test in examples_of(importlib.import_module(name)):
        runner.run(test)
    assert runner.summarize().failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_public_things_have_examples(name):
    item = PUBLIC[name]
    assert has_example(item), name
    if inspect.isclass(item):
        assert not without_example(item)


def test_a_missing_example_is_found():
    class Half:
        """One half."""

        @property
        def shown(self) -> float:
            """As in

            >>> 1 / 2
            0.5
            """
            return 0.5

        def hidden(self) -> float:
            """A half."""
            return 0.5

    class Own(Half):
        @property
        def shown(self) -> float:
            return 0.25

    assert not has_example(Half)
    assert without_example(Half) == ["Half.hidden"]
    assert without_example(Own) == ["Own.hidden"]
