"""The site of several versions: built out of git, with a list that the theme's menu reads."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import browser
import pytest
from folders import ROOT

DOCS = ROOT / "docs"
CONF = f"""import sys
sys.path.insert(0, {str(DOCS)!r})
from versions import theme_options
html_theme = "pydata_sphinx_theme"
html_theme_options = theme_options()
html_context = {{"default_mode": "auto"}}
project, extensions = "tried", []
"""


@pytest.fixture(name="versions")
def _versions(monkeypatch):
    """docs/versions.py as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "versions", raising=False)
    import versions

    return versions


def git(folder, *words):
    own = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(name="repository")
def _repository(tmp_path):
    """Two releases, a tag that is none, and main."""
    folder = tmp_path / "repository"
    (folder / "docs").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "docs" / "conf.py").write_text(CONF)
    for text, tag in (("old", "v0.9.0"), ("new", "v0.10.0"), ("newest", "vision")):
        (folder / "docs" / "index.rst").write_text(f"{text}\n{'=' * len(text)}\n\n:doc:`more`\n")
        (folder / "docs" / "more.rst").write_text(f":orphan:\n\nMore {text}\n=============\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", text)
        git(folder, "tag", tag)
    return folder


def test_the_list(versions, repository):
    names = versions.versions(repository)
    assert names == ["main", "v0.10.0", "v0.9.0"]
    listed = versions.switcher(names, "https://example.org/es/")
    assert [entry["url"] for entry in listed] == [
        f"https://example.org/es/{name}/" for name in names
    ]
    assert [entry.get("preferred", False) for entry in listed] == [False, True, False]
    assert "preferred" in versions.switcher(["main"], "/")[0]
    with pytest.raises(SystemExit):
        versions.main([str(repository / "out"), "../main"])
    with pytest.raises(SystemExit, match="git"):
        versions.build(repository, "v1.2.3", repository)


@pytest.mark.slow  # as all that needs the extra docs
def test_the_site_knows_its_version(monkeypatch):
    """Alone it has no menu, and reads no list that is not there."""
    monkeypatch.delenv("EXACTSPLINE_DOCS_VERSION", raising=False)
    monkeypatch.syspath_prepend(str(DOCS))
    assert "switcher" not in runpy.run_path(str(DOCS / "conf.py"))["html_theme_options"]
    monkeypatch.setenv("EXACTSPLINE_DOCS_VERSION", "v0.1.0")
    options = runpy.run_path(str(DOCS / "conf.py"))["html_theme_options"]
    assert options["switcher"]["version_match"] == "v0.1.0"
    assert options["navbar_end"] == ["version-switcher", "theme-switcher"]


@contextlib.contextmanager
def served(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):  # the browser went away
            pass

    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_versions_side_by_side(versions, repository, tmp_path, capfd):
    out = tmp_path / "site"
    (repository / "docs" / "more.rst").write_text("not committed: nobody sees it\n")
    own = ["--repository", str(repository)]
    assert versions.main([str(out), "main", "v0.9.0", *own]) == 0
    for name, text in (("main", "newest"), ("v0.9.0", "old")):
        assert f"<h1>{text}<" in (out / name / "index.html").read_text()
        assert "not committed" not in (out / name / "more.html").read_text()
    assert "url=v0.9.0/" in (out / "index.html").read_text()
    listed = json.loads((out / "switcher.json").read_text())
    assert [entry["version"] for entry in listed] == ["main", "v0.9.0"]
    (repository / "docs" / "index.rst").write_text(":doc:`gone`\n")  # no title, a dead link
    git(repository, "commit", "-qam", "broken")
    assert versions.main([str(out), "main", *own]) == 1
    assert "WARNING" in capfd.readouterr().err
    assert json.loads((out / "switcher.json").read_text()) == listed  # nothing better came
    missing = browser.missing()
    if missing is not None:
        assert os.environ.get("EXACTSPLINE_BROWSER") != "required", missing
        return
    with served(out) as address:
        menu(address)


def menu(address):
    """The menu of a page, opened in a browser, leads to the same page of another version."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver = browser.chromium()
    try:
        driver.get(f"{address}/v0.9.0/more.html")
        menus = "document.querySelectorAll('.version-switcher__menu a')"
        items = f"return [...{menus}].map(a => a.href)"
        WebDriverWait(driver, 30).until(lambda d: len(d.execute_script(items)) >= 2)
        assert f"{address}/main/more.html" in driver.execute_script(items)
        button = "return document.querySelector('.version-switcher__button').innerText"
        assert "v0.9.0" in driver.execute_script(button)
        severe = [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]
        assert not [message for message in severe if "favicon" not in message]
    finally:
        driver.quit()
