"""Signals that come at the end: the exit code is one of ours, never the signal's."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import exactspline as es
from exactspline.cli.signals import Signals, Stopped, uninterrupted
from exactspline.tasks import workers

# a command that is over at once, so that what is seen is the end of the process
QUICK = """
import atexit, os, signal, sys, time
import exactspline.cli
from exactspline.cli.streams import results

module = sys.modules["exactspline.cli.main"]

def again(*values):
    for _ in range(3):
        os.kill(os.getpid(), NUMBER)
        time.sleep(0.001)

class Late:  # is cleared away with the modules
    def __del__(self):
        again()

late = Late()
BEFORE
def command(arguments):
    print("result", file=results(), flush=True)
    INSIDE
    return 0

module._command = lambda name: command
module.parse = lambda words: type("Arguments", (), {"command": "count"})
module.run()
"""


def quick(number: int, *, before: str = "", inside: str = "pass") -> subprocess.Popen[str]:
    program = QUICK.replace("NUMBER", str(int(number)))
    program = program.replace("BEFORE", before).replace("INSIDE", inside)
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_while_the_process_ends(number):
    child = quick(number, before="atexit.register(again)")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (0, "result\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_before_the_end(number, code):
    child = quick(number, inside="again()")
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert out == "result\n"
    assert "Traceback" not in err


def test_a_second_signal_while_the_first_is_dealt_with():
    child = quick(signal.SIGINT, inside="sys.stderr.write = again; again()")
    assert child.communicate(timeout=60)
    assert child.returncode == 130


def test_an_ignored_signal_stays_ignored():
    """A shell's background process, or nohup, is not to be ended by Ctrl-C."""
    before = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    child = quick(signal.SIGINT, before=before, inside="again()")
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (0, "result\n", "")


@pytest.mark.slow
def test_signals_from_outside_at_any_moment_of_the_end():
    """From the result to the last moment of the interpreter."""
    rng = random.Random(2)
    codes = []
    for _ in range(16):
        child = quick(signal.SIGINT)
        assert child.stdout.readline() == "result\n"
        time.sleep(rng.choice([0, 0, rng.uniform(0, 0.03), rng.uniform(0, 0.1)]))
        while child.poll() is None:  # again and again, until it has gone
            child.send_signal(signal.SIGINT)
            time.sleep(rng.choice([0, 0.0003]))
        child.communicate()
        codes.append(child.returncode)
    assert set(codes) <= {0, 130}, codes


@pytest.mark.slow
def test_a_real_command_at_its_end(tmp_path):
    name = tmp_path / "net.json"
    es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,)).save(name)
    for delay in (0, 0.01, 0.05):
        child = subprocess.Popen(
            [sys.executable, "-m", "exactspline", "count", str(name), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert "regions" in child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
        assert child.returncode in (0, 130)


# ----------------------------------------------------------------------------- in one process
def _put_off(number: int, done: list[int]) -> None:
    with uninterrupted():
        os.kill(os.getpid(), number)
        time.sleep(0.001)
        done.append(number)


def test_signals_are_put_off():
    signals, before = Signals(), [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    try:
        signals.begin()
        for number, kind in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Stopped)):
            done = []
            with pytest.raises(kind):
                _put_off(number, done)
            assert done == [number]
            assert signal.getsignal(number) is signals
            signals.armed = False
            os.kill(os.getpid(), number)
            time.sleep(0.001)
            signals.armed = True
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)


# ------------------------------------------------------------------------- no shared memory
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(30, "Read-only file system"), "Read-only file system"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (FileNotFoundError(2, "No such file or directory"), "No such file"),
        (OSError(28, "No space left on device"), "No space left"),
        (ImportError("This platform lacks a functioning sem_open implementation"), "sem_open"),
    ],
)
def test_no_semaphores(monkeypatch, tmp_path, capsys, error, words):
    """/dev/shm read-only, closed, missing or full, as in some containers."""
    from multiprocessing import synchronize

    from exactspline.cli import main

    def refuse(*values, **names):
        raise error

    monkeypatch.setattr(synchronize.SemLock, "__init__", refuse)
    with pytest.raises(es.WorkerError, match=words) as caught:
        workers.processes(2)
    assert "/dev/shm" in str(caught.value) or sys.platform != "linux"
    name = Path(tmp_path) / "net.json"
    es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,)).save(name)
    assert main(["count", str(name), "--workers", "2"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err
    assert "without --workers" in err
