"""scikit-learn's perceptrons: the network's values are the estimator's."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exactspline import from_sklearn
from exactspline.errors import FormatError, ParameterError, UnsupportedOperatorError

RNG = np.random.default_rng(7)
X = RNG.standard_normal((60, 3))


def fitted(estimator, y, x=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few steps do not converge
        return estimator.fit(x, y)


def error(got, expected):
    return np.abs(got - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("activation", ["identity", "relu", "logistic", "tanh"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_regressor(activation, outputs):
    y = X[:, :outputs] ** 2 if outputs > 1 else X[:, 0] ** 2
    mlp = fitted(MLPRegressor(hidden_layer_sizes=(5, 4), activation=activation, max_iter=20), y)
    net = from_sklearn(mlp)
    expected = mlp.predict(X).reshape(len(X), outputs)
    assert error(net.forward(X), expected) < 1e-12
    assert net.output_operator == ""


@pytest.mark.parametrize("activation", ["identity", "relu", "logistic", "tanh"])
@pytest.mark.parametrize("classes", [2, 3])
def test_classifier(activation, classes):
    y = np.digitize(X[:, 0], [0] if classes == 2 else [-0.5, 0.5])
    mlp = fitted(MLPClassifier(hidden_layer_sizes=(5,), activation=activation, max_iter=20), y)
    net = from_sklearn(mlp)
    got = net.forward(X, output_operator=True)
    expected = mlp.predict_proba(X)
    assert error(got, expected if classes > 2 else expected[:, 1:]) < 1e-12
    assert net.output_operator == ("Softmax" if classes > 2 else "Sigmoid")
    decided = net.forward(X)
    chosen = decided.argmax(axis=1) if classes > 2 else (decided[:, 0] > 0).astype(int)
    assert np.array_equal(chosen, mlp.predict(X))


def test_several_labels():
    y = (X[:, :2] > 0).astype(int)
    mlp = fitted(MLPClassifier(hidden_layer_sizes=(5,), max_iter=20, random_state=0), y)
    net = from_sklearn(mlp)
    assert error(net.forward(X, output_operator=True), mlp.predict_proba(X)) < 1e-12


def test_no_hidden_layer_and_single_precision():
    single = X.astype(np.float32)
    mlp = fitted(MLPRegressor(hidden_layer_sizes=(), max_iter=20), single[:, 0], single)
    (dense,) = from_sklearn(mlp).operators
    assert mlp.coefs_[0].dtype == np.float32
    assert np.array_equal(dense.weight, np.float64(mlp.coefs_[0].T))
    assert np.array_equal(dense.bias, np.float64(mlp.intercepts_[0]))


def test_names_and_regions():
    mlp = fitted(MLPRegressor(hidden_layer_sizes=(4, 3), max_iter=20, random_state=0), X[:, 0])
    net = from_sklearn(mlp)
    assert [op.name for op in net.operators] == ["layer0", "relu0", "layer1", "relu1", "layer2"]
    assert str(net.unit_name(5)) == "relu1[1]"
    assert net.units == 7


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()])
def test_not_fitted(estimator):
    with pytest.raises(FormatError, match="not fitted"):
        from_sklearn(estimator)


@pytest.mark.parametrize(
    "estimator", [LinearRegression(), make_pipeline(StandardScaler(), MLPRegressor()), None, 3]
)
def test_other_estimators(estimator):
    with pytest.raises(UnsupportedOperatorError, match="MLPClassifier or MLPRegressor"):
        from_sklearn(estimator)


def test_unknown_activation_and_bad_weights():
    mlp = fitted(MLPRegressor(hidden_layer_sizes=(3,), max_iter=5), X[:, 0])
    mlp.out_activation_ = "exp"
    with pytest.raises(UnsupportedOperatorError, match="'exp'"):
        from_sklearn(mlp)
    mlp.out_activation_ = "identity"
    mlp.coefs_[1][0] = np.nan
    with pytest.raises(ParameterError, match=r"layer1.*nan"):
        from_sklearn(mlp)


def test_not_installed(monkeypatch):
    """Without the package there is one clear error, not an ImportError."""
    monkeypatch.setitem(sys.modules, "sklearn.neural_network", None)
    with pytest.raises(FormatError, match=r"exactspline\[sklearn\]"):
        from_sklearn(object())
