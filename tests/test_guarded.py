"""Everything public is guarded: nothing is left out."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import is_dataclass
from functools import cached_property
from types import FunctionType

import exactspline as es
from exactspline import bounds, formats
from exactspline.theory.chapters import exports

# public, and without arithmetic of floats: what they hold was computed by others
PLAIN = {
    "Branches", "Residual", "RegionCount", "Forward", "LayerValues",  # hold what they are given
    "Decisions",  # adds whole numbers
}  # fmt: skip


def is_guarded(member: object) -> bool:
    return getattr(member, "_sees_to_mode", False) is True


def unguarded(cls: type) -> list[str]:
    """The public methods and properties that a class does not guard, its bases' included."""
    out = []
    for base in cls.__mro__:
        if not base.__module__.startswith("exactspline"):
            continue
        for name, member in vars(base).items():
            if name.startswith("_") and name not in ("__init__", "__getitem__", "__iter__"):
                continue
            if name == "__init__" and is_dataclass(base):  # only holds what it is given
                continue
            function = member
            if isinstance(member, classmethod | staticmethod):
                function = member.__func__
            elif isinstance(member, property):
                function = member.fget
            elif isinstance(member, cached_property):
                function = member.func
            if isinstance(function, FunctionType) and not is_guarded(function):
                out.append(f"{base.__module__}.{base.__name__}.{name}")
    return out


def public() -> dict[str, object]:
    """Every public name of the package and of its public rooms."""
    out = {name: getattr(es, name) for name in es.__all__}
    for room in (bounds, formats):
        out.update({f"{room.__name__}.{name}": getattr(room, name) for name in room.__all__})
    out.update({name: getattr(es.theory, name) for name in exports()})
    out.update({name: es.theory.check_function(name) for name in es.theory.CHECKS})
    return out


def test_every_public_name_is_guarded():
    missing = []
    for name, thing in public().items():
        if inspect.isclass(thing):
            if not issubclass(thing, Exception) and name not in PLAIN:
                missing += unguarded(thing)
        elif isinstance(thing, FunctionType) and not is_guarded(thing):
            missing.append(name)
    assert not missing, missing


def test_what_public_calls_give_is_guarded():
    first, last = es.Dense([[1, 2], [3, 4]], [0, 1]), es.Dense([[1, 1], [1, -1]])
    net = es.Network([first, es.ReLU(), last], (2,))
    omega = es.enumerate_regions(net, es.Box([-1, -1], [1, 1]))
    given = [
        net, omega, omega[0], omega[0].facets()[0], omega[0].inequalities()[0], omega.edges,
        omega.at_layer(1), omega.linear_regions(), omega.faces(), omega.check_euler(),
        omega.decision_boundary(), omega.complex(), omega.complex().corners,
        omega.complex().ideal_corners, omega.complex().edges, omega.complex().faces,
        omega.complex().faces[0], omega.complex().half_edges, omega.after_layer(1),
        omega.after_layer(1).edges, omega[0].polygon(), omega.locate([[0.0, 0.0]]),
        omega.domain, omega.domain.chart, net.layers[0], net.layers[0].as_maso(),
        net.layers[0].as_aso(), es.prepare(net, engine="numpy"),
        es.approximate(es.Network([es.Dense([[1]]), es.Tanh()], (1,)), "0.1", es.Box([-1], [1])),
        es.stream_regions(net), es.theory.layer_power_diagram(net, 1),
        es.theory.bounds(net), es.theory.vq_distances(net, [[0, 1]], [[1, 0]]),
    ]  # fmt: skip
    missing = [m for thing in given for m in unguarded(type(thing))]
    assert not missing, sorted(set(missing))


def test_functions_that_workers_run_are_guarded():
    task = importlib.import_module("exactspline.tasks.task")
    assert is_guarded(task.run_task)
    assert is_guarded(task.work_on)
    assert is_guarded(task.load_kernels.__wrapped__)
