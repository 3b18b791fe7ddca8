"""The result of an enumeration: codes, witnesses and how they were proved."""

from .partition import Partition

__all__ = ["Partition"]
