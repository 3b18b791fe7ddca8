"""Compiled kernels where no cache can be written: one warning, a warm one is read, no error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

DENIED = """
import numba.core.caching as caching
def denied(self):
    raise PermissionError(13, "read-only")
for name in dir(caching):
    place = getattr(caching, name)
    if isinstance(place, type) and "ensure_cache_path" in vars(place):
        place.ensure_cache_path = denied
"""
USE = """
import warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    import toy
    assert toy.twice(21) == 42 and toy.once(1) == 1
hits = sum(sum(k.stats.cache_hits.values()) for k in (toy.twice, toy.once))
print(hits, len(seen), *(str(w.message) for w in seen))
"""


def user(folder):
    """Two kernels in a module of their own; returns what a process that calls them prints."""
    (folder / "toy.py").write_text(
        "from exactspline.kernels import compiled\n"
        "def kernel(f):\n    return compiled(f, 'first', {})\n"
        "@kernel\ndef once(x):\n    return x\n"
        "@kernel\ndef twice(x):\n    return once(x) + x\n"
    )

    def run(prelude: str = "") -> tuple[int, int, str]:
        environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        environment["XDG_CACHE_HOME"] = environment["LOCALAPPDATA"] = str(folder / "cache")
        found = [str(folder), *environment.get("PYTHONPATH", os.getcwd()).split(os.pathsep)]
        environment["PYTHONPATH"] = os.pathsep.join(found)
        done = subprocess.run(
            [sys.executable, "-c", prelude + USE], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        hits, warned, *text = done.stdout.split(maxsplit=2)
        return int(hits), int(warned), text[0] if text else ""

    return run


@pytest.fixture
def use(tmp_path):
    """Kernels that nobody has compiled."""
    return user(tmp_path)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What a process has left in its cache."""
    folder = tmp_path_factory.mktemp("compiled")
    assert user(folder)()[:2] == (0, 0)
    return folder / "cache"


@pytest.fixture
def use_again(cache, tmp_path):
    """The same kernels, compiled by a process before."""
    shutil.copytree(cache, tmp_path / "cache")
    return user(tmp_path)


def test_without_a_cache_there_is_one_warning(use):
    hits, warned, text = use(DENIED)
    assert (hits, warned) == (0, 1)
    assert "NUMBA_CACHE_DIR" in text


@pytest.mark.slow
def test_a_warm_cache_is_read_where_it_cannot_be_written(use_again):
    assert use_again()[:2] == (2, 0)
    assert use_again(DENIED)[:2] == (2, 0)


@pytest.mark.slow
def test_a_stale_cache_is_compiled_anew(use_again, tmp_path):
    use = use_again
    text = (tmp_path / "toy.py").read_text()
    (tmp_path / "toy.py").write_text(text.replace("'first'", "'second'"))
    assert use(DENIED)[:2] == (0, 1)
    assert use()[:2] == (0, 0)
    assert use(DENIED)[:2] == (2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"no pickle", b"\x80\x04."])
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_cache_is_written_anew(use_again, tmp_path, damage, kind):
    files = list((tmp_path / "cache" / "exactspline").glob(f"kernels-*/*.{kind}"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(damage)
    assert use_again()[:2] == (0, 0)
    assert use_again()[:2] == (2, 0)


@pytest.mark.slow
def test_installations_with_the_same_kernels_share_them(cache, use_again, tmp_path):
    """As after ``pip install``, or in a clone: the same text elsewhere is not compiled again."""
    assert not list((cache.parent / "__pycache__").glob("*.nbi"))
    other = tmp_path / "elsewhere"
    other.mkdir()
    (tmp_path / "toy.py").rename(other / "toy.py")
    assert use_again(f"import sys; sys.path.insert(0, {str(other)!r})")[:2] == (2, 0)


@pytest.mark.slow
def test_kernels_of_old_versions_are_forgotten(use, tmp_path):
    folder = tmp_path / "cache" / "exactspline"
    for name, days in (("kernels-old", 300), ("kernels-recent", 10), ("mine", 300)):
        (folder / name).mkdir(parents=True)
        (folder / name / "some.nbc").write_bytes(b"")
        then = time.time() - days * 86_400
        os.utime(folder / name, (then, then))
    use()
    assert not (folder / "kernels-old").exists()
    assert (folder / "kernels-recent").exists()
    assert (folder / "mine").exists()


@pytest.mark.slow
def test_without_a_home_kernels_are_beside_their_modules(use, tmp_path):
    nowhere = "import os\nos.environ['HOME'] = ''\nos.environ['XDG_CACHE_HOME'] = 'relative'\n"
    assert use(nowhere)[:2] == (0, 0)
    assert list((tmp_path / "__pycache__").glob("*.nbi"))
    assert use(nowhere)[:2] == (2, 0)
    assert not (tmp_path / "relative").exists()


@pytest.mark.slow
def test_a_full_disk_is_one_warning(use):
    full = """
import numba.core.caching as caching
def full(self, *rest):
    raise OSError(28, "No space left on device")
caching.IndexDataCacheFile.save = full
"""
    hits, warned, text = use(full)
    assert (hits, warned) == (0, 1)
    assert "No space left" in text


@pytest.mark.slow
def test_the_command_line_and_workers(tmp_path):
    """The search's kernels, from the cache of this installation, which cannot be written."""
    import exactspline as es

    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    net.save(tmp_path / "net.json")
    es.count_regions(net, engine="kernel")  # so that it is warm
    for more in ([], ["--workers", "2"]):
        arguments = ["count", str(tmp_path / "net.json"), *more]
        run = f"import sys\nfrom exactspline.cli import main\nsys.exit(main({arguments}))"
        script = DENIED + run
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "regions      6" in done.stdout
        assert "warning" not in done.stderr
        assert "compiling" not in done.stderr


def test_workers_leave_the_warning_to_their_parent():
    from exactspline import kernels
    from exactspline.tasks.workers import processes

    with processes(1) as pool:
        assert pool.submit(_is_quiet).result() is True
    assert kernels._warned is False


def _is_quiet() -> bool:
    from exactspline import kernels

    return kernels._warned


NOTE = """
import io, sys
class Terminal(io.StringIO):
    def isatty(self):
        return sys.argv[1] == "terminal"
sys.stderr = Terminal()
import toy
assert toy.twice(21) == 42
sys.stdout.write(ascii(sys.stderr.getvalue()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["terminal", "pipe"])
def test_a_terminal_shows_that_this_process_compiles(where, use, tmp_path):
    """Once: what comes from the cache takes no time."""
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", os.getcwd())])

    def shown():
        done = subprocess.run(
            [sys.executable, "-c", NOTE, where], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path / "here")},
        )  # fmt: skip
        return done.stdout

    first, again = shown(), shown()
    assert again == "''"
    if where == "pipe":
        assert first == "''"
    else:
        assert "exactspline is compiling its kernels, once only (twice)" in first
        assert "(once)" in first
        assert first.endswith(r" \r'")
