"""Fixtures of pictures: no window opens, and none stays in memory."""

from __future__ import annotations

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _no_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")
