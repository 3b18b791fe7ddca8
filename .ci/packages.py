"""Installs what is built, in empty environments, and tries it: ``python .ci/packages.py``.

    python .ci/packages.py pythons [PYTHON ...]   wheel and sdist, each on every interpreter
    python .ci/packages.py extras [NAME ...]      every extra alone, and what is said without it;
                                                  and libraries that take a graph (igraph, ...)

Both build a wheel and an sdist of this folder first. Every environment is new and is removed
after it; nothing is imported from this folder. ``--torch`` says which PyTorch the extra `torch`
is tried with, where the newest is not wanted. ``--record FILE`` adds the results to a table
in Markdown. Minutes an environment: this is not part of .ci/run.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOONS = ROOT / "examples" / "moons.onnx"

# what an extra is for, and what must fail without it: with the line that installs it
SMOKE = {
    "torch": """
        import torch
        net = es.from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), (2,))
        assert es.count_regions(net, engine="rational") == 7
    """,
    "sklearn": """
        from sklearn.neural_network import MLPRegressor
        X = [[0.0], [1.0], [2.0], [3.0]]
        mlp = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0)
        mlp.fit(X, [0.0, 1.0, 0.0, 1.0])
        net = es.from_sklearn(mlp)
        assert abs(net.forward([2.0])[0] - mlp.predict([[2.0]])[0]) < 1e-9
    """,
    "dask": """
        if __name__ == "__main__":
            from distributed import LocalCluster
            with LocalCluster(1, threads_per_worker=1, dashboard_address=None) as cluster:
                assert run("count", "moons.onnx", "--dask", cluster.scheduler_address) == 0
    """,
    "plot": """
        assert run("plot", "moons.onnx", "--box", "-2,-1.5", "3,2", "--out", "moons.png") == 0
        assert open("moons.png", "rb").read(4) == b"\\x89PNG"
    """,
    "plot3d": """
        net = es.Network([es.Dense([[1, 0, 0], [0, 1, 1]]), es.ReLU()], (3,))
        omega = es.enumerate_regions(net, es.Box(-1, 1, dim=3), engine="rational")
        omega.plot().save("cells.html")
    """,
    "parquet": """
        omega.save("omega.parquet")
        assert len(es.open_partition("omega.parquet")) == 4
    """,
    "pandas": """
        assert omega.to_pandas()["code"].tolist() == ["00", "01", "10", "11"]
    """,
    "polars": """
        assert omega.to_polars().height == 4
    """,
    "completion": """
        assert run("completion", "bash") == 0
    """,
}
# without it: the call of ours that needs it
WITHOUT = {
    **SMOKE,
    "torch": "es.from_torch(object(), (2,))",
    "sklearn": "es.from_sklearn(object())",
    "dask": 'sys.exit(run("count", "moons.onnx", "--dask", "tcp://127.0.0.1:1"))',
    "plot": 'sys.exit(run("plot", "moons.onnx", "--out", "moons.png"))',
    "completion": 'sys.exit(run("completion", "bash"))',
}
LINES = {  # other graph libraries, by the lines of docs/exports.md
    "igraph": """
        import igraph
        graph = igraph.Graph(n=len(omega), edges=zip(omega.edges.source, omega.edges.target))
        assert (graph.vcount(), graph.ecount(), graph.diameter()) == (4, 4, 2)
        graph = igraph.Graph.from_networkx(omega.adjacency_graph())
        assert graph.vs["code"] == ["00", "01", "10", "11"]
    """,
    "rustworkx": """
        import rustworkx
        graph = rustworkx.networkx_converter(omega.edges.to_networkx())
        assert (graph.num_nodes(), graph.num_edges()) == (4, 4)
        assert rustworkx.is_connected(graph)
    """,
}
TOOLS = {  # extras for who works on the project: their programs run in its folder
    "lint": [["ruff", "check", "exactspline"], ["lint-imports", "--no-cache"]],  # mypy: with test
    "test": [["pytest", "-q", "-n", "0", "tests/test_domains.py", "tests/test_kernel_cache.py"]],
    "docs": [["sphinx-build", "-W", "-q", "docs", "{folder}/site"]],
}
HEAD = """
import sys
import exactspline as es
from exactspline.cli import main
def run(*words):
    return main(list(words))
omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), engine="rational")
"""


class FailureError(Exception):
    """A command that failed."""


def run(command: list[str], folder: Path, *, fails: bool = False, **more: str) -> str:
    """Run a command there, without what the caller's environment says of Python; its output."""
    foreign = ("PYTHONPATH", "PYTHONHOME", "NUMBA_CACHE_DIR", "VIRTUAL_ENV")
    env = {k: v for k, v in os.environ.items() if k not in foreign} | {"MPLBACKEND": "Agg"} | more
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if (done.returncode != 0) != fails:
        raise FailureError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{said[-2000:]}")
    return said


class Environment:
    """A new virtual environment in a folder of its own.

    Compiled kernels are kept beside it, so that the first environment of a run compiles and later
    ones of the same interpreter load.
    """

    uv = ""  # that program, if it installs in place of pip: a tenth of the time

    def __init__(self, python: str, folder: Path) -> None:
        self.folder = folder
        self.number = run([python, "-V"], folder).split()[1]
        bare = ["--without-pip"] if self.uv else []
        run([python, "-m", "venv", *bare, str(folder / "venv")], folder.parent)
        self.bin = folder / "venv" / "bin"
        shutil.copy(MOONS, folder)

    def install(self, *words: str) -> None:
        """By pip, or by uv."""
        python = str(self.bin / "python")
        if self.uv:
            run([self.uv, "pip", "install", "-q", "--python", python, *words], self.folder)
        else:
            run([python, "-m", "pip", "install", "-q", *words], self.folder)

    def call(self, *words: str, fails: bool = False) -> str:
        """A program of the environment, with its kernels in the environment's folder."""
        kernels = str(self.folder.parent / f"kernels-{self.number}")
        path = os.pathsep.join([str(self.bin), os.environ["PATH"]])
        command = [str(self.bin / words[0]), *words[1:]]
        return run(command, self.folder, fails=fails, NUMBA_CACHE_DIR=kernels, PATH=path)

    def script(self, text: str, *, fails: bool = False) -> str:
        """Python's text, after the head."""
        (self.folder / "script.py").write_text(HEAD + textwrap.dedent(text))
        return self.call("python", "script.py", fails=fails)


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel, which is built from the sdist, and the sdist."""
    tools = folder / "build"
    run([sys.executable, "-m", "venv", str(tools)], folder)
    python = str(tools / "bin" / "python")
    run([python, "-m", "pip", "install", "-q", "build"], folder)
    run([python, "-m", "build", "--outdir", str(folder / "dist"), str(ROOT)], folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return wheel, sdist


def one_python(python: str, what: Path, folder: Path) -> str:
    """Install on an interpreter; doctor, demo, a count, a graph and a picture."""
    env = Environment(python, folder)
    began = time.monotonic()
    env.install(f"{what}[plot]")
    installed = time.monotonic() - began
    doctor = env.call("exactspline", "doctor")
    if "MISSING" in doctor or str(folder) not in doctor:
        raise FailureError(doctor)
    counted = env.call("exactspline", "count", "moons.onnx")
    if not re.search(r"regions +479\n", counted):
        raise FailureError(counted)
    env.call("exactspline", "demo", "tour")
    made = {path.name for path in (folder / "tour").iterdir()}
    if not {"regions.html", "graph.graphml"} <= made:
        raise FailureError(f"the tour leaves {made}")
    env.script(SMOKE["plot"])
    packages = dict(re.findall(r"(numba|numpy|onnx|python-flint) (\d[\w.]*)", doctor))
    shown = ", ".join(f"{name} {number}" for name, number in sorted(packages.items()))
    tried = time.monotonic() - began - installed
    by = "uv" if Environment.uv else "pip"
    return f"installed by {by} in {installed:.0f} s, tried in {tried:.0f} s; {shown}"


def one_extra(name: str, wheel: Path, folder: Path, torch: str) -> str:
    """Install with one extra, and do what it is for."""
    env = Environment(sys.executable, folder)
    env.install(f"{wheel}[{name}]", *([torch] if name == "torch" and torch else []))
    if name in TOOLS:
        for command in TOOLS[name]:
            words = [word.format(folder=folder) for word in command]
            path = os.pathsep.join([str(env.bin), os.environ["PATH"]])
            run([str(env.bin / words[0]), *words[1:]], ROOT, PATH=path)
        return "its programs run"
    env.script(SMOKE[name])
    doctor = env.call("exactspline", "doctor")
    if not re.search(rf"\b{name} +there\b", doctor):
        raise FailureError(doctor)
    return "does what it is for"


def one_library(name: str, wheel: Path, folder: Path) -> str:
    """Install beside another library, and hand a graph over."""
    env = Environment(sys.executable, folder)
    env.install(str(wheel), name)
    env.script(LINES[name])
    return "takes a graph, as docs/exports.md says"


def without_extras(names: list[str], wheel: Path, folder: Path) -> list[tuple[str, str]]:
    """In an environment without any: an error of ours that says what to install."""
    env = Environment(sys.executable, folder)
    env.install(str(wheel))
    out = []
    for name in names:
        said = env.script(WITHOUT[name], fails=True)
        last = said.strip().splitlines()[-1]
        line = f"pip install 'exactspline[{name}]'"
        good = line in last and ("Error: " in last or last.startswith("exactspline"))
        out.append((name, f"says `{line}`" if good else f"FAILED: {last}"))
    return out


def main() -> int:
    """Try, print, record; the number of failures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pythons", "extras"])
    parser.add_argument("names", nargs="*", help="interpreters; extras, libraries")
    parser.add_argument("--torch", default="", metavar="REQUIREMENT", help="such as torch==2.13.0")
    parser.add_argument("--record", type=Path, metavar="FILE", help="add the results to this table")
    parser.add_argument("--uv", default="", metavar="PROGRAM", help="install by it, not by pip")
    args = parser.parse_args()
    Environment.uv = str(Path(args.uv).resolve()) if args.uv else ""
    rows: list[tuple[str, str]] = []

    def say(title: str, result: str) -> None:
        rows.append((title, result))
        print(f"{title:<34}{result}", flush=True)
        if args.record:
            today = datetime.date.today().isoformat()
            short = " ".join(result.split())[:200]
            with args.record.open("a") as stream:
                stream.write(f"| {today} | {platform.machine()} | {title} | {short} |\n")

    def attempt(title: str, work, *words) -> None:
        with tempfile.TemporaryDirectory(dir=scratch) as own:
            try:
                say(title, work(*words, Path(own)))
            except FailureError as error:
                say(title, f"FAILED: {error}")

    with tempfile.TemporaryDirectory() as scratch:
        wheel, sdist = build(Path(scratch))
        print(f"built {wheel.name}, {sdist.name}")
        if args.what == "pythons":
            for python in args.names or [sys.executable]:
                number = run([python, "-V"], Path(scratch)).split()[1]
                for kind, file in (("wheel", wheel), ("sdist", sdist)):
                    attempt(f"Python {number}, {kind}", one_python, python, file)
        else:
            names = args.names or [*SMOKE, "lint", "test", *LINES]
            for name in names:
                if name in LINES:
                    attempt(f"beside {name}", one_library, name, wheel)
                    continue
                attempt(
                    f"with {name}",
                    lambda name, own: one_extra(name, wheel, own, args.torch),
                    name,
                )
            with tempfile.TemporaryDirectory(dir=scratch) as own:
                asked = [name for name in names if name in SMOKE]
                for name, result in without_extras(asked, wheel, Path(own)):
                    say(f"without {name}", result)
    return sum("FAILED" in result for _, result in rows)


if __name__ == "__main__":
    sys.exit(main())
