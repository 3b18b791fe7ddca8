"""``exactspline`` alone: what to try first."""

from __future__ import annotations

from ..version import __version__

__all__ = ["guide"]

_GUIDE = """\
exactspline {version} takes a piecewise-affine neural network apart into its exact pieces.

Five commands to try, with a network of yours (.onnx, .pt2, .json, .nnet, .npz):

  exactspline demo                                     a tour on a network that comes along
  exactspline count net.onnx --box -1 1                how many regions it has there
  exactspline explore net.onnx --box -1 1 -o net.html  walk through them in a browser
  exactspline prove "forall x in [-1,1]^2: f(x)[0] <= 3" --f net.onnx
  exactspline verify net.onnx property.vnnlib          sat or unsat, with a counterexample

`exactspline --help` lists all commands, `exactspline COMMAND --help` has examples of each,
and `exactspline doctor` says what is installed.
"""


def guide() -> str:
    """The text.

    Returns
    -------
    str
    """
    return _GUIDE.format(version=__version__)
