"""The documentation as a site: whole, without a dead link, and what it says runs."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import re
import subprocess
import sys

import browser
import pytest
from folders import EXAMPLES, ROOT
from site_checks import Page, faults

import exactspline as es
from exactspline import formats, theory
from exactspline.cli.arguments import parser
from examples import has_example

DOCS = ROOT / "docs"
GALLERY = sorted((EXAMPLES / "gallery").glob("plot_*.py"))


@pytest.fixture(name="pages")
def _pages(monkeypatch):
    """docs/pages.py as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "pages", raising=False)
    import pages

    return pages


def test_every_public_name_has_a_page_with_an_example(pages):
    found = pages.names()
    public = {f"exactspline.{name}" for name in es.__all__}
    public |= {f"exactspline.theory.{name}" for name in (*theory.__all__, "Report")}
    public |= {f"exactspline.formats.{name}" for name in formats.__all__}
    assert not public - set(found), "these have no page"
    index = pages.index_of(found)
    listed = re.findall(r":doc:`\S+ <([\w.]+)>`", index)
    assert sorted(listed) == sorted(found)
    for name, item in found.items():
        assert f"\n   {name}\n" in index, f"{name} is in no list of pages"
        assert f":: {name.rpartition('.')[2]}" in pages.page_of(name, item)
        error = inspect.isclass(item) and issubclass(item, Exception)
        if callable(item) and not error:
            assert has_example(item), f"{name} has no example"
        if name != "exactspline.theory.CHECKS":
            assert pages.summary(item), f"{name} has no docstring"


def test_the_command_line_page_is_the_parser(pages):
    text = pages.command_line()
    own = parser()
    (commands,) = (a for a in own._actions if isinstance(a, argparse._SubParsersAction))
    sections = dict(zip(*[iter(re.split(r"(?m)^## (\S+)\n", text)[1:])] * 2, strict=True))
    assert list(sections) == list(commands.choices)
    for name, command in commands.choices.items():
        rows = re.findall(r"(?m)^\| (`.*?) \| .*\|$", sections[name])
        flags = {flag for row in rows for flag in re.findall(r"`(--?[\w-]+)`", row)}
        shown = command.format_help().partition("exit codes:")[0]
        arguments = re.split(r"(?m)^(?:options|optional arguments):$", shown)[1]
        heads = re.findall(r"(?m)^  (-.*?)(?:  .*)?$", arguments)
        assert flags == {
            flag for head in heads for flag in re.findall(r"(?<!\S)--?[a-z][\w-]*", head)
        }
        assert command.format_usage().split()[1] == "exactspline"
        assert f"usage: exactspline {name}" in sections[name]


def test_every_page_stands_in_a_part(pages):
    pages.make()
    placed = [name for part in (*pages.PARTS, "theory") for name in pages.children(part)]
    assert {path.stem for path in DOCS.glob("*.md")} - set(placed) == {"index"}
    assert not [name for name in placed if placed.count(name) > 1 and name != "theory"]
    assert "gallery" in pages.children("theory")  # of no part: the theory's


def test_examples_are_short():
    assert len(GALLERY) > 10
    for path in GALLERY:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") < 80, path.name
        assert "You learn" in " ".join(text.split('"""')[1].split()), path.name


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"></p><a href="b.html#there"></a><a href="b.html#gone"></a><a href="c.html">'
        '</a><a href="#here"></a><a href="https://example.org"></a><img src="https://a.b/c.png">'
    )
    (tmp_path / "b.html").write_text('<h1 id="there"></h1>')
    found = faults(tmp_path)
    assert len(found) == 3
    assert [word for word in ("#gone", "c.html", "https://a.b") if word in "".join(found)]


@pytest.mark.slow
def test_the_site(tmp_path, pages):
    """Built once, and then looked at: without a warning, offline, from one process."""
    assert importlib.util.find_spec("sphinx"), "pip install '.[docs]'"
    site = tmp_path / "site"
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", str(DOCS), str(site)],
        cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-3000:]
    assert not faults(site)
    for name, item in pages.names().items():
        anchors = Page(site / "reference" / f"{name}.html").anchors
        assert name in anchors, f"{name}: its page does not say what it is"
        text = (site / "reference" / f"{name}.html").read_text(encoding="utf-8")
        error = inspect.isclass(item) and issubclass(item, Exception)
        assert "&gt;&gt;&gt;" in text or error or not callable(item), name
    for path in GALLERY:
        text = (site / "examples" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert "sphx-glr-single-img" in text, f"{path.stem}: no picture"
        assert "Traceback" not in text
    console(site)


def console(site) -> None:
    """Pages open in a browser without an error, and are found by the search."""
    missing = browser.missing()
    if missing is not None:
        assert os.environ.get("EXACTSPLINE_BROWSER") != "required", missing
        return
    from selenium.webdriver.support.ui import WebDriverWait

    driver = browser.chromium()
    try:
        shown = [p for p in site.rglob("*.html") if p.parent.name not in ("reference", "_static")]
        shown += [site / "reference" / "exactspline.Partition.html"]
        for path in shown:
            driver.get(f"file://{path}")
            errors = [e for e in driver.get_log("browser") if e["level"] == "SEVERE"]
            assert not errors, (path.name, errors)
            assert driver.title
        driver.get(f"file://{site}/search.html?q=robust_radius")
        found = "return document.querySelector('#search-results')?.textContent ?? ''"
        WebDriverWait(driver, 30).until(
            lambda d: "exactspline.robust_radius" in d.execute_script(found)
        )
    finally:
        driver.quit()
