"""Every formula of the theory changed in one place: do the checks refuse it?

    python benchmarks/mutations.py [MODULE ...] [--most N] [--check NAME] [--network NAME]
                                   [--workers N] [--survivors] [--markdown]
                                   [--results FILE [--table]]

A mutant is one module of exactspline/theory with one change: a sum becomes a difference, a product
a sum, a comparison its opposite, a sign is lost, 0, 1 or 2 in arithmetic is one more. Each runs in
a process of its own, in which the checks that lead to it are run on some toy networks, then the
broken twins of tests/support/theory_twins.py, and then the quick tests of its chapter (``TESTS``),
which compare with values of their own. It is refused if a verdict is another one than without the
change, if a check ends in an error, if all verdicts are the same and a report tells other numbers,
or if a test fails. The checks of the module's own statement come first. What no check looks at is
left out: messages, limits, what is only shown, and the modules in ``OUT``, with the reason. A
change that is the same function is listed in ``equivalents.py``, with the reason, and is not run.

``--results`` keeps what was found in a file, by the text of the module and of the change: a run
that was ended goes on there, and ``--table`` runs nothing and tells what the file has.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import importlib.abc
import importlib.util
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import exactspline as es

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from equivalents import EQUIVALENT  # noqa: E402

ROOT = Path(es.__file__).parent / "theory"
SECONDS = 30  # of computing, of a mutant
OUT = {
    "learning/learning.py": "fits data; no statement is about it",
    "filters/matched.py": "templates at one input and a penalty; no statement is about them",
    "filters/autograd.py": "torch's side of check 7: its bound on rounding may only be too wide",
    "geometry/nearest_class.py": "distances to classes; tests compare them with `robust`",
    "gallery.py": "the toy networks",
    "common/watch.py": "tells how far a loop is; it has no formula",
    "structure/spline.py": "the object s[alpha, beta, Omega]; tests compare it with the network",
}
# per chapter the tests of it that compare with values which no check computes
TESTS = {
    "common": (
        "formulas",
        "structure",
        "convexity",
        "lipschitz",
        "streams",
        "objects",
        "counts",
        "vq",
    ),
    "constants": (
        "formulas",
        "lipschitz",
    ),
    "counting": ("formulas", "counts", "expected"),
    "filters": ("formulas", "templates", "collinear", "structure", "penalties"),
    "geometry": ("formulas", "geometry", "power", "distances"),
    "learning": ("formulas", "approximation", "learning", "soft", "soft_network", "vq"),
    "operators": ("formulas", "operators", "structure", "objects"),
    "perspectives": ("perspectives",),
    "structure": ("formulas", "structure", "convexity", "objects", "forms"),
    "universality": ("universality",),
}  # fmt: skip
ROOM = {"__init__.py", "chapters.py", "registry.py", "report.py", "run.py", "own.py"}  # no formula
LIMIT = re.compile(r"\b_?(MOST|EAGER|BATCH|WIDEST|HELD|FEW|LONGEST)")  # how much is held at a time
SUMS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.MatMult: None}
OPPOSITES = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
# assigned to: only shown, or counted
SHOWN = {
    "bad", "wrong", "details", "checked", "points", "pairs", "facets", "radii", "count", "seen",
    "why", "reason", "says", "report", "case", "by_hand", "witnesses", "regions", "within", "tried",
    "compared", "exact", "left_out", "triples", "common", "right", "straight", "obtuse", "stated",
    "numbers",
}  # fmt: skip


_LEFT_OUT = (
    ast.Raise, ast.JoinedStr, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.Assert, ast.Subscript,
    ast.Dict,
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the n-th site of a module."""

    module: str
    number: int
    line: int
    what: str
    function: str
    text: str  # of the expression that is changed; of a number, of the operation it stands in

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells a change apart whatever stands above it."""
        return self.module, self.function, self.text, self.what


class _Sites(ast.NodeVisitor):
    """The nodes of a module that can be changed, in order, with what they become."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str, str, str]] = []
        self.names: list[str] = []
        self.inside = 0  # functions

    def _add(self, node: ast.AST, what: str, of: ast.AST | None = None) -> None:
        text = ast.unparse(of or node).partition("\n")[0]
        if LIMIT.search(text):
            return
        self.found.append((node, what, ".".join(self.names), text))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.inside += 1
        self.names.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self.names.pop()
        self.inside -= 1

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.append(node.name)
        self.generic_visit(node)
        self.names.pop()

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, _LEFT_OUT):
            super().visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if isinstance(node.value, ast.Tuple):  # (count, counterexample)
            return
        if isinstance(node.value, (ast.Call, ast.Dict)) and "says" in ast.unparse(node)[:20]:
            return
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name in ("range", "isinstance", "LimitError", "ParameterError", "watched", "Report"):
            return
        if name.endswith((".report", ".not_applicable", ".undecided", "Statement")):
            return
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        if not names & SHOWN:
            self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        names = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        names |= {n.attr for n in ast.walk(node.target) if isinstance(n, ast.Attribute)}
        if names & SHOWN or (isinstance(node.value, ast.Constant) and node.value.value == 1):
            return
        self._operation(node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        ends = all(isinstance(s, ast.Raise) for s in node.body)
        if "_MOST" in ast.unparse(node.test) or ends:
            for statement in node.orelse if ends else []:
                self.visit(statement)
            return
        self.generic_visit(node)

    def _operation(self, node: ast.BinOp | ast.AugAssign) -> None:
        other = SUMS.get(type(node.op))
        text = any(
            isinstance(n, (ast.Constant,)) and isinstance(n.value, str) for n in ast.walk(node)
        )
        if self.inside and other is not None and not text:
            self._add(node, f"{_sign(node.op)} -> {_sign(other())}")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._operation(node)
        for side in (node.left, node.right):
            number = isinstance(side, ast.Constant) and type(side.value) is int
            if number and side.value in (0, 1, 2) and self.inside:
                self._add(side, f"{side.value} -> {side.value + 1}", node)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        number = isinstance(node.operand, ast.Constant)
        if self.inside and isinstance(node.op, ast.USub) and not number:
            self._add(node, "a minus is lost")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        other = OPPOSITES.get(type(node.ops[0]))
        if self.inside and len(node.ops) == 1 and other is not None:
            self._add(node, f"{_sign(node.ops[0])} -> {_sign(other())}")
        self.generic_visit(node)


_SIGNS = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=",
    "Eq": "==", "NotEq": "!=",
}  # fmt: skip


def _sign(op: ast.AST) -> str:
    return _SIGNS[type(op).__name__]


def _tree(module: str) -> tuple[ast.Module, _Sites]:
    source = (ROOT / module).read_text(encoding="utf-8")
    tree, sites = ast.parse(source), _Sites()
    sites.visit(tree)
    return tree, sites


def mutants(module: str) -> list[Mutant]:
    """All changes of a module, in the order of its text."""
    _, sites = _tree(module)
    return [
        Mutant(module, i, getattr(node, "lineno", 0), what, function, text)
        for i, (node, what, function, text) in enumerate(sites.found)
    ]


def changed(mutant: Mutant) -> ast.Module:
    """The module's tree with the change."""
    tree, sites = _tree(mutant.module)
    node = sites.found[mutant.number][0]
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        node.op = SUMS[type(node.op)]()  # type: ignore[misc]
    elif isinstance(node, ast.Compare):
        node.ops = [OPPOSITES[type(node.ops[0])]()]
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Constant):
        node.value = node.value + 1  # type: ignore[operator]
    return ast.fix_missing_locations(tree)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed module where the real one is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        self.path = ROOT / mutant.module
        parts = ["exactspline", "theory", *Path(mutant.module).with_suffix("").parts]
        self.name = ".".join(parts)
        self.tree = changed(mutant)

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self.path))

    def exec_module(self, module) -> None:
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)


class _NoTorch(importlib.abc.MetaPathFinder):
    """Torch takes long to load; check 7 says that it was not asked."""

    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError("not here")


def networks() -> dict[str, tuple[es.Network, es.Domain]]:
    """What the checks are run on: small, and no two weights that a change could confuse."""
    dense = [
        es.Dense([[1, "1/3"], [2, -1], ["1/5", 2]], ["1/2", 1, -1]), es.ReLU(),
        es.Dense([[1, -3, 1], [2, 1, -3]], ["-1/3", 1]), es.Abs(), es.Dense([[3, "-2/7"]], [1]),
    ]  # fmt: skip
    cnn = [
        es.Conv([[[1, "-1/2"]], [["1/3", 1]]], ["1/7", "1/2"]), es.LeakyReLU("1/10"),
        es.MaxPool((2,)), es.Flatten(), es.Dense([[1, -1], ["1/2", "2/3"]], ["2/3", "-1/4"]),
    ]  # fmt: skip
    res = [
        es.Residual([es.Dense([[1, "1/2"], [-1, "1/3"]], ["1/2", "1/9"]), es.ReLU()]),
        es.Residual(
            [es.Dense([["1/3", -1], [1, 1]], ["1/8", "-1/2"]), es.Clip(-1, 2)],
            [es.Dense([[1, "1/4"], ["1/2", 1]], [3, "1/6"])],
        ),
        es.Residual([es.Dense([[2, 1], [-1, 3]], ["1/5", -2]), es.ReLU()]),
        es.Dense([[1, -1]], ["1/7"]),
    ]
    pool = [es.Dense([[1, 0], ["1/2", -1], [0, 2]], [0, 1, "-1/3"]), es.Reshape((1, 3)),
            es.MaxPool((2,), stride=1), es.Flatten(), es.Dense([[1, 2]])]  # fmt: skip
    threshold = [es.Dense([[1, 2], [3, -1]], [1, 0]), es.Threshold("1/3", "1/3"),
                 es.Dense([[1, 1]])]  # fmt: skip
    lines = [[1, 0], [0, 1], [1, 1], [1, 1], [2, 2], [1, -1]]  # three meet, two are one
    tied = [es.Dense(lines, [0, 0, 0, -1, -2, 0]), es.ReLU(), es.Dense([[1, 2, 3, 4, 5, 6]])]
    convex = [
        es.Dense([[1, "-1/2"], ["1/3", 1]], ["1/2", -1]), es.ReLU(), es.Dense([[1, 2]], ["-1/3"]),
        es.ReLU(), es.Dense([[3]], [1]),
    ]  # fmt: skip
    centres = [[0, 0], [2, 1], [-1, 3]]
    askew = [es.Dense([[1, "1/3"], [2, -1]]), es.Abs(), es.Dense([[1, 1]])]
    upright = [es.Dense([[1, 2], [-4, 2]]), es.Abs(), es.Dense([[1, 1]])]
    return {
        "dense": (es.Network(dense, (2,)), es.WholeSpace(2)),
        "dense in a box": (es.Network(dense, (2,)), es.Box(["-1/2", -2], [3, "5/3"])),
        "pool": (es.Network(pool, (2,)), es.WholeSpace(2)),
        "threshold": (es.Network(threshold, (2,)), es.WholeSpace(2)),
        "tied": (es.Network(tied, (2,)), es.WholeSpace(2)),
        "rotation": (
            es.Network([es.Dense([[3, 4], [-4, 3]], [1, 0]), es.Abs()], (2,)),
            es.WholeSpace(2),
        ),
        "askew": (es.Network(askew, (2,)), es.WholeSpace(2)),
        "upright": (es.Network(upright, (2,)), es.WholeSpace(2)),  # a Voronoi diagram
        "slice": (es.Network(dense, (2,)), es.Slice([0, "1/3"], [[1, 2]])),
        "cnn": (es.Network(cnn, (1, 3)), es.WholeSpace(3)),
        "residual": (es.Network(res, (2,)), es.WholeSpace(2)),
        "convex": (es.Network(convex, (2,)), es.WholeSpace(2)),
        "K-means": (es.Network([es.MASO([centres], [[0, "-5/2", -5]])], (2,)), es.WholeSpace(2)),
    }


def _reads() -> dict[str, set[str]]:
    """Per module of the theory the modules of the theory that it leads to, itself included."""
    direct: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        here = ["exactspline", "theory", *path.relative_to(ROOT).with_suffix("").parts]
        found = direct.setdefault(".".join(here), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                found.add(".".join([*here[: -node.level], *(node.module or "").split(".")]))
    out = {}
    for name in direct:
        seen, rest = {name}, [name]
        while rest:
            new = direct.get(rest.pop(), set()) - seen
            seen |= new
            rest += new
        out[name] = seen
    return out


def _checks(module: str) -> list[str]:
    """The checks that lead to a module, those of its own statement first, then of its chapter."""
    from exactspline import theory

    reads = _reads()

    name = "exactspline.theory." + module.removesuffix(".py").replace("/", ".")
    chapter = name.rpartition(".")[0]

    def place(item):
        own = item[1].function.__module__
        return (own != name, not own.startswith(chapter), item[1].number)

    found = sorted(theory.CHECKS.items(), key=place)
    return [check for check, line in found if not module or name in reads[place_of(line)]]


def place_of(line) -> str:
    """The module of a check."""
    return line.function.__module__


def _outcomes(module: str, omegas: dict, only: list[str] | None) -> Iterator[tuple[str, str, str]]:
    """What the checks say, one after the other."""
    from exactspline import theory

    for check in [name for name in _checks(module) if only is None or name in only]:
        line = theory.CHECKS[check]
        for name, omega in omegas.items() if line.needs_network else (("", None),):
            yield (
                f"{check}, {name}",
                *_told(lambda f=line.function, g=[omega] if line.needs_network else []: f(*g)),
            )
    if only is None:
        sys.path.insert(0, str(HERE.parent / "tests" / "support"))
        from theory_twins import TWINS

        checks = _checks(module)
        for name, twin in TWINS.items():
            if any(check.startswith(name.partition(",")[0]) for check in checks):
                yield f"twin: {name}", *_told(twin)


def _told(check) -> tuple[str, str]:
    """The verdict, and the whole report."""
    try:
        report = check()
    except Exception as error:
        return f"error: {type(error).__name__}", ""
    return report.verdict, json.dumps(report.to_json(), sort_keys=True)


def _child(
    mutant: Mutant | None, omegas: dict, expected: dict | None, only: list[str] | None, pipe: int
) -> None:
    """Runs the checks; writes the outcomes, or the first that is another one."""
    sys.meta_path.insert(0, _NoTorch())
    out: dict[str, str] = {}
    if mutant is not None:
        sys.meta_path.insert(0, _Changed(mutant))
    try:
        other = None
        for key, told, report in _outcomes(mutant.module if mutant else "", omegas, only):
            out[key] = told
            out[f"report of {key}"] = report
            if expected is None:
                continue
            if told != expected[key]:
                out = {"refused by": key, "it says": told}
                break
            if report != expected[f"report of {key}"]:
                other = other or key
            if other and not _of_chapter(key, mutant.module):
                break
        if expected is not None and "refused by" not in out:
            if other:
                out = {"refused by": other, "it says": "another report"}
            elif only is None:
                out = _tested(mutant.module)
        elif expected is None and only is None:
            for chapter in TESTS:
                out[f"tests of {chapter}"] = _tested(f"{chapter}/").get("it says", "passed")
    except BaseException as error:  # the module itself does not load
        out = {"refused by": "loading", "it says": type(error).__name__}
    os.write(pipe, json.dumps(out).encode())
    os._exit(0)


def _of_chapter(key: str, module: str) -> bool:
    """Whether a check is one of the module's chapter."""
    from exactspline import theory

    line = theory.CHECKS.get(key.rpartition(", ")[0])
    return line is None or place_of(line).split(".")[2] == module.split("/")[0]


def _tested(module: str) -> dict[str, str]:
    """The first quick test of the module's chapter that fails; nothing if all pass."""
    import pytest

    failed: list[str] = []

    class Told:
        def pytest_runtest_logreport(self, report):
            if report.failed:
                failed.append(report.nodeid.rpartition("/")[2])

    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _NoTorch)]
    folder = HERE.parent / "tests" / "theory"
    files = [str(folder / f"test_theory_{name}.py") for name in TESTS[module.split("/")[0]]]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        code = pytest.main([*options, *files], plugins=[Told()])
    if code == 0:
        return {}
    told = failed[0] if failed else f"pytest ends with {code}"
    return {"refused by": told, "it says": "a test fails"}


def run(
    mutant: Mutant | None,
    omegas: dict,
    expected: dict | None = None,
    only: list[str] | None = None,
) -> dict[str, str]:
    """The outcomes of all checks; of a mutant what refuses it, or nothing."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_PROF, SECONDS if mutant else 600)
        _child(mutant, omegas, expected, only, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    if not text:
        return {"refused by": "no end", "it says": f"after {SECONDS} s"}
    found = json.loads(text)
    return found if mutant is None or "refused by" in found else {}


def chosen(modules: list[str], most: int | None) -> list[Mutant]:
    """The mutants of some modules, evenly from each if there are more than ``most``."""
    out = []
    for module in modules:
        found = mutants(module)
        if most is not None and len(found) > most:
            found = [found[i * len(found) // most] for i in range(most)]
        out += found
    return out


def all_modules() -> list[str]:
    """The modules with formulas."""
    files = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*.py"))
    return [f for f in files if f not in OUT and Path(f).name not in ROOM]


def prepared(only: list[str] | None = None) -> dict:
    """The partitions of the networks, with their facets."""
    chosen = {n: v for n, v in networks().items() if only is None or n in only}
    return {n: es.enumerate_regions(net, d, graph=True) for n, (net, d) in chosen.items()}


def _digest(mutant: Mutant) -> str:
    """A change of a text, in a word."""
    source = (ROOT / mutant.module).read_bytes()
    return hashlib.sha256(source + repr((mutant.key, mutant.number)).encode()).hexdigest()[:24]


def _known(path: Path | None, every: bool) -> dict[str, dict[str, str]]:
    """What earlier runs found to be refused, with ``every`` what was not refused as well."""
    if path is None or not path.exists():
        return {}
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    last = dict(sorted(rows, key=lambda row: bool(row[1])))  # a test that came later refuses it
    return {key: result for key, result in last.items() if result or every}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("modules", nargs="*", help="such as geometry/power.py; all by default")
    parser.add_argument("--most", type=int, help="mutants of a module, evenly chosen")
    parser.add_argument("--check", action="append", help="only this check (may be repeated)")
    parser.add_argument("--network", action="append", help="only this network")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--survivors", action="store_true", help="list those that no check refuses")
    parser.add_argument("--results", type=Path, help="keeps what was found; goes on there")
    parser.add_argument("--table", action="store_true", help="tell what --results has; run nothing")
    parser.add_argument("--markdown", action="store_true", help="the table as in docs/theory.md")
    arguments = parser.parse_args()
    start = time.perf_counter()
    omegas = {} if arguments.table else prepared(arguments.network)
    if arguments.check is None and not arguments.table:  # loaded once, not in every process
        import cvxpy  # noqa: F401
        import sympy  # noqa: F401
    expected = {} if arguments.table else run(None, omegas, only=arguments.check)
    wrong = {k: v for k, v in expected.items() if v.startswith(("error", "a test"))}
    if wrong:
        sys.exit(f"without a change: {wrong}")
    todo = chosen(arguments.modules or all_modules(), arguments.most)
    found = []
    known = _known(arguments.results, arguments.table)

    def one(mutant: Mutant) -> dict[str, str]:
        if mutant.key in EQUIVALENT:
            return {"refused by": "equivalent", "it says": EQUIVALENT[mutant.key]}
        key = _digest(mutant)
        if arguments.table:
            return known.get(key, {"refused by": "nobody", "it says": "not run"})
        if key not in known:
            known[key] = run(mutant, omegas, expected, arguments.check)
            if arguments.results:
                with arguments.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, known[key]]) + "\n")
        return known[key]

    with ThreadPoolExecutor(arguments.workers) as pool:
        for done, (mutant, result) in enumerate(zip(todo, pool.map(one, todo), strict=True), 1):
            found.append(result)
            if arguments.table:
                continue
            told = f"{done}/{len(todo)} {mutant.module}:{mutant.line} {mutant.what}: "
            told += f"{result['it says']} ({result['refused by']})" if result else "survives"
            print(told, file=sys.stderr, flush=True)
    rows: dict[str, Counter] = {}
    for mutant, result in zip(todo, found, strict=True):
        row = rows.setdefault(mutant.module, Counter())
        row["mutants"] += 1
        told = result.get("it says", "")
        if not result:
            row["survive"] += 1
            if arguments.survivors:
                text = (ROOT / mutant.module).read_text().splitlines()[mutant.line - 1].strip()
                print(f"  {mutant.module}:{mutant.line}: {mutant.what}    {text}")
                print(f"    {mutant.key}")
        elif result["refused by"] == "equivalent":
            row["equivalent"] += 1
        elif told in ("a test fails", "not run"):
            row["by a test" if told == "a test fails" else "not run"] += 1
        elif told == "another report":
            row["by other numbers"] += 1
        elif told.startswith("error") or result["refused by"] in ("loading", "no end"):
            row["by an error"] += 1
        else:
            row["by a verdict"] += 1
    columns = (
        "mutants", "by a verdict", "by an error", "by other numbers", "by a test", "equivalent",
        "not run", "survive",
    )  # fmt: skip
    total = Counter()
    if arguments.markdown:
        heads = ["module", *columns[:-1], "not refused"]
        print("| " + " | ".join(heads) + " |")
        print("|" + "---|" * len(heads))
    for module, row in rows.items():
        total.update(row)
        cells = [f"`{module}`" if arguments.markdown else f"{module:<28}"]
        cells += [f"{row[c]:>6}" for c in columns]
        print(
            "| " + " | ".join(c.strip() for c in cells) + " |"
            if arguments.markdown
            else " ".join(cells)
        )
    print("all", *(f"{c}: {total[c]}" for c in columns), f"in {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
