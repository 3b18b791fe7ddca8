"""Fixtures of the command line."""

from __future__ import annotations

import signal

import pytest

from exactspline.driver.progress import Progress


@pytest.fixture
def interrupted(monkeypatch):
    """Send this process a signal at the third sign of life of a search.

    What was told until then (a search: its regions) is in the list that is returned.
    """

    def arm(signum, method="update", at=3):
        calls = []

        def tick(self, told, *more):
            calls.append(getattr(told, "regions", told))
            if len(calls) == at:
                signal.raise_signal(signum)

        monkeypatch.setattr(Progress, method, tick)
        return calls

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arm
    signal.signal(signal.SIGINT, before)
