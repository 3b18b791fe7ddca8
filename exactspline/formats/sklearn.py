"""Fitted multi-layer perceptrons of scikit-learn."""

from __future__ import annotations

from typing import Any

from ..errors import ExactSplineError, FormatError, UnsupportedOperatorError
from ..mode import guarded
from ..network import Dense, Network, Operator, ReLU, Sigmoid, Softmax, Tanh

__all__ = ["from_sklearn"]

_HIDDEN: dict[str, type[Operator] | None] = {
    "identity": None, "relu": ReLU, "logistic": Sigmoid, "tanh": Tanh,
}  # fmt: skip
_OUTPUT: dict[str, type[Operator] | None] = {
    "identity": None, "softmax": Softmax, "logistic": Sigmoid,
}  # fmt: skip


@guarded
def from_sklearn(estimator: Any) -> Network:
    """Take the network of a fitted perceptron; see `exactspline.from_sklearn`."""
    try:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    except ImportError:
        raise FormatError(
            "from_sklearn: needs scikit-learn, which is not installed: "
            "pip install 'exactspline[sklearn]'"
        ) from None

    kind = type(estimator).__name__
    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        raise UnsupportedOperatorError(
            f"from_sklearn: {kind} is not supported; give a fitted MLPClassifier or MLPRegressor "
            "(of a pipeline, its last step)"
        )
    if not hasattr(estimator, "coefs_") or not hasattr(estimator, "out_activation_"):
        raise FormatError(f"from_sklearn: this {kind} is not fitted; call fit before")
    hidden = _operator(_HIDDEN, estimator.activation, "activation", kind)
    output = _operator(_OUTPUT, estimator.out_activation_, "output activation", kind)
    operators: list[Operator] = []
    try:
        last = len(estimator.coefs_) - 1
        for layer, (weight, bias) in enumerate(
            zip(estimator.coefs_, estimator.intercepts_, strict=True)
        ):
            operators.append(Dense(weight.T, bias, name=f"layer{layer}"))
            made = output if layer == last else hidden
            if made is not None:
                name = f"{made.__name__.lower()}{layer}"
                operators.append(made(name=name))
        return Network(operators, (estimator.coefs_[0].shape[0],))
    except ExactSplineError as error:
        raise type(error)(f"from_sklearn: {error}") from None


def _operator(
    known: dict[str, type[Operator] | None], name: str, what: str, kind: str
) -> type[Operator] | None:
    if name not in known:
        raise UnsupportedOperatorError(
            f"from_sklearn: the {what} {name!r} of this {kind} is not supported; "
            f"known are {', '.join(known)}"
        )
    return known[name]
