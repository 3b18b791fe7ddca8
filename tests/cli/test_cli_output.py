"""Interrupts, output that goes elsewhere, and what is said of progress."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from command_line import command, one_error_line, with_signals

from exactspline.driver.progress import Progress
from exactspline.search import compiled, warm


# ------------------------------------------------------------------------- interrupts
@pytest.mark.parametrize(
    ("signum", "code", "word"),
    [(signal.SIGINT, 130, "interrupt"), (signal.SIGTERM, 143, "terminated")],
)
def test_partial_result_as_json(run, interrupted, signum, code, word):
    calls = interrupted(signum)
    got, out, _ = run("count", "large.npz", "--json")
    value = json.loads(out)
    assert got == code
    assert value["complete"] is False
    assert value["certified"] is True
    assert value["stopped"] == word
    assert value["regions"] == calls[-1] > 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_interrupt_in_the_second_domain(run, files, monkeypatch):
    calls = []

    def update(self, run):
        calls.append(run)
        if len({id(r) for r in calls}) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", update)
    code, out, _ = run("count", "small.npz", "--vnnlib", "two.vnnlib", "--json")
    value = json.loads(out)
    assert code == 130
    assert value["complete"] is False
    assert value["domains"] == 2
    assert value["results"][0]["complete"] is True
    assert value["results"][1]["stopped"] in ("interrupt", None)


def test_interrupt_before_the_search(run, monkeypatch):
    def compile_forever(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("exactspline.cli.search.compile_kernel", compile_forever)
    code, out, _ = run("count", "small.npz", "--json")
    value = json.loads(out)
    assert code == 130
    assert (value["regions"], value["complete"]) == (0, False)


def test_interrupt_while_reading(run, monkeypatch):
    def load(path, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("exactspline.cli.networks.load", load)
    assert run("count", "small.npz") == (130, "", "exactspline: interrupted, no result\n")


@pytest.mark.slow
def test_ctrl_c_in_a_terminal(files):
    """A real process with a terminal: a progress bar, Ctrl-C, and a marked partial result."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("count", "large.npz"),
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        preexec_fn=with_signals,
    )
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + 300
    while seen.count(b"of the tree") < 2 and time.monotonic() < deadline:
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    os.close(master)
    assert b"regions, " in seen
    assert b"/s, " in seen
    assert process.returncode == 130
    assert "at least " in out
    assert "INTERRUPTED by Ctrl-C, partial result" in out
    assert out.startswith("network ")


@pytest.mark.slow
def test_ctrl_c_without_a_terminal(files):
    process = subprocess.Popen(
        command("count", "large.npz"),
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_signals,
    )
    assert process.stdout is not None
    head = process.stdout.readline()  # written before the search begins
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert head.startswith("network ")
    assert "certified lower bound; INTERRUPTED" in out
    assert "Traceback" not in err
    assert "\r" not in err


def test_ctrl_c_inside_of_code_from_a_string(tmp_path):
    """Python would die of the signal, though the interrupt is caught: the exit code is ours."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\nfrom exactspline.cli import main as command_line\n"
        "module = sys.modules[command_line.__module__]\n"
        "module._command = lambda name: lambda arguments: exec('raise KeyboardInterrupt')\n"
        "sys.exit(command_line(['count', 'net.onnx']))\n"
    )
    command = [sys.executable, "-m", "interrupted"]  # only -m looks at what was noted
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.returncode, done.stderr) == (130, "exactspline: interrupted, no result\n")


# ------------------------------------------------------------------- output elsewhere
@pytest.mark.slow
def test_silent_in_a_pipe(files):
    result = subprocess.run(
        command("count", "small.npz"), cwd=files, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0
    assert result.stderr == ""
    assert "regions      7\n" in result.stdout


def test_reader_that_goes_away(files):
    process = subprocess.Popen(
        command("count", "small.npz"), cwd=files, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(timeout=120) == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written(files):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            command("info", "small.npz"), cwd=files, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert result.returncode == 2
    one_error_line(result.stderr)


def test_output_that_is_closed(files):
    result = subprocess.run(
        f"{sys.executable} -m exactspline info small.npz >&-", shell=True, cwd=files,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class Search:
    before = 0
    regions = 12345
    phase = "searching"
    share = 0.25


def test_progress_bar(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    bar = Progress(terminal, "domain 1/2")
    bar.update(Search())
    assert terminal.text == ""  # too soon
    bar._last -= 1
    bar._start -= 10
    bar.update(Search())
    assert terminal.text.startswith("\rdomain 1/2 [#######......")
    assert "25.0% of the tree, 12,345 regions, 1,23" in terminal.text
    assert len(terminal.text) <= 100
    bar.clear()
    assert terminal.text.endswith("\r")


def test_progress_of_a_resumed_run(monkeypatch):
    """The bar begins where the run was; the rate counts what is found now."""
    monkeypatch.setenv("COLUMNS", "100")

    class Resumed(Search):
        before = 12000

    terminal = Terminal()
    bar = Progress(terminal)
    bar._start -= 10
    bar._last -= 10
    bar.update(Resumed())
    line = terminal.text
    assert "25.0% of the tree, 12,345 regions, 34/s" in line or "35/s" in line


def test_progress_bar_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    terminal = Terminal()
    bar = Progress(terminal)
    bar._last -= 1
    bar.update(Search())
    assert len(terminal.text) == 24


def test_no_progress_without_a_terminal(capsys):
    bar = Progress(sys.stderr)
    bar._last -= 1
    bar.update(Search())
    bar.clear()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_first_run_says_that_it_compiles(run, monkeypatch):
    monkeypatch.setattr(compiled, "is_compiled", lambda *_, **__: False)
    code, out, err = run("count", "small.npz", "--json")
    assert code == 0
    assert json.loads(out)["regions"] == 7
    assert err == "compiling the search kernels (once only)...\n"


def test_other_engines_do_not_compile(run, monkeypatch):
    monkeypatch.setattr(compiled, "is_compiled", lambda *_, **__: False)
    monkeypatch.setattr(warm, "warm_up", lambda *_, **__: pytest.fail("compiles"))
    assert run("count", "small.npz", "--engine", "rational")[2] == ""
    assert run("count", "small.npz", "--box", "0", "0")[2] == ""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["kernel", "plane"])
def test_is_compiled(files, tmp_path, engine):
    """True here, where it has been compiled; False in an empty cache; nothing is compiled."""
    assert compiled.is_compiled(engine)
    code = f"from exactspline.search.compiled import is_compiled; print(is_compiled({engine!r}))"
    for cache, answer in ((None, "True"), (tmp_path, "False")):
        env = dict(os.environ)
        if cache is not None:
            env["NUMBA_CACHE_DIR"] = str(cache)
        result = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=files, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert result.stdout.strip() == answer
    assert not list(tmp_path.rglob("*.nb?"))


def test_in_doubt_nothing_is_said(monkeypatch):
    monkeypatch.setattr(compiled, "_in_cache", lambda kernel: 1 / 0)
    assert compiled.is_compiled("kernel") is True
