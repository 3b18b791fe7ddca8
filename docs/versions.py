"""The site for every release and for main, with a menu: ``python docs/versions.py OUT``.

Every tag ``v*`` and the branch main are taken out of git and built in ``OUT/<name>``, by the
packages that are installed; nothing is downloaded, and the work tree is left alone.
``OUT/switcher.json`` is the list that pages read for their menu (the theme's version switcher),
``OUT/index.html`` leads to the newest release. Look at it with ``python -m http.server -d OUT``:
browsers read no list from files. A site that is not served from the root of its host needs
``--base``, where it is.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VERSION = "EXACTSPLINE_DOCS_VERSION"  # says to conf.py which one of several this is
RELEASE = re.compile(r"v\d+(\.\d+)*")
MAIN = "main"


def theme_options() -> dict[str, Any]:
    """What conf.py adds to the theme's options: the menu, if this is one of several versions."""
    name = os.environ.get(VERSION)
    if not name:
        return {}
    return {
        # relative to the version's own folder; the theme would look for it among the sources
        "switcher": {"json_url": "../switcher.json", "version_match": name},
        "check_switcher": False,
        "navbar_persistent": ["search-button"],  # short, so that all stands in one line
        "navbar_end": ["version-switcher", "theme-switcher"],
    }


def versions(repository: Path) -> list[str]:
    """Main, and the releases from the newest on."""
    tags = _git(repository, "tag", "--list", "v*").decode().split()
    releases = [tag for tag in tags if RELEASE.fullmatch(tag)]
    return [MAIN, *sorted(releases, key=lambda tag: [*map(int, tag[1:].split("."))], reverse=True)]


def switcher(names: list[str], base: str) -> list[dict[str, Any]]:
    """The theme's list: names, addresses, and which one is meant for most readers."""
    releases = [name for name in names if name != MAIN]
    best = releases[0] if releases else names[0]
    root = base.rstrip("/")
    return [
        {
            "name": f"{name} (in work)" if name == MAIN else name,
            "version": name,
            "url": f"{root}/{name}/",
            **({"preferred": True} if name == best else {}),
        }
        for name in names
    ]


def build(repository: Path, name: str, out: Path) -> bool:
    """Build one version out of git; False, and what Sphinx says, if it has a warning or error."""
    with tempfile.TemporaryDirectory() as folder:
        packed = _git(repository, "archive", "--format=tar", name)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-W", "-q", "docs", str(out / name)],
            cwd=folder,
            env={**os.environ, VERSION: name, "PYTHONPATH": folder},
            check=False,
        )
    return done.returncode == 0


def main(argv: list[str] | None = None) -> int:
    """Build all versions; 1 if one of them could not be built, which is then left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help="versions; all releases and main by default")
    parser.add_argument("--base", default="/", help="where the site is served: / or https://...")
    parser.add_argument("--repository", type=Path, default=ROOT)
    args = parser.parse_args(argv)
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    names = args.names or versions(args.repository)
    if bad := [name for name in names if not re.fullmatch(r"\w[\w.-]*", name)]:
        parser.error(f"{bad[0]!r} is no name of a folder beside the others")
    built = [name for name in names if build(args.repository, name, out)]
    if not built:
        print("no version could be built", file=sys.stderr)
        return 1
    listed = switcher(built, args.base)
    (out / "switcher.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    best = next(entry["version"] for entry in listed if "preferred" in entry)
    (out / "index.html").write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={best}/">'
        f'<title>exactspline</title><a href="{best}/">exactspline {best}</a>\n',
        encoding="utf-8",
    )
    for name in names:
        print(f"{name:<12} {out / name if name in built else 'NOT BUILT'}")
    return 0 if built == names else 1


def _git(repository: Path, *words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=repository, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"git {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
