"""One line that says how far the tests are, instead of a dot for each; on a terminal only."""

from __future__ import annotations

import shutil
import time

import pytest


def is_wanted(config: pytest.Config) -> bool:
    """Whether a person watches who has asked for neither more nor less than pyproject.toml."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return False
    return reporter.isatty and config.get_verbosity() == -1 and not config.option.usepdb


class ProgressBar:
    """Draws the bar; what failed is told at once, on a line of its own above it."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal = config.get_terminal_writer()
        self._start = time.monotonic()
        self._drawn = 0.0
        self._total = self._done = self._failed = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._total = max(self._total, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._total = len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No letters; what failed or was skipped is counted as ever."""
        if report.passed:
            return "passed" if report.when == "call" else "", "", ""
        if report.failed:
            return "failed" if report.when == "call" else "error", "", ""
        return None if hasattr(report, "wasxfail") else ("skipped", "", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed += 1
            self._erase()
            self._terminal.line(f"FAILED {report.nodeid}", red=True)
        if report.when == "teardown":
            self._done += 1
        now = time.monotonic()
        if now - self._drawn > 0.1 or self._done == self._total:
            self._drawn = now
            self._draw(now - self._start)

    def pytest_sessionfinish(self) -> None:
        self._erase()

    def _draw(self, seconds: float) -> None:
        share = self._done / max(self._total, 1)
        minutes, rest = divmod(int(seconds), 60)
        text = f" {self._done:,} of {self._total:,} tests, {minutes}:{rest:02}"
        if self._failed:
            text += f", {self._failed} failed"
        width = min(40, shutil.get_terminal_size().columns - len(text) - 3)
        if width > 0:
            full = int(share * width)
            text = f"[{'#' * full}{'.' * (width - full)}]{text}"
        self._terminal.write(f"\r{text}\x1b[K", flush=True)

    def _erase(self) -> None:
        self._terminal.write("\r\x1b[K", flush=True)
