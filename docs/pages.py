"""What the site makes from the code: pages of names, the command line, the order of the parts.

An extension of Sphinx. Before pages are read it writes

- ``reference/``: a page for every public name (`names`), and an index of them by rooms;
- ``cli.md``: every command with its help, from the parser itself;
- ``project/``: CONTRIBUTING, CHANGELOG and other files of the repository's root.

Pages of this folder that no part names are the theory's: a new page needs no line anywhere.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import os
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# where each page of the folder stands; whatever is not here is the theory's
PARTS = {
    "index": ["start", "concepts", "guides", "theory", "exactness", "limits", "examples/index",
              "reference", "developers", "project/changelog"],
    "guides": ["formats", "complex", "plot", "explore", "exports", "surfaces", "census", "forward",
               "statements", "verification", "scale", "store"],
    "exactness": ["guarantees", "environment"],
    "start": ["tour"],
    "limits": ["peers", "project/results"],
    "reference": ["reference/index", "cli"],
    "developers": ["project/contributing", "contributing", "packaging", "project/architecture",
                   "project/security"],
}  # fmt: skip

# what a part is called where there is little room
SHORT = {"start": "Start", "theory": "Theory", "exactness": "Exactness", "limits": "Costs"}

COPIED = {
    "CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog", "SECURITY.md": "security",
    "ARCHITECTURE.md": "architecture", "benchmarks/results.md": "results",
}  # fmt: skip

MODULES = [
    "exactspline", "exactspline.theory", "exactspline.bounds", "exactspline.plot",
    "exactspline.formats",
]  # fmt: skip
if importlib.util.find_spec("torch") is not None:
    MODULES.append("exactspline.torch")

# a public name is listed by the room it comes from
ROOMS = {
    "api.reading": "Networks and their operators",
    "api.exploring": "Pictures and pages",
    "api": "Counting and enumerating",
    "driver": "Counting and enumerating",
    "domain": "Domains",
    "network": "Networks and their operators",
    "formats": "Networks and their operators",
    "approximation": "Smooth networks",
    "partition": "Partitions: regions, pieces, graphs, the plane",
    "search": "Partitions: regions, pieces, graphs, the plane",
    "solid": "Partitions: regions, pieces, graphs, the plane",
    "evaluate": "Samples through a network",
    "visits": "Samples through a network",
    "statements": "Statements",
    "verification": "Verification",
    "families": "Families, segments, formulas",
    "segments": "Families, segments, formulas",
    "symbolic": "Families, segments, formulas",
    "torch": "Training in PyTorch",
    "explorer": "Pictures and pages",
    "plot": "Pictures and pages",
    "theory": "The theory",
    "bounds": "Upper and lower bounds",
    "errors": "Errors",
}
OTHER = "Further names"
TITLES = (
    "Counting and enumerating", "Networks and their operators", "Domains",
    "Partitions: regions, pieces, graphs, the plane", "Samples through a network",
    "Pictures and pages", "Statements", "Verification", "The theory", "Upper and lower bounds",
    "Families, segments, formulas", "Training in PyTorch", "Smooth networks", "Errors", OTHER,
)  # fmt: skip


def names() -> dict[str, Any]:
    """All public names with their modules, ``exactspline.Box``, and what they name."""
    found: dict[str, Any] = {}
    for module in MODULES:
        loaded = importlib.import_module(module)
        own = list(loaded.__all__)
        if module == "exactspline.theory":
            own = sorted({*own, *importlib.import_module(f"{module}.chapters").exports()})
        found |= {f"{module}.{name}": getattr(loaded, name) for name in own}
    return found


def room(item: Any) -> str:
    """The title under which a name is listed."""
    module = getattr(item, "__module__", "").split(".")
    if module[:1] != ["exactspline"]:
        return ROOMS["theory"] if isinstance(item, dict) else OTHER
    return ROOMS.get(".".join(module[1:3]), ROOMS.get("".join(module[1:2]), OTHER))


def page_of(name: str, item: Any) -> str:
    """The page of one name: what its docstrings say, and the examples that use it."""
    short = name.rpartition(".")[2]
    lines = [short, "=" * len(short), "", f".. currentmodule:: {name.rpartition('.')[0]}", ""]
    if inspect.isclass(item):
        lines += [f".. autoclass:: {short}", "   :members:"]
        if not issubclass(item, BaseException):
            lines += ["   :inherited-members: " + ", ".join(_foreign_bases(item))]
        lines += ["   :show-inheritance:"] if _has_public_base(item) else []
    elif callable(item):
        lines += [f".. autofunction:: {short}"]
    else:
        lines += [f".. autodata:: {short}", "   :no-value:"]
    return "\n".join([*lines, "", *_uses(name), ""])


def _uses(name: str) -> list[str]:
    """Links to the examples that use a name, from what sphinx-gallery has found."""
    found = HERE / "examples" / "uses" / f"{name}.examples"
    text = found.read_text(encoding="utf-8") if found.exists() else ""
    uses = sorted(set(re.findall(r":doc:`(/examples/plot_\w+)`", text)))
    return [".. rubric:: Used in", "", *(f"- :doc:`{use}`" for use in uses)] if uses else []


def _foreign_bases(item: type) -> list[str]:
    """Bases whose methods are not told again: Python's own."""
    own = [c.__name__ for c in item.__mro__ if not c.__module__.startswith("exactspline")]
    return own or ["object"]


def _has_public_base(item: type) -> bool:
    base = item.__mro__[1]
    module = importlib.import_module("exactspline")
    return base.__name__ in module.__all__


def summary(item: Any) -> str:
    """The first sentence of a docstring, for the index."""
    text = inspect.getdoc(item) or ""
    if not (inspect.isclass(item) or callable(item)):
        return "All checks of the theory by name." if isinstance(item, dict) else ""
    return _escaped(" ".join(text.split("\n\n")[0].split()))


def index_of(found: dict[str, Any]) -> str:
    """The index: names by rooms, each with its first sentence."""
    title = "All public names"
    about = "A page for every name that is public, with an example that the tests run."
    lines = [title, "=" * len(title), "", about, ""]
    groups: dict[str, list[str]] = {title: [] for title in TITLES}
    for name, item in found.items():
        groups[room(item)].append(name)
    for group, members in groups.items():
        if not members:
            continue
        lines += [group, "-" * len(group), "", ".. list-table::", "   :widths: 35 65", ""]
        for name in members:
            shown = name.removeprefix("exactspline.")
            lines += [f"   * - :doc:`{shown} <{name}>`", f"     - {summary(found[name])}"]
        lines += [""]
    lines += [".. toctree::", "   :hidden:", ""]
    return "\n".join([*lines, *(f"   {name}" for name in sorted(found)), ""])


def command_line() -> str:
    """Every command with its help, as Markdown."""
    from exactspline.cli.arguments import parser

    whole = parser()
    (commands,) = (a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    about = {action.dest: action.help for action in commands._choices_actions}
    lines = ["# The command line", "",
             "This page is written from the parser: it is what `--help` says. `exactspline` alone "
             "says what to try first.", "", "| command | |", "|---|---|"]  # fmt: skip
    lines += [f"| [`{name}`](#{name}) | {about[name]} |" for name in commands.choices]
    for name, command in commands.choices.items():
        epilog, _, codes = (command.epilog or "").partition("exit codes:")
        lines += ["", f"## {name}", "", *_prose(command.description or "")]
        shown = re.sub(r"^examples:\n", "", epilog)
        if shown.strip():
            lines += ["", "```console", *(f"$ {x.strip()}" if x.startswith("  exactspline") else x
                      for x in shown.rstrip().splitlines()), "```"]  # fmt: skip
        lines += ["", "```text", " ".join(command.format_usage().split()), "```", ""]
        lines += [*_options(command)]
        if codes:
            lines += ["", "Exit codes:", "", *_table(codes)]
    return "\n".join([*lines, ""])


def _prose(text: str) -> list[str]:
    return [line.replace("<", r"\<") for line in text.strip().splitlines()]


def _options(command: argparse.ArgumentParser) -> list[str]:
    """One row an option or argument."""
    out = ["| argument | |", "|---|---|"]
    for action in command._actions:
        if action.help == argparse.SUPPRESS:
            continue
        shown = ", ".join(f"`{flag}`" for flag in action.option_strings)
        meta = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
        if action.choices is not None and action.metavar is None:
            meta = "{" + ",".join(map(str, action.choices)) + "}"
        words = " ".join(meta) if isinstance(meta, tuple) else meta
        if words:
            shown = f"{shown} `{words}`" if shown else f"`{words}`"
        text = (action.help or "").replace("%%", "%").replace("%(prog)s", command.prog)
        text = text.replace("|", r"\|").replace("<", r"\<").replace("*", r"\*").replace("_", r"\_")
        out.append(f"| {shown} | {text} |")
    return out


def _table(codes: str) -> list[str]:
    rows = ["| | |", "|---|---|"]
    for line in codes.strip().splitlines():
        number, _, text = line.strip().partition(" ")
        if number.isdigit():
            rows.append(f"| {number} | {text.strip()} |")
        elif line.strip():
            rows[-1] = rows[-1].removesuffix(" |") + f" {line.strip()} |"
    return rows


def copied(text: str, folder: str) -> str:
    """A file of the repository as a page in ``project/``: its links lead to pages."""

    def there(match: re.Match[str]) -> str:
        path, anchor = match[1], match[2] or ""
        inside = os.path.normpath(os.path.join(folder, path)).replace(os.sep, "/")
        if inside in COPIED:
            return f"]({COPIED[inside]}.md{anchor})"
        if inside.startswith("docs/"):
            return f"](../{inside.removeprefix('docs/')}{anchor})"
        return f"](../../{inside}{anchor})"

    return re.sub(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)", there, text)


def write(path: Path, text: str) -> None:
    """Write a page if it has changed, so that others need not be read again."""
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def make(app: Any = None) -> None:
    """Write all pages that are made, and take away those of names that are gone."""
    found = names()
    pages = {f"{name}.rst": page_of(name, item) for name, item in found.items()}
    pages["index.rst"] = index_of(found)
    for name, text in pages.items():
        write(HERE / "reference" / name, text)
    for path in (HERE / "reference").glob("*.rst"):
        if path.name not in pages:
            path.unlink()
    for path in (HERE / "examples").glob("plot_*.rst"):
        if not (ROOT / "examples" / "gallery" / f"{path.stem}.py").exists():
            path.unlink()
    write(HERE / "cli.md", command_line())
    for source, name in COPIED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        write(HERE / "project" / f"{name}.md", copied(text, str(Path(source).parent)))


def children(part: str) -> list[str]:
    """The pages of a part that are there; the theory's are those that no part names."""
    if part == "theory":
        named = {name for pages in PARTS.values() for name in pages} | {"index"}
        return sorted(path.stem for path in HERE.glob("*.md") if path.stem not in named)
    return [name for name in PARTS[part]
            if name == "examples/index" or list(HERE.glob(f"{name}.[mr][ds]*"))]  # fmt: skip


def read(app: Any, docname: str, source: list[str]) -> None:
    """A part's page ends with the list of its pages; links to copied files lead to their pages."""
    source[0] = re.sub(r"(?<=\n)\n(?=```\n)", "", source[0])  # doctest ends with a blank line
    for path, name in COPIED.items():
        if not docname.startswith("project/"):
            source[0] = source[0].replace(f"](../{path}", f"](project/{name}.md")
    if docname in PARTS or docname == "theory":
        pages = [name for name in children(docname) if name != docname]
        if docname == "index":
            pages = [f"{SHORT[name]} <{name}>" if name in SHORT else name for name in pages]
        source[0] += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def plain(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """In docstrings ``|x|`` is an absolute value, and ``*shape`` is Python: neither is markup."""
    code = False
    for i, line in enumerate(lines):
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        if code or line.lstrip().startswith((".. ", ":")):
            continue
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [_linked(_escaped(part)) for part in parts[::2]]
        lines[i] = "".join(parts)


def _linked(text: str) -> str:
    """``docs/exports.md``, as docstrings name a page, leads to it."""

    def link(match: re.Match[str]) -> str:
        page = HERE / f"{match[1]}.md"
        return f":doc:`/{match[1]}`" if page.exists() else match[0]

    return re.sub(r"\bdocs/(\w+)\.md\b", link, text)


def _escaped(text: str) -> str:
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    return re.sub(r"(?<![\w*\\])\*(?=\w)(?![^*]*\w\*(?!\w))", r"\\*", text)


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("builder-inited", make)
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", plain, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
