"""``python -m exactspline`` is the command line."""

from .cli import run

run()
