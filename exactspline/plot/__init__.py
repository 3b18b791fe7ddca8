"""Pictures, made when asked for: matplotlib for still ones, plotly for those in space."""

from __future__ import annotations
