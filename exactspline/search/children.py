"""Processes of ours that compile for this one, and end when it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

__all__ = ["end_with_parent", "process_of"]


def process_of(code: str) -> subprocess.Popen[bytes] | None:
    """A process of Python that runs code and says nothing; None if there can be none."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    except (OSError, ValueError):  # no interpreter by that name, no processes
        return None


def end_with_parent(parent: int) -> None:
    """In a process of `process_of`: end it when its parent has ended, and not by Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the parent
    if hasattr(os, "getppid"):
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
