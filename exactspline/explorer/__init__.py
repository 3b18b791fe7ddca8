"""The explorer: a partition of the plane to walk through in a browser, as one file of HTML.

`dataset.py` collects what a page needs of a partition, in columns; `page.py` puts columns, scripts
and styles into one file; `explorer.py` is what users hold. ``files/`` has the scripts as they are
written: nothing is built. The room is not called ``explore``, since importing a package of that
name would put it in the place of the function `exactspline.explore`.
"""

from __future__ import annotations

from .dataset import STEPS
from .explorer import Explorer, check_domain, check_path, explorer_of

__all__ = ["STEPS", "Explorer", "check_domain", "check_path", "explorer_of"]
