"""Files that register themselves: a folder's files are loaded, so that their decorators run.

An operator, a reader, a check and an engine are one file each, and no list elsewhere names it: the
list is what the files of its folder have registered. This is the one place that imports by a name
that is not written down. It cannot lead round the order of the rooms: a caller hands over a folder
that it has imported, and only files of that folder are loaded, each of which states its own
imports as all files do. Which folders are loaded so, and that no circle comes of it, is checked
with the imports that are written down (tests/test_discovery.py).
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__all__ = ["load_files"]


def load_files(folder: ModuleType) -> None:
    """Load every file of a folder.

    Parameters
    ----------
    folder : module
        A package that the caller has imported; packages inside of it are loaded by themselves,
        not their files.

    Notes
    -----
    What is loaded already costs nothing but a look into the folder.

    Examples
    --------
    >>> import exactspline.network
    >>> load_files(exactspline.network)
    """
    for entry in iter_modules(folder.__path__):
        import_module(f"{folder.__name__}.{entry.name}")
