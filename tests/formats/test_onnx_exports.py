"""Models as people's tools write them: PyTorch's two exporters, skl2onnx, and tf2onnx's style."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_models import agree, floats, make_model, node, save
from torch import nn
from torch.nn import functional

import exactspline as es
from exactspline import formats
from exactspline.errors import FormatError, UnsupportedOperatorError

# --- PyTorch ---------------------------------------------------------------------------------


class Block(nn.Module):
    """A residual block with batch normalisation."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.skip = nn.Conv2d(n_in, n_out, 1, stride) if n_in != n_out else nn.Identity()
        for norm in (self.norm1, self.norm2):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.skip(x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            Block(1, 3, 1), nn.MaxPool2d(3, 2, 1), Block(3, 4, 2), nn.AdaptiveAvgPool2d(1)
        )
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        return self.last(torch.flatten(self.body(x), 1))


class Viewed(nn.Module):
    """Shape arithmetic, circular padding, SiLU."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1, padding_mode="circular")
        self.last = nn.Linear(3 * 4 * 4, 5)

    def forward(self, x):
        y = functional.avg_pool2d(functional.hardtanh(self.conv(x)), 2)
        return functional.silu(self.last(y.view(y.size(0), -1)))


class Joined(nn.Module):
    """Concatenation, chunks, maxima, slices, and a reshape by computed sizes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.other = nn.Conv2d(1, 2, 1)
        self.slopes = nn.PReLU(4)

    def forward(self, x):
        joined = torch.cat([self.conv(x), functional.leaky_relu(self.other(x), 0.2)], 1)
        a, b = self.slopes(joined).chunk(2, 1)
        y = functional.pad(torch.maximum(a, b), (1, 0, 2, 1), value=0.5)[:, :, 1:, 2:]
        n, c, _, _ = y.shape
        return y.permute(0, 2, 3, 1).reshape(n, -1, c).mean(1)


class Arithmetic(nn.Module):
    """Expansion, stacking, minima, division."""

    def forward(self, x):
        a = torch.clamp(torch.abs(x) - 0.5, min=-0.2).expand(-1, 3, -1, -1)
        b = torch.stack([a, -2 * a], 1).sum(1)
        return (torch.minimum(a, b) / 3.0).amax((2, 3)) + a[..., 0].flatten(1)[:, :3]


def scalar_functions():
    return nn.Sequential(
        nn.Linear(6, 5), nn.ReLU6(), nn.Linear(5, 5), nn.Hardsigmoid(), nn.Linear(5, 5),
        nn.ELU(0.5), nn.SELU(), nn.Linear(5, 5), nn.Tanh(), nn.BatchNorm1d(5), nn.Dropout(0.5),
        nn.Linear(5, 4), nn.Softmax(-1),
    )  # fmt: skip


def decomposed_functions():
    return nn.Sequential(
        nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 5), nn.GELU("tanh"), nn.Linear(5, 5),
        nn.Softplus(), nn.Linear(5, 5), nn.Softplus(beta=2), nn.Linear(5, 3),
    )  # fmt: skip


def transposed():
    return nn.Sequential(
        nn.ConvTranspose2d(1, 2, 3, 2, 1, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten()
    )


MODULES = {
    "residual": (Residual, (1, 8, 8)),
    "viewed": (Viewed, (1, 8, 8)),
    "joined": (Joined, (1, 5, 5)),
    "arithmetic": (Arithmetic, (1, 4, 4)),
    "scalar": (scalar_functions, (6,)),
    "decomposed": (decomposed_functions, (6,)),
    "transposed": (transposed, (1, 4, 4)),
}


def exported(name, path, **options):
    """Export a module of MODULES; returns it and its input shape without the batch axis."""
    torch.manual_seed(3)
    make, shape = MODULES[name]
    module = make().eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")  # the old exporter is deprecated
        torch.onnx.export(module, (torch.randn(1, *shape),), path, input_names=["x"], **options)
    return module, shape


def same_as_the_module(path, module, shape):
    """In double the network and the module differ by rounding only."""
    x = torch.randn(4, *shape, dtype=torch.float64)
    with torch.no_grad():
        want = module.double()(x).numpy()
    got = formats.load(path).forward(x.numpy(), output_operator=True).reshape(want.shape)
    # the exporter folds batch normalisation in float32
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


OLD = [("residual", 7), ("scalar", 7), ("viewed", 9), ("decomposed", 9), ("transposed", 9)]
OLD += [(name, opset) for opset in (11, 17) for name in MODULES]


@pytest.mark.parametrize(("name", "opset"), OLD)
def test_old_exporter(name, opset, tmp_path):
    path = tmp_path / "net.onnx"
    module, shape = exported(name, path, dynamo=False, opset_version=opset)
    agree(path, (1, *shape))
    same_as_the_module(path, module, shape)


@pytest.mark.parametrize("name", MODULES)
def test_old_exporter_without_folding(name, tmp_path):
    path = tmp_path / "net.onnx"
    axes = {"x": {0: "n"}}
    module, shape = exported(
        name, path, dynamo=False, opset_version=13, dynamic_axes=axes, do_constant_folding=False
    )
    agree(path, ("n", *shape))
    same_as_the_module(path, module, shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["viewed", "joined", "decomposed", "transposed"])
def test_new_exporter(name, tmp_path):
    path = tmp_path / "net.onnx"
    batch = ({0: torch.export.Dim.DYNAMIC},)
    module, shape = exported(
        name, path, dynamo=True, external_data=False, verbose=False, opset_version=18,
        dynamic_shapes=batch if name == "viewed" else None,
    )  # fmt: skip
    # onnxruntime has no circular padding in opset 18, in which PyTorch writes it
    if name != "viewed":
        agree(path, (1, *shape))
    same_as_the_module(path, module, shape)


@pytest.mark.slow
def test_new_exporter_newest_opset_and_any_batch(tmp_path):
    path = tmp_path / "net.onnx"
    module, shape = exported(
        "residual", path, dynamo=True, external_data=False, verbose=False,
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
    )  # fmt: skip
    net = agree(path, ("n", *shape))
    assert {"Conv", "ReLU", "Add", "MaxPool", "ReduceMean"} <= {op.kind for op in net.operators}
    same_as_the_module(path, module, shape)


def test_decomposed_functions_are_put_together(tmp_path):
    exported("decomposed", tmp_path / "net.onnx", dynamo=False, opset_version=13)
    net = formats.load(tmp_path / "net.onnx")
    smooth = [op for op in net.operators if op.smooth]
    assert [op.kind for op in smooth] == ["GELU", "GELU", "Softplus", "Softplus"]
    assert [op.approximate for op in smooth[:2]] == ["none", "tanh"]


# --- patterns --------------------------------------------------------------------------------


def gelu_nodes(root=0.70710678, half=0.5, one=1.0, other="x"):
    stored = {"r": np.float32(root), "h": np.float32(half), "o": np.float32(one)}
    nodes = [
        node("Mul", "r x", "a"), node("Erf", "a", "b"), node("Add", "o b", "c"),
        node("Relu", "x", "z"), node("Mul", "h c", "d"), node("Mul", f"d {other}"),
    ]  # fmt: skip
    return nodes, stored


def test_gelu_in_another_order(tmp_path):
    nodes, stored = gelu_nodes()
    net = agree(save(make_model(nodes, stored, ("N", 4)), tmp_path), ("N", 4))
    assert [op.kind for op in net.operators] == ["GELU"]


@pytest.mark.parametrize("change", [{"root": 0.7}, {"half": 1}, {"one": -1}, {"other": "z"}])
def test_what_is_no_gelu_is_refused(change, tmp_path):
    nodes, stored = gelu_nodes(**change)
    with pytest.raises(UnsupportedOperatorError, match=r"Erf_b.*not piecewise affine"):
        formats.load(save(make_model(nodes, stored), tmp_path))


@pytest.mark.parametrize(("switch", "other"), [(2.0, "x"), (20.0, "z")])
def test_a_switch_elsewhere_is_refused(switch, other, tmp_path):
    nodes = [
        node("Relu", "x", "z"), node("Softplus", "x", "s"), node("Greater", f"{other} t", "g"),
        node("Where", "g x s"),
    ]  # fmt: skip
    path = save(make_model(nodes, {"t": np.float32(switch)}), tmp_path)
    with pytest.raises(UnsupportedOperatorError, match=r"the_Where.*not known to be equal there"):
        formats.load(path)


# --- scikit-learn ----------------------------------------------------------------------------


def fitted(kind, activation, classes=3):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = x[:, :2] @ [1, 2] if kind == "regressor" else np.argmax(x[:, :classes], axis=1)
    make = MLPRegressor if kind == "regressor" else MLPClassifier
    model = make(hidden_layer_sizes=(6, 5), activation=activation, max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        return model.fit(x, y), x


@pytest.mark.parametrize("activation", ["relu", "identity", "logistic", "tanh"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("zipmap", [True, False])
def test_classifiers(activation, classes, zipmap, tmp_path):
    from skl2onnx import to_onnx

    model, x = fitted("classifier", activation, classes)
    options = {} if zipmap else {"options": {id(model): {"zipmap": False}}}
    path = save(to_onnx(model, x[:1], **options), tmp_path)
    net = agree(path, ("N", 4), result=1)
    assert net.output_operator.startswith("Sigmoid" if classes == 2 else "Softmax")
    assert net.output_dim == (1 if classes == 2 else 3)
    if activation in ("relu", "identity"):
        assert net.units == (11 if activation == "relu" else 0)
    probabilities = net.forward(np.float64(x[:8]), output_operator=True)
    np.testing.assert_allclose(probabilities, model.predict_proba(x[:8]), atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "identity", "logistic", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_regressors(activation, dtype, tmp_path):
    from skl2onnx import to_onnx

    model, x = fitted("regressor", activation)
    path = save(to_onnx(model, x[:1].astype(dtype)), tmp_path)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    net = agree(path, ("N", 4), dtype=dtype, tolerance=tolerance)
    assert net.output_shape == (1,)


def test_pipeline_with_a_scaler(tmp_path):
    from skl2onnx import to_onnx
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model, x = fitted("regressor", "relu")
    pipeline = make_pipeline(StandardScaler().fit(x * [1, 2, 3, 4] + 5), model)
    agree(save(to_onnx(pipeline, x[:1]), tmp_path), ("N", 4))


def test_several_readable_outputs_are_refused(tmp_path):
    from skl2onnx import to_onnx

    model, x = fitted("classifier", "relu")
    columns = to_onnx(model, x[:1], options={id(model): {"zipmap": "columns"}})
    with pytest.raises(FormatError, match=r"4 outputs.*of which several can be read"):
        formats.load(save(columns, tmp_path))


# --- tf2onnx ---------------------------------------------------------------------------------


def test_tf2onnx_style(tmp_path):
    """NHWC at the borders, SAME pads, biases added apart, initializers listed as inputs."""
    stored = {
        "k1": floats(4, 1, 3, 3), "b1": floats(1, 4, 1, 1), "k2": floats(6, 4, 3, 3),
        "b2": floats(6), "g": floats(4), "beta": floats(4), "mean": floats(4),
        "var": np.abs(floats(4)), "w": floats(6, 3), "b3": floats(3),
        "six": np.float32(6), "zero": np.float32(0), "shape": np.array([-1, 6]),
    }  # fmt: skip
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t k1", "c", auto_pad="SAME_UPPER", strides=[2, 2], kernel_shape=[3, 3],
             dilations=[1, 1], group=1),
        node("Add", "c b1", "cb"),
        node("BatchNormalization", "cb g beta mean var", "n", epsilon=0.001),
        node("Clip", "n zero six", "r"),
        node("Conv", "r k2 b2", "d", auto_pad="VALID", kernel_shape=[3, 3]),
        node("LeakyRelu", "d", "l", alpha=0.3),
        node("GlobalAveragePool", "l", "p"),
        node("Squeeze", "p", "s", axes=[2, 3]),
        node("Reshape", "s shape", "f"),
        node("MatMul", "f w", "m"),
        node("Add", "m b3", "logits"),
        node("Softmax", "logits", axis=1),
    ]  # fmt: skip
    model = make_model(nodes, stored, ("N", 8, 8, 1), opset=11, listed=True)
    net = agree(save(model, tmp_path), ("N", 8, 8, 1))
    assert net.output_operator == "Softmax"
    assert net.units == 4 * 4 * 4 + 6 * 2 * 2


# --- inputs and outputs ----------------------------------------------------------------------


def outputs(**kinds):
    return [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]


def test_labels_next_to_values(tmp_path):
    nodes = [node("Relu", "x", "y"), node("ArgMax", "y", "label", axis=1)]
    both = outputs(label=TensorProto.INT64, y=TensorProto.FLOAT)
    net = formats.load(save(make_model(nodes, outputs=both), tmp_path))
    assert [op.kind for op in net.operators] == ["ReLU"]


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ([node("Relu", "x", "y"), node("Abs", "x", "z")], "yz"),
        ([node("Relu", "x", "y"), node("Identity", "y", "z")], "yz"),
        ([node("Exp", "x", "y"), node("Floor", "x", "z")], "yz"),
    ],
)
def test_several_outputs(nodes, names, tmp_path):
    several = outputs(**dict.fromkeys(names, TensorProto.FLOAT))
    with pytest.raises((FormatError, UnsupportedOperatorError), match=f"{len(names)} outputs"):
        formats.load(save(make_model(nodes, outputs=several), tmp_path))


def test_an_output_in_the_middle(tmp_path):
    """Nodes behind the output, and before it in the file, change nothing."""
    nodes = [
        node("Relu", "x", "r"), node("Abs", "x", "unused"), node("Shape", "unused", "s"),
        node("Reshape", "r s"), node("Exp", "y", "after"),
    ]  # fmt: skip
    net = formats.load(save(make_model(nodes), tmp_path))
    assert [op.kind for op in net.operators] == ["ReLU"]


def test_shared_values_are_one_operator(tmp_path):
    nodes = [node("Relu", "x", "r"), node("Add", "r r", "a"), node("Concat", "a r x", axis=1)]
    net = formats.load(save(make_model(nodes), tmp_path))
    assert [op.kind for op in net.operators] == ["ReLU", "Add", "Concat"]
    assert net.units == 4
    assert int(es.count_regions(net, es.Box([-1] * 4, [1] * 4))) == 16


def test_newest_opset_of_onnx(tmp_path):
    newest = onnx.defs.onnx_opset_version()
    net = formats.load(save(make_model([node("Relu", "x")], opset=newest), tmp_path))
    assert net.units == 4
