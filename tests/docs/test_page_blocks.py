"""Code blocks of the pages that show no output: they run as they stand, none is left out.

Blocks with ``>>>`` or a ``$`` and their output are compared in `test_readme.py`.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import shlex
import shutil
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import page_blocks
import pytest
from folders import EXAMPLES, ROOT
from page_blocks import blocks, commands

from exactspline import formats
from exactspline.cli.arguments import parse
from exactspline.cli.main import main
from exactspline.theory.run import require_known

# not the parser's own page, nor the files that test_contributing.py puts in their places
PAGES = {
    path.relative_to(ROOT).as_posix(): blocks(path.read_text(encoding="utf-8"))
    for path in (
        ROOT / "README.md", ROOT / "CONTRIBUTING.md", EXAMPLES / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
    if path.name not in ("cli.md", "contributing.md")
}  # fmt: skip
PYTHON = [
    page for page, all_of_it in PAGES.items()
    if any(b.language == "python" and ">>>" not in b.text for b in all_of_it)
]  # fmt: skip
LINES = [
    (page, line)
    for page, all_of_it in PAGES.items()
    for block in all_of_it
    if block.language == "commands"
    for line in commands(block)
]
OWN = [pair for pair in LINES if pair[1].startswith("exactspline ")]
# these are only read by the parser here: they take long, need a cluster or many processes
ELSEWHERE = ("--dask", "--workers", "examples/digits/", "demo")


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory):
    """The files that pages name."""
    place = tmp_path_factory.mktemp("pages")
    page_blocks.files(place)
    (own,) = (b for b in PAGES["docs/theory.md"] if b.text.startswith("# my_checks.py"))
    (place / "my_checks.py").write_text(own.text)
    (place / "examples").symlink_to(EXAMPLES)
    return place


@pytest.fixture(name="folder", autouse=True)
def _folder(made, tmp_path, monkeypatch):
    """Where one page is run: with all files, and what it writes."""
    place = tmp_path / "page"
    shutil.copytree(made, place, symlinks=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return place


def test_blocks_say_what_they_are():
    """Nothing that could be run hides in a block which nobody runs."""
    for page, all_of_it in PAGES.items():
        for block in all_of_it:
            place = f"{page}:{block.line}"
            if block.language == "commands":
                for line in commands(block):
                    for part in line.split(" && "):
                        assert part.split()[0] in (*page_blocks.PROGRAMS, "."), (place, line)
            else:
                assert block.language in page_blocks.LANGUAGES, place


@pytest.fixture(name="cluster")
def _cluster(monkeypatch):
    """Threads play the workers of clusters."""

    class Client:
        def __init__(self, _):
            self.pool = ThreadPoolExecutor(2)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.pool.shutdown()

        def get_executor(self):
            return self.pool

    class SLURMCluster:
        def __init__(self, **options):
            assert {"cores", "processes"} <= set(options)

        def scale(self, jobs):
            assert jobs > 0

    for name, played in (("distributed", Client), ("dask_jobqueue", SLURMCluster)):
        module = types.ModuleType(name)
        setattr(module, played.__name__, played)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", ThreadPoolExecutor)


@pytest.mark.parametrize("page", PYTHON)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_python(page, folder, monkeypatch, cluster):
    """In one session a page, from its first block to its last; what one makes, the next has."""
    import matplotlib.pyplot as plt

    names = page_blocks.names(Path(page).stem, folder)
    ran = 0
    for block in PAGES[page]:
        if block.language != "python" or ">>>" in block.text:
            continue
        text = block.text.replace('"/local/', '"local-')
        for part in _parts(page, text, names, folder):
            code = compile("\n" * block.line + part, str(ROOT / page), "exec")
            exec(code, names)
            ran += 1
    plt.close("all")
    assert ran


def _parts(page, text, names, folder):
    """A block as it is; but of two modules that have one name in it, each gets its own."""
    if page == "docs/exports.md" and "stream" in text:
        names["omega"].save_graph("g.json")
        with open("g.json") as names["stream"]:
            yield text
    elif page == "docs/exports.md" and "gexf" in text:
        names["omega"].save_graph("g.gexf")
        yield text
    elif page == "docs/formats.md" and "several inputs" in text:
        *one, two = text.rstrip().split("\n")
        yield "\n".join(one)
        names |= page_blocks._two_inputs(folder)
        yield two
    else:
        yield text


@pytest.mark.parametrize("page", list(dict(OWN)))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_commands(page, capsys):
    """Each is read by the parser; the quick ones run, in this process, one after the other."""
    shown = (ROOT / page).read_text(encoding="utf-8")
    for own, line in OWN:
        if own != page:
            continue
        words = shlex.split(line.partition(" | ")[0].partition(" && ")[0])[1:]
        arguments = parse(words)  # would exit
        if arguments.command == "theorems" and words[-1] != "--json":
            require_known(arguments.check)  # its name is one
            continue
        if any(part in line for part in ELSEWHERE) or f"$ {line}" in shown:
            continue
        code = main([name for word in words for name in expanded(word)])
        out, error = capsys.readouterr()
        assert code == 0 or (code in (1, 3) and words[0] in ("prove", "theorems")), (line, error)
        assert out
        if "--out" in words:
            assert Path(words[words.index("--out") + 1]).stat().st_size, line


def expanded(word):
    """What a shell makes of a word with a star: names of files, if there are any."""
    return sorted(map(str, Path().glob(word))) if re.fullmatch(r"[\w/-]*\*[\w.]*", word) else [word]


def test_other_commands():
    """Files, extras and folders that are named are there."""
    extras = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2]
    for page, line in LINES:
        for part in line.split(" && "):
            words = shlex.split(part)
            if words[0] == "python" and words[1] != "-m":
                assert (ROOT / words[1]).exists(), (page, line)
            if words[0] == "pytest":
                assert all((ROOT / w).exists() for w in words if w.startswith("tests/")), line
            for word in words if words[0] == "pip" else ():
                named = word.partition("[")[2].rstrip("]")
                for extra in filter(None, named.split(",")):
                    assert f"\n{extra} = [" in extras, (page, line)


def test_json_of_the_pages(folder):
    """What pages show of files is read: networks, domains, properties."""
    seen = 0
    for page, all_of_it in PAGES.items():
        for block in all_of_it:
            if block.language != "json":
                continue
            decoder, rest = json.JSONDecoder(), block.text.strip()
            while rest:
                found, end = decoder.raw_decode(rest)
                path = folder / "shown.json"
                path.write_text(rest[:end])
                read = formats.load if found.get("format") else formats.load_domain
                assert read(path) is not None, page
                rest, seen = rest[end:].strip(), seen + 1
    assert seen >= 6
    (shown,) = (b.text for b in PAGES["docs/formats.md"] if "declare-const" in b.text)
    (folder / "shown.vnnlib").write_text(shown)
    assert len(formats.load_vnnlib(folder / "shown.vnnlib", 1)) == 2


def test_a_block_that_lies_is_found(folder):
    """The finder of blocks sees fences, indentation and prompts."""
    page = "a\n\n    $ exactspline count x\n    479\n\n```python\n1 / 0\n```\n\n    f(x) = 1\n"
    found = blocks(page)
    assert [b.language for b in found] == ["commands", "python", "commands"]
    assert commands(found[0]) == ["exactspline count x"]
    assert commands(found[2])[0].split()[0] not in page_blocks.PROGRAMS
    assert len(OWN) > 50
    assert len(PYTHON) > 12
    assert os.getcwd() == str(folder)
