"""Changes of the theory's formulas that are the same function, each with the reason.

A key is (module, function, text of the expression, change), as `mutations.py --survivors` prints
it: it holds whatever stands above the expression, and a test fails where it names nothing.
"""

from __future__ import annotations

Key = tuple[str, str, str, str]

EQUIVALENT: dict[Key, str] = {}
