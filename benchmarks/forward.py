"""Samples through networks: prints the figures that README and CHANGELOG quote, with the machine.

    python benchmarks/forward.py [--networks FOLDER] [--threads N] [--repeat N] [--values]

Every way is given the same number of threads (BLAS too) and the same float32 numbers, in one
run, in turns, so that the machine's moods meet all alike. Times are medians after a first call
that compiles or loads. A ratio is the other's time over this library's. Behind them stands the
least time, and its ratio: beside other work the two columns differ. ``--values`` leaves out
torch, maps and censuses: one sample and a batch of every network, within a minute.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from count import cpu_name

HERE = Path(__file__).resolve().parent
Work = Callable[[], Any]


def measured(works: dict[str, Work], repeat: int, inner: int = 1) -> dict[str, tuple[float, float]]:
    """Median and least seconds of a call, the works in turns.

    Between two works all threads get time to fall asleep (those of torch and onnxruntime spin
    for a while after their work, on the cores of the next), and each warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(repeat):
        for name, work in works.items():
            time.sleep(0.1)
            work()
            start = time.perf_counter()
            for _ in range(inner):
                work()
            times[name].append((time.perf_counter() - start) / inner)
    return {name: (statistics.median(own), min(own)) for name, own in times.items()}


def table(
    title: str, times: dict[str, tuple[float, float]], samples: int, ours: str, goals: str
) -> None:
    """One block: times, samples a second, and each over the first of ours; then of least times."""
    print(f"\n{title}   (to reach: {goals})")
    for name, both in times.items():
        units = [f"{t * 1e6:,.2f} us" if t < 1e-3 else f"{t * 1e3:,.2f} ms" for t in both]
        ratios = [t / own for t, own in zip(both, times[ours], strict=True)]
        line = f"  {name:<48}{units[0]:>14}{samples / both[0]:>16,.0f}/s{ratios[0]:>9.2f}"
        print(f"{line}{units[1]:>14}{ratios[1]:>9.2f}", flush=True)


def torch_module(net: Any) -> Any:
    """The network as PyTorch modules: dense and convolutional layers, ReLU, average pools."""
    import torch

    modules: list[Any] = []
    shift = None
    for operator in net.operators:
        fields = operator.fields
        if operator.kind == "Elementwise":
            shift = torch.tensor(np.asarray(fields["shift"], dtype=np.float32))
            if modules and isinstance(modules[-1], torch.nn.Linear):
                modules[-1].bias.data += shift.reshape(-1)
            elif bool(torch.any(shift != 0)):
                raise SystemExit("an offset that belongs to no layer")
        elif operator.kind == "Dense":
            weight = torch.tensor(np.asarray(fields["weight"], dtype=np.float32))
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data = weight
            bias = fields["bias"]
            layer.bias.data = (
                torch.zeros(len(weight)) if bias is None
                else torch.tensor(np.asarray(bias, dtype=np.float32))
            )  # fmt: skip
            modules.append(layer)
        elif operator.kind == "Conv":
            weight = torch.tensor(np.asarray(fields["weight"], dtype=np.float32))
            conv = torch.nn.Conv2d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]))
            conv.weight.data = weight
            conv.bias.data = torch.tensor(np.asarray(fields["bias"], dtype=np.float32))
            modules.append(conv)
        elif operator.kind == "AveragePool":
            modules.append(torch.nn.AvgPool2d(tuple(fields["kernel"]), tuple(fields["stride"])))
        elif modules or operator.kind != "Flatten":  # inputs of dense networks come flat
            modules.append({"ReLU": torch.nn.ReLU, "Flatten": torch.nn.Flatten}[operator.kind]())
    return torch.nn.Sequential(*modules).eval().requires_grad_(False)


def session_of(path: Path, threads: int) -> tuple[Any, str]:
    """An onnxruntime session that takes batches, and its input's name."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session, session.get_inputs()[0].name


def compiled(module: Any, example: Any) -> Any:
    """torch.compile of a module, or None where it does not work."""
    import torch

    try:
        out = torch.compile(module)
        with torch.inference_mode():
            out(example)
    except Exception as error:  # a compiler is missing, or the platform is not supported
        print(f"torch.compile does not work here: {type(error).__name__}")
        return None
    return out


def as_tensor(X: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(X)


def torch_work(function: Any, value: Any) -> Work:
    """A call without gradients."""
    import torch

    def work() -> Any:
        with torch.inference_mode():
            return function(value)

    return work


def torch_ways(module: Any, value: Any, what: str) -> dict[str, Work]:
    """Eager, and compiled where that works."""
    ways = {f"torch eager, {what}": torch_work(module, value)}
    made = compiled(module, value)
    return ways if made is None else {**ways, f"torch.compile, {what}": torch_work(made, value)}


def network(name: str, path: Path, batch: int, threads: int, repeat: int, values: bool) -> None:
    """One sample and a batch of a network, and its affine maps; or only the ``values``."""
    import exactspline as es

    net = es.load(path)
    core = es.prepare(net, dtype=np.float32, threads=threads)
    double = es.prepare(net, dtype=np.float64, threads=threads)
    session, source = session_of(path, threads)
    shape = net.input_shape
    X = np.random.default_rng(0).uniform(-1, 1, (batch, *shape)).astype(np.float32)
    if net.operators[0].kind == "Elementwise":
        assert not np.any(np.asarray(net.operators[0].fields["shift"], dtype=float))
    expected = session.run(None, {source: X})[0].reshape(batch, -1)
    module = tensor = None
    got_by = [core.forward(X)]
    if not values:
        module, tensor = torch_module(net), as_tensor(X)
        if module[0].__class__.__name__ == "Linear":
            tensor = tensor.reshape(batch, -1)
        got_by.append(torch_work(module, tensor)().numpy())
    for got in got_by:
        worst = float(np.abs(got.reshape(batch, -1) - expected).max())
        if worst > 1e-3 * max(1.0, float(np.abs(expected).max())):
            raise SystemExit(f"{name}: values differ by {worst}")

    x32, x64 = X[0].reshape(-1).copy(), X[0].reshape(-1).astype(np.float64)
    one = {source: X[:1]}
    flat = X.reshape(batch, -1)
    flat64 = flat.astype(np.float64)

    works: dict[str, Work] = {
        "exactspline float32, value and code": lambda: core.point(x32),
        "exactspline float64, value and code": lambda: double.point(x64),
        "onnxruntime, value": lambda: session.run(None, one),
    }
    if module is not None:
        works |= torch_ways(module, tensor[:1], "value")
    ours = "exactspline float32, value and code"
    goals = "onnxruntime 6, torch eager 5" if "ACAS" in name else "onnxruntime 1.2"
    table(f"{name}, one sample", measured(works, 3 * repeat, 300), 1, ours, goals)

    works = {
        "exactspline float32, values": lambda: core.forward(flat),
        "exactspline float32, codes": lambda: core.codes(flat),
        "exactspline float64, values": lambda: double.forward(flat64),
        "exactspline float64, values, proved codes":
            lambda: double.run(flat64, proved=True),
        "onnxruntime, values": lambda: session.run(None, {source: X}),
    }  # fmt: skip
    if module is not None:
        works |= torch_ways(module, tensor, "values")
    ours = "exactspline float32, values"
    times = measured(works, repeat, 3)
    goals = "onnxruntime 2" if "ACAS" in name else "the fastest other at least 0.83"
    table(f"{name}, batch of {batch:,}", times, batch, ours, goals)
    if module is None:
        return

    count = 10_000 if "ACAS" in name else 100
    batches = {"uniform in [-1, 1]": (flat[:count], flat64[:count])}
    if "ACAS" in name:  # where the network is used
        from exactspline.formats.vnnlib.reader import load_vnnlib

        (box,) = load_vnnlib(path.parent / "prop_1.vnnlib", net.input_dim)
        low, high = np.array(box.low, dtype=float), np.array(box.high, dtype=float)
        own = np.random.default_rng(1).uniform(low, high, (count, len(low))).astype(np.float32)
        batches = {"uniform in the box of prop_1": (own, own.astype(np.float64)), **batches}
    for where, (part, wide) in batches.items():
        maps(f"{name}, affine maps of {count:,}, {where}", core, double, module, part, wide, repeat)


def maps(
    title: str, core: Any, double: Any, module: Any, part: np.ndarray, wide: np.ndarray, repeat: int
) -> None:
    """Affine maps against Jacobians."""
    import torch

    count = len(part)
    jacobian = torch.func.vmap(torch.func.jacrev(module))
    inputs = torch.from_numpy(part)
    if module[0].__class__.__name__ != "Linear":
        inputs = inputs.reshape(count, 1, *core.network.input_shape)
    A, _ = core.affine_maps(part)
    theirs = jacobian(inputs).numpy().reshape(A.shape)
    apart = np.abs(A - theirs).reshape(count, -1).max(axis=1)
    # at a kink within rounding the two may stand on different sides
    if np.mean(apart > 1e-3 * np.abs(A).max()) > 1e-3:
        raise SystemExit(f"{title}: Jacobians differ")
    works: dict[str, Work] = {
        "exactspline float32, A and b": lambda: core.affine_maps(part),
        "exactspline float32, A, b, value, code, boundary": lambda: core.run(part, affine=True),
        "exactspline float64, A and b": lambda: double.affine_maps(wide),
        "torch.func.vmap(jacrev), A": lambda: jacobian(inputs),
    }
    times = measured(works, repeat, 3)
    table(title, times, count, "exactspline float32, A and b", "vmap(jacrev) 5")


def first_calls(path: Path) -> None:
    """What a first call costs in a fresh process, kernels on disk."""
    for label, work in (
        ("exactspline.forward of one sample", "es.forward(net, np.zeros(net.input_dim))"),
        ("exactspline.prepare", "es.prepare(net)"),
    ):
        code = (
            "import sys, time, numpy as np, exactspline as es\n"
            "net = es.load(sys.argv[1]); net.program\n"
            f"start = time.perf_counter(); {work}; print(time.perf_counter() - start)"
        )
        out = [
            float(subprocess.run([sys.executable, "-c", code, str(path)], check=True,
                                 capture_output=True, text=True).stdout)
            for _ in range(3)
        ]  # fmt: skip
        print(f"  first {label:<44}{statistics.median(out) * 1e3:>11,.1f} ms")


def compiling(path: Path) -> None:
    """What the first calls on a machine cost, nothing on disk: CPU time."""
    code = (
        "import sys, time, numpy as np, exactspline as es\n"
        "net = es.load(sys.argv[1]); net.program\n"
        "start = time.process_time(); core = es.prepare(net); core.point(np.zeros(net.input_dim))\n"
        "core.forward(np.zeros((1000, net.input_dim))); print(time.process_time() - start)\n"
        "start = time.process_time(); core.affine_maps(np.zeros((1000, net.input_dim)))\n"
        "print(time.process_time() - start)"
    )
    times: list[list[float]] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            out = subprocess.run(
                [sys.executable, "-c", code, str(path)],
                check=True,
                text=True,
                capture_output=True,
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
            )
            times.append([float(line) for line in out.stdout.split()])
    labels = "exactspline.prepare, a sample, a batch", "affine maps after that"
    for label, own in zip(labels, zip(*times, strict=True), strict=True):
        print(f"  {label:<50}{statistics.median(own):>11,.1f} s   least {min(own):.1f} s")


def one_sample(name: str, path: Path, threads: int, repeat: int) -> None:
    """One sample of a network with residual blocks and maxima, which is no list of modules."""
    import exactspline as es

    net = es.load(path)
    core = es.prepare(net, dtype=np.float32, threads=threads)
    double = es.prepare(net, dtype=np.float64, threads=threads)
    session, source = session_of(path, threads)
    shape = [d if isinstance(d, int) else 1 for d in session.get_inputs()[0].shape]
    x = np.random.default_rng(0).uniform(-1, 1, net.input_dim).astype(np.float32)
    given, wide = {source: x.reshape(shape)}, x.astype(np.float64)
    expected = session.run(None, given)[0].reshape(-1)
    if np.abs(core.point(x)[0].reshape(-1) - expected).max() > 1e-3 * np.abs(expected).max():
        raise SystemExit(f"{name}: values differ")
    ours = "exactspline float32, value and code"
    works: dict[str, Work] = {
        ours: lambda: core.point(x),
        "exactspline float64, value and code": lambda: double.point(wide),
        "onnxruntime, value": lambda: session.run(None, given),
    }
    table(f"{name}, one sample", measured(works, 3 * repeat, 300), 1, ours, "onnxruntime 1.5")


def census(threads: int, repeat: int) -> None:
    """The regions that a million samples visit."""
    import exactspline as es

    rng, operators, widths = np.random.default_rng(0), [], (2, 64, 64, 64)
    for n, m in itertools.pairwise(widths):
        weight = rng.normal(size=(m, n)) / np.sqrt(n)
        operators += [es.Dense(weight, rng.normal(size=m) / 2), es.ReLU()]
    net = es.Network([*operators, es.Dense(rng.normal(size=(1, 64)))], (2,))
    core = es.prepare(net, threads=threads)
    X = rng.uniform(-1, 1, (1_000_000, 2))
    bits, counts = np.unique(np.packbits(core.codes(X), axis=1), axis=0, return_counts=True)
    found = es.census(core, X)
    if len(found) != len(bits) or not np.array_equal(found.counts, counts):
        raise SystemExit("census: other regions than numpy.unique finds")
    times = measured({
        "exactspline census, codes proved": lambda: es.census(core, X),
        "exactspline census, plain codes": lambda: es.census(core, X, exact=False),
        "exactspline codes, then numpy.unique of bits": lambda: np.unique(
            np.packbits(core.codes(X), axis=1), axis=0, return_counts=True
        ),
    }, repeat)  # fmt: skip
    title = f"2-64-64-64, census of {len(X):,} samples, {len(found):,} regions"
    table(title, times, len(X), "exactspline census, codes proved", "3 s")


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = HERE.parents[1] / "shared" / "networks"
    parser.add_argument("--networks", type=Path, default=shared, help="with acasxu/ and conv/")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--values", action="store_true", help="without torch, maps and censuses")
    args = parser.parse_args()
    given = str(args.threads)
    if os.environ.get("OPENBLAS_NUM_THREADS") != given:  # read when NumPy is imported
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, given)}
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=environment).returncode)
    import exactspline as es

    names = ("numpy", "numba", "onnxruntime")
    if not args.values:
        import torch

        torch.set_num_threads(args.threads)
        names = ("numpy", "numba", "torch", "onnxruntime")
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
    load = f", load {os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else ""
    print(f"threads   {args.threads}; medians and least of {args.repeat} rounds in turns{load}")
    acas = args.networks / "acasxu" / "ACASXU_run2a_1_1_batch_2000.onnx"
    network("ACAS Xu 1_1", acas, 100_000, args.threads, args.repeat, args.values)
    conv = args.networks / "conv" / "Convnet_avgpool.onnx"
    network("Convnet_avgpool", conv, 1_000, args.threads, args.repeat, args.values)
    digits = HERE.parent / "examples" / "digits" / "digits.onnx"
    one_sample("examples/digits", digits, args.threads, args.repeat)
    if args.values:
        return
    census(args.threads, min(args.repeat, 5))
    print("\nACAS Xu 1_1, in a fresh process, kernels on disk")
    first_calls(acas)
    for name, path in (("ACAS Xu 1_1", acas), ("Convnet_avgpool", conv)):
        print(f"\n{name}, in a fresh process, nothing on disk, CPU time   (to reach: 5 s)")
        compiling(path)


if __name__ == "__main__":
    main()
