"""Methods of early rooms that later ones carry out: every one is provided, with its arguments."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import exactspline as es
from exactspline.errors import ExactSplineError
from exactspline.later import PROVIDED, in_later_room, provides

ROOT = Path(es.__file__).parent


def declared():
    """The names that methods ask for, and the arguments of these methods."""
    out = {}
    for path in sorted(ROOT.rglob("*.py")):
        for cls in ast.walk(ast.parse(path.read_text())):
            if not isinstance(cls, ast.ClassDef):
                continue
            for method in cls.body:
                for call in ast.walk(method):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "in_later_room":
                        assert ast.literal_eval(call.args[0]) == f"{cls.name}.{method.name}"
                        out[f"{cls.name}.{method.name}"] = method.args
    return out


@pytest.mark.slow
def test_what_is_asked_for_is_provided():
    asked = declared()
    assert asked
    assert set(asked) == set(PROVIDED)
    for name, args in asked.items():
        given = list(inspect.signature(PROVIDED[name]).parameters.values())
        if args.vararg is not None:  # handed over as one sequence
            assert len(given) == 2
            continue
        more, more_defaults = args.kwonlyargs, args.kw_defaults
        if given[-1].kind is inspect.Parameter.VAR_KEYWORD:  # hands options on as they are
            given, more, more_defaults = given[:-1], [], []
        names = [a.arg for a in (*args.args, *more)]
        assert [p.name for p in given][1:] == names[1:], name
        defaults = [d for d in (*args.defaults, *more_defaults) if d is not None]
        assert [p.default for p in given if p.default is not p.empty] == [
            ast.literal_eval(d) for d in defaults
        ], name


def test_what_nobody_provides():
    with pytest.raises(ExactSplineError, match=r"Ship\.sail: no room provides it"):
        in_later_room("Ship.sail", None)


def test_two_cannot_provide_one():
    with pytest.raises(ExactSplineError, match=r"Network\.save: is provided twice"):
        provides("Network.save")(print)


def test_providing_loads_nothing():
    """The later rooms are imported when they are called."""
    code = (
        "import sys, exactspline.wiring\n"
        "late = ('theory', 'store', 'formats.onnx.reader', 'search.kernel.engine')\n"
        "print([m for m in late if 'exactspline.' + m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
