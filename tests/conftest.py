"""Fixtures of several rooms."""

from __future__ import annotations

import pytest

from exactspline.search.highs import engine as highs_engine
from exactspline.search.kernel import engine as kernel_engine
from exactspline.tasks import coordinate, task


@pytest.fixture
def short_tasks(monkeypatch):
    """Tasks that end after a few decisions, so that small searches are cut up."""
    monkeypatch.setattr(kernel_engine, "BUDGET", 40)
    monkeypatch.setattr(highs_engine, "HEARTBEAT", 0.0)
    monkeypatch.setattr(coordinate, "SECONDS", 0.0)
    monkeypatch.setattr(coordinate, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(task, "_DESCENTS", 0)
