"""The names of this room that users see."""

from .event import SegmentEvent
from .functions import segment_path
from .path import SegmentPath

__all__ = ["SegmentEvent", "SegmentPath", "segment_path"]
