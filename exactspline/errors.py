"""The one tree of errors. Every message says what was wrong, where, and what to do."""

from __future__ import annotations

from .texts import plain

__all__ = [
    "DomainError",
    "ExactSplineError",
    "FloatingPointModeError",
    "FormatError",
    "LimitError",
    "ParameterError",
    "ShapeError",
    "StoreError",
    "UndecidedError",
    "UnsupportedOperatorError",
    "WorkerError",
]


class ExactSplineError(Exception):
    """Base of every error that exactspline raises on purpose."""

    def __str__(self) -> str:
        return plain(super().__str__())  # messages quote names from files


class FormatError(ExactSplineError):
    """A file is malformed, truncated, too large or not of the format it claims to be."""


class UnsupportedOperatorError(ExactSplineError):
    """A network holds an operator that is not piecewise affine, or not supported."""


class ShapeError(ExactSplineError):
    """Shapes of operators, parameters or inputs do not fit together."""


class ParameterError(ExactSplineError):
    """A parameter is not a finite number (NaN, infinity, unreadable text), or out of range."""


class DomainError(ExactSplineError):
    """A domain is empty, contradictory, or does not fit the network."""


class UndecidedError(ExactSplineError):
    """The tiers contradict each other or a sign has no proof; it is never guessed."""


class FloatingPointModeError(ExactSplineError):
    """A thread flushes subnormal numbers or does not round to nearest, and that cannot be set."""


class LimitError(ExactSplineError):
    """A result would not fit the stated size; the message names the alternative."""


class WorkerError(ExactSplineError):
    """A task failed again and again, or the executor that runs tasks is gone."""


class StoreError(ExactSplineError):
    """A store cannot be read or written, is another run's, or is in use."""
