"""What registers itself: the lists agree, no room behind compile knows an operator, no circles.

The imports that `discovery.load_files` makes are not written down; here they are added to those
that are, and the whole is looked through.
"""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import exactspline as es
import exactspline.network as nw
from exactspline import formats
from exactspline.search import choice

ROOT = Path(es.__file__).parent
# rooms that read programs and never ask which operators made them
BLIND = (
    "clock", "rationals", "kernels", "compile", "polyhedra", "domain", "cells", "bounds", "search",
    "tasks", "partition", "export", "evaluate", "store",
    "driver", "segments", "visits", "api", "plot", "torch", "explorer", "cli",
)  # fmt: skip
SIGHTED = {
    "network", "approximation", "formats", "theory", "statements", "solid", "verification",
    "symbolic", "families",
}  # fmt: skip


def modules():
    """Every module and its file."""
    out = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        out[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return out


MODULES = modules()


def imports(module):
    """What a file imports of the package, wherever it stands: (module or name in it)."""
    path = MODULES[module]
    home = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield (inner, None) if inner in MODULES else (source, alias.name)


def discovering():
    """Which module loads the files of which folder."""
    for module, path in MODULES.items():
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "load_files":
                given = ast.unparse(call.args[0])
                if given == "sys.modules[__name__]":
                    yield module, module
                    continue
                home = module if path.name == "__init__.py" else module.rpartition(".")[0]
                folder = given if given.startswith("exactspline.") else f"{home}.{given}"
                assert folder in MODULES, f"{module} loads {given}, which is no folder beside it"
                yield module, folder


def test_names_of_operators_agree():
    names = [kind.__name__ for kind in nw.OPERATORS]
    assert names == sorted(names)
    assert len(names) >= 43
    for room in (nw, es):
        assert set(names) <= set(room.__all__)
        assert len(set(room.__all__)) == len(room.__all__)
        for name, kind in zip(names, nw.OPERATORS, strict=True):
            assert getattr(room, name) is kind
    joined = {"ASO", "Branches", "Network", "Node", "NetworkLayer", "Operator", "Residual"}
    assert set(nw.__all__) == {"OPERATORS", *joined, *names}


def test_names_that_type_checkers_see_are_registered():
    """The names that are written down are the same in the two packages, and none is stale."""
    operators = []
    for module in ("exactspline", "exactspline.network"):
        tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
        listed = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        assert [name for name in listed if not hasattr(es, name) and not hasattr(nw, name)] == []
        known = {kind.__name__ for kind in nw.OPERATORS}
        operators.append([name for name in listed if name in known])
    assert operators[0] == operators[1]
    assert len(operators[0]) >= 43


def test_an_operator_that_cannot_be_registered():
    from exactspline.network.operator import Operator, operator

    with pytest.raises(es.ParameterError, match=r"operator ReLU: .*has one of that name"):
        operator(type("ReLU", (nw.Abs,), {}))
    with pytest.raises(es.ParameterError, match="operator Half: lacks forward, lower, output_sh"):
        operator(type("Half", (Operator,), {}))
    with pytest.raises(es.ParameterError, match="field 'slope' of kind 'number' does not fit"):
        operator(type("Odd", (nw.Abs,), {"FIELDS": {"slope": "number"}}))
    with pytest.raises(es.ParameterError, match="'name'"):
        operator(type("Dumb", (nw.Abs,), {"__init__": lambda self: None}))
    assert {"Half", "Odd", "Dumb"}.isdisjoint(kind.__name__ for kind in nw.OPERATORS)


def test_nothing_behind_compile_knows_an_operator():
    operators = {kind.__name__ for kind in nw.OPERATORS}
    files = {kind.__module__ for kind in nw.OPERATORS}
    known = []
    for module in MODULES:
        if room(module) not in BLIND:
            continue
        for source, name in imports(module):
            if source in files or (name in operators and source.startswith("exactspline")):
                known.append((module, source, name))
    assert known == []
    folders = {p.name for p in ROOT.iterdir() if (p / "__init__.py").exists()}
    assert folders <= {*BLIND, *SIGHTED}, "a new room: does it know operators?"


@pytest.mark.slow
def test_nothing_but_discovery_imports_by_a_computed_name():
    guilty = set()
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = {alias.name for alias in node.names}
                if names & {"import_module", "importlib", "pkgutil", "iter_modules"}:
                    guilty.add(module)
            elif isinstance(node, ast.Name) and node.id == "__import__":
                guilty.add(module)
    assert guilty == {"exactspline.discovery"}


@pytest.mark.slow
def test_what_is_discovered_makes_no_circle():
    """No file of a folder that is loaded by looking leads back to who loads it, in its room.

    Circles through other rooms there are none, as rooms stand in an order.
    """
    graph = defaultdict(set)
    for module in MODULES:
        graph[module] = {source for source, _ in imports(module) if room(source) == room(module)}
    found = list(discovering())
    assert len(found) >= 4
    for loader, folder in found:
        files = {m for m in MODULES if m.rpartition(".")[0] == folder}
        assert files
        for file in files:
            assert not reaches(graph, file, loader), f"{file} leads back to {loader}"


def room(module):
    return [*module.split("."), ""][1]


def reaches(graph, start, end):
    seen, todo = {start}, [start]
    while todo:
        for following in graph[todo.pop()] - seen:
            if following == end:
                return True
            seen.add(following)
            todo.append(following)
    return False


# --- Tables that refuse ----------------------------------------------------------------------


def test_a_name_that_is_taken():
    from exactspline.formats.registry import reader, writer
    from exactspline.search.engine import engine
    from exactspline.theory.registry import check, exported

    assert callable(formats.load)  # the tables are filled
    assert choice.engine_names()
    for register, message in (
        (reader(".onnx"), r"\.onnx: it is taken"),
        (writer(".json"), r"\.json: it is taken"),
        (reader("NNET"), "small letters"),
        (engine("kernel", says=""), "'kernel': the name is taken"),
        (engine("auto", says=""), "'auto': the name is taken"),
        (check(number=1, name="convexity", needs_network=True), "has one of that name"),
        (exported, "exports 'zaslavsky' already"),
    ):

        def zaslavsky():
            pass

        assert es.theory.zaslavsky is not zaslavsky
        with pytest.raises(es.ParameterError, match=message):
            register(zaslavsky)


def test_engines_obey_the_protocol():
    """What each offers, and how a search that has not begun answers; the rest is in test_parts."""
    from exactspline.cells.space import search_space
    from exactspline.search.part import WHOLE

    net = es.Network([nw.Dense([[1, 2], [1, -1]]), nw.ReLU()], (2,))
    space = search_space(net.program, es.WholeSpace(2).chart)
    for name in choice.engine_names():
        search = choice.engine_called(name).begin(
            net.program, space, keep=True, max_regions=2**62, facets=False, part=WHOLE
        )
        assert (search.finished, search.regions, search.spent) == (False, 0, False)
        assert search.remaining() == [WHOLE]
        codes = [c for batch in search.batches() for c in batch.codes.tolist()]
        assert codes == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert (search.finished, search.regions, search.share) == (True, 4, 1.0)
        assert search.decisions.total >= 4
        assert search.remaining() == []
    by_size = [choice.automatic(dim).name for dim in (1, 2, 3, 60, 61, 10**6)]
    assert by_size == ["plane", "plane", "kernel", "kernel", "highs", "highs"]
    with pytest.raises(es.ParameterError, match="choose one of auto, plane, kernel, highs, "):
        choice.engine_called("none")
