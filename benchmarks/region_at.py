"""Seconds from ``exactspline region MODEL.onnx --at x.npy`` to its exit, for image models.

    python benchmarks/region_at.py [--box] [--all | --time-limit S] [name ...]

The models are those of ``tests/support/vision_models.py``, each as both of PyTorch's ONNX
exporters write it; the input is a random image of full size. Every command is a process of its
own: its wall-clock time, the CPU time of all its threads, and what it says of its inequalities.
With --box on the images of numbers from -4 to 4; the other options are those of the command.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from count import HERE, cpu_name

sys.path.insert(0, str(HERE.parent / "tests" / "support"))
SETTLED = re.compile(
    r"([\d,]+) of units and domain: ([\d,]+) are proved to be facets, ([\d,]+) to be redundant, "
    r"([\d,]+) are not decided"
)


def written(name: str, dynamo: bool, folder: Path) -> list[str]:
    """A model and an image of it as files."""
    import torch
    import vision_models

    module, shape = vision_models.trained(name)
    torch.manual_seed(5)
    image = torch.randn(1, *shape)
    path, at = folder / f"{name}_{'dynamo' if dynamo else 'legacy'}.onnx", folder / f"{name}.npy"
    np.save(at, image.numpy().reshape(-1))
    silent = io.StringIO()
    with (
        warnings.catch_warnings(), contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (image,), path, dynamo=dynamo)
    return [str(path), "--at", str(at)]


def timed(command: list[str]) -> tuple[float, float, str]:
    """Wall-clock and CPU seconds of a process, and what it printed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "exactspline", "region", *command],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> None:
    import vision_models

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(vision_models.MODELS), metavar="name")
    parser.add_argument("--box", action="store_true", help="in a box, not on all of R^D")
    time_ = parser.add_mutually_exclusive_group()
    time_.add_argument("--all", action="store_true", help="decide every inequality")
    time_.add_argument("--time-limit", metavar="S", help="seconds for the inequalities")
    args = parser.parse_args()
    packages = ("exactspline", "numpy", "scipy", "python-flint", "highspy", "onnx", "torch")
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    print(
        f"versions  Python {platform.python_version()},",
        ", ".join(f"{name} {version(name)}" for name in packages),
    )
    print(f"load      {os.getloadavg()[0]:.1f} before the first command\n")
    print("model       exporter     wall      CPU   inequalities   facets  redundant  undecided")
    options = [*(["--box", "-4", "4"] if args.box else []), *(["--all"] if args.all else [])]
    options += ["--time-limit", args.time_limit] if args.time_limit else []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names:
            for dynamo in (True, False):
                command = written(name, dynamo, Path(folder))
                wall, cpu, out = timed([*command, *options])
                found = SETTLED.search(" ".join(out.split()))
                counts = ("all decided",) if found is None else found.groups()
                print(
                    f"{name:<11} {'dynamo' if dynamo else 'legacy':<7} {wall:7.2f} s {cpu:6.2f} s"
                    + "".join(
                        f"{text:>{n}}" for text, n in zip(counts, (15, 9, 11, 11), strict=False)
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main()
