"""The command line: ``exactspline count`` and ``exactspline info``.

Arguments are read here, work is done by the public functions, and what comes out is written
for a person or as one JSON object. Nothing heavy is imported before it is needed.
"""

from .main import main, run

__all__ = ["main", "run"]
