"""``exactspline doctor``: what is installed, and where kernels are kept."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from ..version import __version__
from .report import Report
from .streams import results

__all__ = ["doctor", "findings"]

_KERNELS = (
    ("count", "kernel", False),
    ("graph", "kernel", True),
    ("count in the plane", "plane", False),
    ("graph in the plane", "plane", True),
)


def doctor(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 0, or 2 if something that is needed is missing."""
    found = findings()
    if arguments.json:
        results().write(json.dumps(found) + "\n")
    else:
        _show(found)
    return 2 if found["missing"] else 0


def findings() -> dict[str, Any]:
    """What there is.

    Returns
    -------
    dict
        exactspline, python, platform, where: text; packages: versions by name; missing: names of
        needed packages that are not there; extras: by name, whether it is complete and what lacks;
        cache: folder, whether it can be written, MiB in it, and which kernels are compiled;
        processors, threads: int.
    """
    packages: dict[str, str] = {}
    missing: list[str] = []
    extras: dict[str, list[str]] = {}
    for text in _requirements():
        name = re.split(r"[ ;<>=!~\[(]", text, maxsplit=1)[0]
        version = _version(name)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", text)
        if extra:
            lacks = extras.setdefault(extra[1], [])
            if version is None:
                lacks.append(name)
        elif version is not None:
            packages[name] = version
        elif "platform_machine" not in text:
            missing.append(name)
    return {
        "exactspline": __version__, "python": platform.python_version(),
        "platform": platform.platform(), "where": str(Path(__file__).resolve().parents[1]),
        "packages": packages, "missing": missing,
        "extras": {name: {"complete": not lacks, "missing": lacks}
                   for name, lacks in extras.items()},
        "cache": _cache(), "processors": os.cpu_count() or 1, "threads": _threads(),
    }  # fmt: skip


def _requirements() -> list[str]:
    try:
        return importlib.metadata.requires("exactspline") or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder, not installed
        return []


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cache() -> dict[str, Any]:
    """The folder of kernels; empty facts where Numba itself is missing."""
    try:
        from ..kernels import cache_folder
        from ..search.compiled import is_compiled

        folder = cache_folder()
        compiled = {name: is_compiled(engine, facets=facets) for name, engine, facets in _KERNELS}
    except ImportError:
        return {"folder": None, "writable": False, "mebibytes": 0.0, "compiled": {}}
    size = 0
    if folder is not None and folder.is_dir():
        for path in folder.rglob("*"):
            if path.is_file():
                size += path.stat().st_size
    return {
        "folder": None if folder is None else str(folder), "writable": _can_be_written(folder),
        "mebibytes": round(size / 2**20, 1), "compiled": compiled,
    }  # fmt: skip


def _can_be_written(folder: Path | None) -> bool:
    """Whether files can be made there, or the folder itself."""
    if folder is None:
        return False
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    return there.is_dir() and os.access(there, os.W_OK)


def _threads() -> int:
    try:
        import numba

        return int(numba.get_num_threads())
    except ImportError:
        return 1


def _show(found: dict[str, Any]) -> None:
    report = Report(results(), silent=False)
    report.block("exactspline", [f"{found['exactspline']}, {found['where']}"])
    report.block("python", [f"{found['python']}, {sys.executable}", found["platform"]])
    packages = [f"{name} {version}" for name, version in sorted(found["packages"].items())]
    report.block("packages", [", ".join(packages[i : i + 4]) for i in range(0, len(packages), 4)])
    if found["missing"]:
        report.block("MISSING", [f"{', '.join(found['missing'])}: install exactspline by pip"])
    width = max((len(name) for name in found["extras"]), default=0)
    lines = []
    for name, own in sorted(found["extras"].items()):
        said = (
            "there"
            if own["complete"]
            else f"pip install 'exactspline[{name}]' brings " + (", ".join(own["missing"]))
        )
        lines.append(f"{name.ljust(width)}  {said}")
    report.block("extras", lines or ["unknown: exactspline is not installed by pip"])
    cache = found["cache"]
    writable = "" if cache["writable"] else ", which cannot be written: every process compiles"
    report.block(
        "kernels",
        [f"{cache['folder']}{writable}, {cache['mebibytes']} MiB"]
        + [f"{name}: {'compiled' if done else 'compiled when it first runs'}"
           for name, done in cache["compiled"].items()],
    )  # fmt: skip
    report.block("machine", [f"{found['processors']} processors, {found['threads']} threads",
                             f"browser {'found' if _browser() else 'not found'}"])  # fmt: skip


def _browser() -> bool:
    return any(map(shutil.which, ("chromium", "google-chrome", "firefox", "xdg-open", "open")))
