"""The ``.nnet`` text format of the ACAS Xu networks: a ReLU chain and its normalisation."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from ..errors import FormatError, ParameterError
from ..mode import guarded
from ..network import Dense, Elementwise, Network, Operator, ReLU
from .files import PathLike, read_file
from .graph import build_graph
from .limits import MAX_TEXT_BYTES, MAX_TEXT_VALUES, Budget
from .registry import reader

__all__ = ["load_nnet"]


@reader(".nnet")
@guarded
def load_nnet(path: PathLike) -> Network:
    """Read a network in the ``.nnet`` text format.

    Parameters
    ----------
    path : path-like
        Comment lines ``//``; the numbers of layers, inputs, outputs and of units in the
        largest layer; the layers' sizes; a flag that is not used (0, or a line of words);
        minima and maxima of the inputs; means and ranges of the inputs and of the outputs;
        then for every layer the rows of its weight, and its biases one a line.

    Returns
    -------
    Network
        From unnormalised inputs to unnormalised outputs: (x - mean) / range, the layers with a
        ReLU between two, and output * range + mean. Decimals are read as the rationals they
        are and nothing is rounded.

    Raises
    ------
    FormatError
        If the file is unreadable or too large, or a line is missing, left over or does not
        have the numbers it needs; the message has its number.
    ParameterError
        For what is no finite number, and for a range of 0.

    Notes
    -----
    Evaluators of this format move inputs outside of [minimum, maximum] onto that box before
    they normalise. That is no part of the network here: give the box as a domain. Inside of it
    both are the same.

    Examples
    --------
    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "net.nnet")
    >>> lines = ["// x -> relu(x / 10)", "2,1,1,1,", "1,1,1,", "0,", "-9,", "9,", "0,0,", "10,1,"]
    >>> with open(name, "w") as stream:
    ...     _ = stream.write("\\n".join([*lines, "1,", "0,", "1,", "0,"]))
    >>> load_nnet(name).forward([5.0])
    array([0.5])
    """
    data, sha256 = read_file(path, MAX_TEXT_BYTES)
    # a parsed number takes some 100 bytes, a line 50, however short they are
    if max(data.count(b","), data.count(b"\n")) >= MAX_TEXT_VALUES:
        raise FormatError(f"{path}: holds more than {MAX_TEXT_VALUES:,} values; save it as .npz")
    lines = _Lines(data.decode("utf-8", errors="replace"), path)
    n_layers, n_in, n_out = lines.sizes("the header", 4)[:3]
    if 2 * n_layers > lines.left:
        lines.refuse(f"{n_layers:,} layers do not fit into {lines.left:,} lines")
    sizes = lines.sizes("the list of layer sizes", n_layers + 1)
    if sizes[0] != n_in or sizes[-1] != n_out:
        lines.refuse(
            f"layer sizes {sizes[0]}, ..., {sizes[-1]} do not fit the header: "
            f"{n_in} inputs and {n_out} outputs"
        )
    lines.flag()
    lines.numbers("the minima of the inputs", n_in)
    lines.numbers("the maxima of the inputs", n_in)
    means = lines.numbers("the means of the inputs and of the outputs", n_in + 1)
    ranges = lines.numbers("the ranges of the inputs and of the outputs", n_in + 1)
    if not all(ranges):
        lines.refuse("a range is 0; inputs cannot be divided by it", ParameterError)
    lines.expect(2 * sum(sizes[1:]))

    operators: list[Operator] = [
        Elementwise(
            [1 / r for r in ranges[:-1]],
            [-m / r for m, r in zip(means, ranges[:-1], strict=False)],
            name="normalise",
        )
    ]
    for layer, (width, height) in enumerate(pairwise(sizes)):
        if layer:
            operators.append(ReLU(name=f"relu{layer - 1}"))
        weight = np.empty((height, width), dtype=object)
        for row in range(height):
            weight[row] = lines.numbers(f"row {row} of the weight of layer {layer}", width)
        bias = [lines.numbers(f"bias {i} of layer {layer}", 1)[0] for i in range(height)]
        operators.append(Dense(weight, bias, name=f"layer{layer}"))
    operators.append(Elementwise(ranges[-1], means[-1], name="denormalise"))
    # a normalisation that does nothing is none
    kept = [op for op in operators if not isinstance(op, Elementwise) or op.parameters]
    nodes = [(op, (i - 1,)) for i, op in enumerate(kept)]
    return build_graph(nodes, (n_in,), sha256, path)


class _Lines:
    """The lines of the file one after the other, without comments and blanks."""

    def __init__(self, text: str, path: PathLike) -> None:
        self._path = path
        self._budget = Budget()
        self._lines = [
            (number, line.strip())
            for number, line in enumerate(text.split("\n"), 1)
            if line.strip() and not line.lstrip().startswith("//")
        ]
        self._taken = 0
        self._number = 0

    @property
    def left(self) -> int:
        """How many lines were not read yet."""
        return len(self._lines) - self._taken

    def refuse(
        self, message: str, error: type[FormatError] | type[ParameterError] = FormatError
    ) -> None:
        """Raise an error about the line that was read last."""
        raise error(f"{self._path}: line {self._number}: {message}")

    def expect(self, count: int) -> None:
        """Refuse the file unless it has ``count`` lines left."""
        if self.left != count:
            raise FormatError(
                f"{self._path}: has {self.left:,} lines behind the normalisation; the weights and "
                f"biases of the stated layers need {count:,}"
            )

    def _texts(self, what: str, count: int | None) -> list[str]:
        if not self.left:
            raise FormatError(f"{self._path}: ends before {what}")
        self._number, line = self._lines[self._taken]
        self._taken += 1
        texts = line.split(",")
        if texts[-1].strip() == "":
            texts.pop()
        if count is not None and len(texts) != count:
            self.refuse(f"has {len(texts):,} numbers; {what} needs {count:,}")
        return texts

    def numbers(self, what: str, count: int) -> list[Fraction]:
        """The next line, ``count`` exact numbers."""
        texts = self._texts(what, count)
        return [self._budget.read(t, f"{self._path}: line {self._number}") for t in texts]

    def flag(self) -> None:
        """The line that no evaluator reads: 0, or words ("This line extraneous")."""
        text = ",".join(self._texts("the flag", None)).strip()
        try:
            zero = self._budget.read(text, "") == 0
        except ParameterError:
            zero = text[:1].isalpha()
        if not zero:
            self.refuse("the flag is not 0; only plain networks are read")

    def sizes(self, what: str, count: int) -> list[int]:
        """The next line, ``count`` positive integers."""
        out = []
        for text in self._texts(what, count):
            text = text.strip()
            if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) == 0:
                self.refuse(f"{text[:40]!r} is no size; {what} needs positive integers")
            out.append(int(text))
        return out
