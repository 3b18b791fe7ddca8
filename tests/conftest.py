"""Fixtures of several rooms."""

from __future__ import annotations

import gc
import signal
import sys
import threading

import progress_bar
import pytest

from exactspline.cli import main


@pytest.hookimpl(trylast=True)  # the terminal is there first
def pytest_configure(config: pytest.Config) -> None:
    """Draw the bar; have Ctrl-C on, which a shell switches off for what it starts with ``&``."""
    here = threading.current_thread() is threading.main_thread()
    if here and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if progress_bar.is_wanted(config):
        config.pluginmanager.register(progress_bar.ProgressBar(config), "progress_bar")


def _own_checks() -> set[str]:
    registry = sys.modules.get("exactspline.theory.registry")
    lines = {} if registry is None else registry.REGISTERED
    return {name for name, line in lines.items() if line.own}


@pytest.fixture(autouse=True)
def _checks_end_with_their_test():
    """What a test registers, or an example that it runs, is not seen by the next one."""
    before = _own_checks()
    yield
    for name in _own_checks() - before:
        del sys.modules["exactspline.theory.registry"].REGISTERED[name]


@pytest.fixture
def short_tasks(monkeypatch):
    """Tasks that end after a few decisions, so that small searches are cut up."""
    monkeypatch.setattr("exactspline.search.kernel.engine.BUDGET", 40)
    monkeypatch.setattr("exactspline.search.plane.engine.BUDGET", 10)
    monkeypatch.setattr("exactspline.search.highs.engine.HEARTBEAT", 0.0)
    monkeypatch.setattr("exactspline.tasks.coordinate.SECONDS", 0.0)
    monkeypatch.setattr("exactspline.tasks.coordinate.SHORT_SECONDS", 0.0)
    monkeypatch.setattr("exactspline.tasks.task._DESCENTS", 0)


@pytest.fixture
def command_line(capsys):
    """Run the command line in this process: (exit code, standard output, standard error)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def pytest_collection_finish() -> None:
    """What is collected stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
