"""The domain that the arguments name, with exact numbers, and its lines in a report."""

from __future__ import annotations

import argparse
import io
import math
import tokenize
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ..domain import Box, Domain, Polytope, Slice, WholeSpace
from ..errors import DomainError, ExactSplineError, FormatError, ParameterError, ShapeError
from ..rationals import as_fractions, exact_array, format_rational, parse_rational

if TYPE_CHECKING:
    import numpy as np

    from ..network import Network

__all__ = ["domain_lines", "exact_text", "point_of", "read_domains", "window_of"]

_MAX_BYTES = 1 << 26  # of a file of numbers
_MAX_HEADER = 10_000
_TEXTS = (".txt", ".csv")
_BROKEN = (  # what numpy's reader of headers raises
    EOFError,
    LookupError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
)
_MAX_LINES = 16  # of one domain in a report; --json has all of it


def read_domains(arguments: argparse.Namespace, network: Network) -> list[Domain]:
    """The domains to work on, each checked to be nonempty and to fit the network."""
    domains = _sliced(arguments, network) if arguments.slice else _named(arguments, network)
    for i, domain in enumerate(domains):
        if domain.dim != network.input_dim:
            raise ShapeError(
                f"the domain lies in R^{domain.dim}, but the network has {network.input_dim} "
                f"inputs (shape {network.input_shape})"
            )
        try:
            _ = domain.chart
        except ExactSplineError as error:
            if len(domains) == 1:
                raise
            raise type(error)(f"domain {i + 1} of {len(domains)}: {error}") from None
    return domains


def _named(arguments: argparse.Namespace, network: Network) -> list[Domain]:
    """The domains of --box, --vnnlib or --domain, in the space of the inputs."""
    if arguments.input_box is not None:
        raise DomainError("--input-box: only together with --slice; use --box to bound the inputs")
    if arguments.box is not None:
        return [_box(arguments.box, network.input_dim, "--box")]
    if arguments.vnnlib is not None:
        from ..formats import load_vnnlib

        return list(load_vnnlib(arguments.vnnlib, network.input_dim))
    if arguments.domain is not None:
        from ..formats import load_domain

        return [load_domain(arguments.domain)]
    return [WholeSpace(network.input_dim)]


def _sliced(arguments: argparse.Namespace, network: Network) -> list[Domain]:
    """The slice through the points of --slice; --box and --domain are in its parameters."""
    if arguments.vnnlib is not None:
        raise DomainError("--vnnlib: does not go with --slice; bound the inputs by --input-box")
    points = []
    for path in arguments.slice:
        point = _array(path)
        if point.size != network.input_dim:
            raise ShapeError(
                f"--slice: {path} has {point.size} entries, but the network has "
                f"{network.input_dim} inputs (shape {network.input_shape})"
            )
        points.append(point.reshape(-1))
    if len(points) < 2:
        raise DomainError("--slice: give at least two points a, b, ... as .npy files")
    k = len(points) - 1
    domain: Domain | None = None
    if arguments.box is not None:
        domain = _box(arguments.box, k, "--box")
    elif arguments.domain is not None:
        from ..formats import load_domain

        domain = load_domain(arguments.domain)
    inputs = None
    if arguments.input_box is not None:
        inputs = _box(arguments.input_box, network.input_dim, "--input-box")
    return [Slice.through(points, domain, inputs)]


def window_of(arguments: argparse.Namespace, dim: int) -> Box | None:
    """The window that --window names, in a domain of some dimension."""
    if arguments.window is None:
        return None
    try:
        return _box(arguments.window, dim, "--window")
    except ExactSplineError as error:
        raise DomainError(f"--window: {str(error).removeprefix('box: ')}") from None


def point_of(text: str, network: Network) -> list[Fraction]:
    """The input that --at names: a comma list of numbers, or what a file holds."""
    text = text.strip()
    values: Sequence[str] | np.ndarray
    if text.lower().endswith(".npy"):
        values = _array(text).reshape(-1)
    elif text.lower().endswith(_TEXTS):
        values = _numbers_of(text)
    else:
        values = [part.strip() for part in text.split(",")]
        if not all(values):
            raise ParameterError(f"--at: has an empty entry: {text[:60]!r}")
    if len(values) != network.input_dim:
        raise ShapeError(
            f"--at: {len(values):,} entries, but the network has {network.input_dim:,} inputs "
            f"(shape {network.input_shape})"
        )
    point: list[Fraction] = as_fractions(exact_array(values, "--at")).tolist()
    return point


def _box(ends: Sequence[str], dim: int, option: str) -> Box:
    low, high = ends
    return Box(_end(low, "LOW", option), _end(high, "HIGH", option), dim=dim)


def _end(text: str, name: str, option: str) -> str | list[str] | np.ndarray:
    """One end of a box: a number, a list of numbers, or what an .npy file holds."""
    text = text.strip()
    if text.lower().endswith(".npy"):
        return _array(text)
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise DomainError(f"{option}: {name} has an empty entry: {text[:60]!r}")
    return parts[0] if len(parts) == 1 else parts


def _numbers_of(path: str) -> list[str]:
    """The numbers of a text file, with commas, semicolons, blanks or line ends between."""
    from ..formats.files import read_file

    data, _ = read_file(path, _MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is no text (byte {error.start:,}); save it as UTF-8") from None
    values: list[str] = []
    for line, content in enumerate(text.splitlines(), 1):
        parts = content.replace(";", ",").split(",")
        if parts[-1].strip() == "":
            parts.pop()  # a line may end in a comma, or be empty
        for part in parts:
            if not part.strip():
                raise FormatError(f"{path}: line {line:,} has an empty entry; give numbers only")
            for number in part.split():
                parse_rational(number, f"{path}: line {line:,}")
                values.append(number)
    return values


def _array(path: str) -> np.ndarray:
    """A float or integer array from an .npy file; its size is checked before it is read."""
    import numpy as np

    from ..formats.files import read_file

    data, _ = read_file(path, _MAX_BYTES)
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise FormatError(f"{path}: .npy version {version} is not supported; save it anew")
        shape, _, dtype = read(stream, max_header_size=_MAX_HEADER)
    except _BROKEN as error:
        raise FormatError(f"{path}: is no .npy file ({error})") from None
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise FormatError(f"{path}: has entries of type {dtype}; give floats or integers")
    needed = math.prod(shape) * dtype.itemsize
    there = len(data) - stream.tell()
    if needed != there or any(n < 0 for n in shape):
        raise FormatError(
            f"{path}: shape {shape} of {dtype} needs {needed:,} bytes, but {there:,} are there"
        )
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return array if array.ndim == 0 else array.reshape(-1)


# ------------------------------------------------------------------------------ reports
def exact_text(value: Fraction | None, infinite: str = "inf") -> str:
    """A rational as a short decimal if that is exact, else as p/q."""
    if value is None:
        return infinite
    rest, digits = value.denominator, 0
    while rest % 10 == 0:
        rest, digits = rest // 10, digits + 1
    for prime in (2, 5):
        while rest % prime == 0 and digits < 18:
            rest, digits = rest // prime, digits + 1
    if rest != 1 or digits == 0 or digits > 17 or abs(value) >= 10**6:
        return format_rational(value)
    whole, part = divmod(abs(value.numerator) * 10**digits // value.denominator, 10**digits)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}".rstrip("0")


def domain_lines(domain: Domain) -> list[str]:
    """The domain with its exact numbers, in lines; long ones are cut and say so."""
    lines = [f"{_headline(domain)} (dimension {domain.chart.dim})"]
    details = _details(domain)
    if len(details) > _MAX_LINES:
        left = len(details) - _MAX_LINES + 1
        details = [*details[: _MAX_LINES - 1], f"... and {left:,} more lines (--json has them)"]
    return lines + details


def _headline(domain: Domain) -> str:
    if isinstance(domain, Box):
        return f"box in R^{domain.dim}"
    if isinstance(domain, Slice):
        return f"{len(domain.directions)}-dimensional slice of R^{domain.dim}"
    return domain.describe()


def _details(domain: Domain) -> list[str]:
    if isinstance(domain, Box):
        return _box_lines(domain)
    if isinstance(domain, Polytope):
        return [
            f"{_sum_text(row, 'x')} <= {exact_text(bound)}"
            for row, bound in zip(
                as_fractions(domain.G).tolist(), as_fractions(domain.h).tolist(), strict=True
            )
        ]
    if isinstance(domain, Slice):
        return [
            f"t in {_headline(domain.domain)}",
            *(line.replace("x", "t") for line in _details(domain.domain)),
            *(_details(domain.inputs) if domain.inputs is not None else []),
            *_sliced_lines(domain),
        ]
    return []


def _sliced_lines(domain: Slice) -> list[str]:
    """The coordinates of x over the parameters; only the first ones of an image."""
    shown = domain.dim if domain.dim <= _MAX_LINES else 3
    rows = as_fractions(domain.directions.T[:shown]).tolist()
    constants = as_fractions(domain.origin[:shown]).tolist()
    lines = [
        f"x{i} = {_sum_text(row, 't', constant)}"
        for i, (row, constant) in enumerate(zip(rows, constants, strict=True))
    ]
    if shown < domain.dim:
        lines.append(f"... and {domain.dim - shown:,} more coordinates (--json has them)")
    return lines


def _box_lines(box: Box) -> list[str]:
    """One line a run of coordinates with the same side."""
    sides = []
    for low, high in zip(box.low, box.high, strict=True):
        left = "[" if low is not None else "("
        right = "]" if high is not None else ")"
        sides.append(f"{left}{exact_text(low, '-inf')}, {exact_text(high)}{right}")
    lines, start = [], 0
    for i in range(1, len(sides) + 1):
        if i == len(sides) or sides[i] != sides[start]:
            between = ", " if i == start + 2 else " ... "
            name = f"x{start}" if i == start + 1 else f"x{start}{between}x{i - 1}"
            lines.append(f"{name} in {sides[start]}")
            start = i
    return lines


def _sum_text(coefficients: Sequence[Fraction], name: str, constant: Fraction | None = None) -> str:
    """A sum of terms as people write it."""
    terms = [(c, f"{name}{j}") for j, c in enumerate(coefficients) if c]
    if constant:
        terms.insert(0, (constant, ""))
    if len(terms) > 40:
        return f"a sum of {len(terms)} terms"
    out = ""
    for c, variable in terms:
        sign = ("-" if c < 0 else "") if not out else (" - " if c < 0 else " + ")
        size = "" if variable and abs(c) == 1 else exact_text(abs(c))
        out += sign + f"{size} {variable}".strip()
    return out or "0"
