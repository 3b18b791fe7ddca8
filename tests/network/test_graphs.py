"""Networks as graphs: wiring, errors with the place, output operators, smooth operators."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from program_at import program_at

import exactspline as es
from exactspline.network import OPERATORS

SMOOTH = [op for op in OPERATORS if op.smooth]
OUTPUT_ONLY = (es.Softmax, es.LogSoftmax)


def kinds(network):
    return [op.kind for op in network.operators], [n.operator.kind for n in network.output_nodes]


# --- Wiring ----------------------------------------------------------------------------------


def test_branches_and_graphs_are_the_same_networks():
    left, right, last = es.Dense([[1, 2]], [3]), es.Dense([[4, -5]]), es.Dense([[2]], [-1])
    chain = es.Network([es.Branches([[left, es.ReLU()], [right]], es.Add([1, 2])), last], (2,))
    graph = es.Network.from_nodes(
        [(left, [-1]), (es.ReLU(), [0]), (right, [-1]), (es.Add([1, 2]), [1, 2]), (last, [3])], (2,)
    )
    assert chain.program.sha256() == graph.program.sha256()
    assert [node.inputs for node in chain.nodes] == [(-1,), (0,), (-1,), (1, 2), (3,)]
    assert chain.forward([1.0, 1]).tolist() == graph.forward([1.0, 1]).tolist() == [7.0]
    assert [node.shape for node in graph.nodes] == [(1,)] * 5


def test_nested_branches():
    """A residual block in a branch of a block: every path counts once."""
    inner = es.Residual([es.Elementwise(2), es.ReLU()])
    outer = es.Branches([[inner, es.Abs()], [], [es.Elementwise(-1), inner]], es.Concat())
    network = es.Network([outer, es.Residual([es.ReLU()], [es.Elementwise(10)])], (1,))

    def expected(x):
        block = [3 * x if x > 0 else x, x, -3 * x if x < 0 else -x]
        first = [abs(block[0]), block[1], block[2]]
        return [max(v, 0) + 10 * v for v in first]

    for x in (-2, 0, 3, Fraction(1, 3)):
        point = [Fraction(x)]
        assert network.forward(point, exact=True).tolist() == expected(Fraction(x))
        code, value, _ = program_at(network.program, point)
        assert value == expected(Fraction(x))
    assert len(code) == network.units == 1 + 1 + 1 + 3
    assert network.output_shape == (3,)


def test_a_value_may_be_read_many_times():
    """x + x, max(x, x), a chain that doubles: no exponential cost."""
    steps = [es.Residual([]) for _ in range(60)]
    network = es.Network(steps, (1,))
    assert network.forward([Fraction(1)]).tolist() == [2**60]
    assert network.program.output.data.tolist() == [2.0**60]
    twice = es.Network([es.Branches([[], []], es.Maximum()), es.ReLU()], (2,))
    assert es.count_regions(twice) == 4  # equal members never cut
    assert es.Network([es.Branches([[], [], []], es.Add([1, -1, 0]))], (2,)).units == 0


def test_nodes_that_lead_nowhere_are_left_out():
    nodes = [
        (es.ReLU(), [-1]), (es.Abs(), [0]), (es.Dense([[1, 1]]), [0]), (es.Abs(), [2]),
        (es.Dense([[1, 2, 3]]), [-1]),
    ]  # fmt: skip
    network = es.Network.from_nodes(nodes[:4], (2,))
    assert kinds(network) == (["ReLU", "Dense", "Abs"], [])
    assert [node.inputs for node in network.nodes] == [(-1,), (0,), (1,)]
    assert network.units == 3
    early = es.Network.from_nodes(nodes, (2,), output=1)  # what stands behind is not looked at
    assert kinds(early) == (["ReLU", "Abs"], [])
    assert early.output_shape == (2,)


def test_empty_networks_and_branches():
    identity = es.Network([], (2, 2))
    assert identity.forward([[1.0, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert es.count_regions(identity) == 1
    assert es.Network.from_nodes([], (3,)).output_shape == (3,)
    assert es.Network([es.Branches([[]], es.Concat())], (2,)).output_shape == (2,)
    scalar = es.Network([es.ReLU()], ())
    assert scalar.forward(-1.0).tolist() == 0
    assert es.count_regions(scalar) == 2


def test_an_operator_may_stand_at_several_places():
    shared = es.Dense([[1, -1], [2, 0]], [0, 1], name="shared")
    network = es.Network([shared, es.ReLU(name="r"), shared, es.ReLU(name="r")], (2,))
    names = [str(network.unit_name(k)) for k in range(4)]
    assert names == ["r.1[0]", "r.1[1]", "r.3[0]", "r.3[1]"]
    assert network.parameters == 12


# --- What does not fit -----------------------------------------------------------------------

ONE = es.Dense([[1, 1]])

WRONG = [
    (lambda: es.Network([ONE, ONE], (2,)), r"operator 1 \(Dense\): .*axis -1 .*shape \(1,\)"),
    (
        lambda: es.Network([es.Branches([[ONE], []], es.Add()), ONE], (3,)),
        r"operator 0 \(Dense\)",
    ),
    (
        lambda: es.Network([es.Residual([es.Dense(np.ones((3, 2)))])], (2,)),
        r"operator 1 \(Add\): inputs of shapes \(3,\), \(2,\) do not broadcast",
    ),
    (
        lambda: es.Network([es.Branches([[], [es.Flatten()]], es.Concat())], (2, 2)),
        r"operator 1 \(Concat\): .*\(2, 2\), \(4,\) cannot be joined",
    ),
    (
        lambda: es.Network([es.Branches([[], []], es.ReLU(name="join"))], (1,)),
        r"operator 0 'join' \(ReLU\): reads 2 values; it takes 1",
    ),
    (lambda: es.Branches([], es.Add()), "at least one branch"),
    (lambda: es.Network([[es.ReLU()]], (1,)), r"operator 0 is a list, not one of"),
    (lambda: es.Network([es.ReLU], (1,)), r"operator 0 is a .*, not one of"),
    (lambda: es.Network(es.ReLU(), (1,)), "sequence of operators"),
    (lambda: es.Network([es.Branches([[es.ReLU(), 3]], es.Add())], (1,)), "operator 1 is a int"),
    (lambda: es.Network([es.Branches([[]], "add")], (1,)), "operator 0 is a str"),
    (lambda: es.Network([], (0,)), "positive sizes"),
    (lambda: es.Network([], (2, -1)), "positive sizes"),
    (lambda: es.Network([], (2.5,)), "not a sequence of integers"),
    (lambda: es.Network([], "ab"), "not a sequence of integers"),
    (lambda: es.Network([], 3), "not a sequence of integers"),
    (lambda: es.Network([], None), "not a sequence of integers"),
    (lambda: es.Network.from_nodes([(ONE, [0])], (2,)), r"operator 0 reads node 0.*cycle"),
    (lambda: es.Network.from_nodes([(ONE, [1]), (ONE, [-1])], (2,), output=0), "operator 0 reads"),
    (
        lambda: es.Network.from_nodes([(es.ReLU(), [1]), (es.Abs(), [0])], (1,)),
        r"operator 1 reads|operator 0 reads node 1, which does not stand before it",
    ),
    (lambda: es.Network.from_nodes([(ONE, [-2])], (2,)), "reads node -2"),
    (lambda: es.Network.from_nodes([(ONE, [0.5])], (2,)), "operator 0.*0.5 is not an integer"),
    (lambda: es.Network.from_nodes([(ONE, -1)], (2,)), "operator 0.*not a sequence of integers"),
    (lambda: es.Network.from_nodes([ONE], (2,)), r"operator 0.*\(operator, inputs\)"),
    (lambda: es.Network.from_nodes([(ONE, [])], (2,)), "reads 0 values; it takes 1"),
    (lambda: es.Network.from_nodes([(es.Add(), [])], (2,)), "reads 0 values; it takes one or more"),
    (lambda: es.Network.from_nodes([(ONE, [-1, -1])], (2,)), "reads 2 values; it takes 1"),
    (lambda: es.Network.from_nodes([(ONE, [-1])], (2,), output=1), "output 1 is none of the 1"),
    (lambda: es.Network.from_nodes([(ONE, [-1])], (2,), output=-1), "output -1 is none"),
    (lambda: es.Network.from_nodes([], (2,), output=0), "output 0 is none of the 0"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_what_does_not_fit_is_one_clear_error(case):
    make, words = WRONG[case]
    with pytest.raises(es.ShapeError, match=words) as caught:
        make()
    assert len(str(caught.value)) < 300


INPUTS = [
    ([1.0, 2, 3], es.ShapeError, r"\(3,\) does not fit .* \(2, 2\)"),
    ([[1.0, 2, 3]], es.ShapeError, "does not fit"),
    (np.zeros((1, 2, 3)), es.ShapeError, "does not fit"),
    (1.0, es.ShapeError, "does not fit"),
    ([1.0, 2, 3, float("nan")], es.ParameterError, "NaN or infinity"),
    ([1.0, 2, 3, float("inf")], es.ParameterError, "NaN or infinity"),
    (["a"] * 4, es.ParameterError, "not numbers"),
    ([[1.0, 2], [3]], es.ParameterError, "array"),
    ([1j, 1, 1, 1], es.ParameterError, "complex"),
    ([None] * 4, es.ParameterError, "not a number"),
]


@pytest.mark.parametrize("case", range(len(INPUTS)))
def test_inputs_that_do_not_fit(case):
    x, error, words = INPUTS[case]
    with pytest.raises(error, match=words):
        es.Network([es.ReLU()], (2, 2)).forward(x)


def test_inputs_beyond_float64():
    network, x = es.Network([es.ReLU()], (1,)), [Fraction(10) ** 400]
    assert network.forward(x).tolist() == x
    with pytest.raises(es.ParameterError, match=r"beyond the range of float64.*exact=True"):
        network.forward(x, exact=False)


def test_inputs_come_flat_shaped_and_in_batches():
    network = es.Network([es.Elementwise(2)], (2, 2))
    x = np.arange(4.0)
    assert network.forward(x).tolist() == [[0, 2], [4, 6]]
    assert network.forward(x.reshape(2, 2)).tolist() == [[0, 2], [4, 6]]
    assert network.forward([x, x]).shape == (2, 2, 2)
    assert network.forward(np.zeros((0, 4))).shape == (0, 2, 2)
    assert network.forward(np.zeros((5, 2, 2), dtype=np.float32)).dtype == np.float64
    assert network.forward([Fraction(1, 3)] * 4)[0, 0] == Fraction(2, 3)
    assert network.forward(["1/3"] * 4, exact=True)[0, 0] == Fraction(2, 3)
    assert network.forward([0.1] * 4, exact=True)[0, 0] == 2 * Fraction(0.1)


def test_a_forward_leaves_its_input_alone():
    for x in (np.array([[[-1.0, 2.0]]]), np.array([[[Fraction(-1), Fraction(2)]]], dtype=object)):
        for op in (
            es.ReLU(), es.Identity(), es.Pad((1, 1)), es.AveragePool((2,), padding=1), es.Flatten(),
            es.MaxPool((2,)), es.Conv([[[1, 1, 1]]], padding=1), es.ConvTranspose([[[1, 2]]]),
        ):  # fmt: skip
            out = es.Network([op], (1, 2)).forward(x)
            out[...] = 7  # nor is the result a view of it
            assert x.tolist() == [[[-1, 2]]], op


# --- The output operator ---------------------------------------------------------------------


def test_a_last_softmax_or_sigmoid_is_the_output_operator():
    for op in (es.Softmax(), es.LogSoftmax(), es.Sigmoid()):
        network = es.Network([es.Dense([[1, 2], [3, 4]]), es.ReLU(), op], (2,))
        assert kinds(network) == (["Dense", "ReLU"], [op.kind])
        assert network.output_operator == op.kind
        assert es.count_regions(network) == 4
        assert network.output_shape == (2,)
    plain = es.Network([es.ReLU()], (2,))
    assert (plain.output_operator, plain.output_nodes) == ("", ())


def test_what_only_moves_or_scales_entries_may_follow():
    """Two classes from one: p -> [1 - p, p], as classifiers are exported."""
    sigmoid = [es.Dense([[1, -1]]), es.ReLU(), es.Dense([[1]], [-2]), es.Sigmoid()]
    both = es.Branches([[es.Elementwise(-1, 1)], []], es.Concat())
    network = es.Network([*sigmoid, both, es.Reshape((2, 1)), es.Select([1, 0])], (2,))
    assert kinds(network)[0] == ["Dense", "ReLU", "Dense"]
    assert kinds(network)[1] == ["Sigmoid", "Elementwise", "Concat", "Reshape", "Select"]
    assert network.output_shape == (1,)
    x = np.array([[3.0, 0], [0, 3]])
    p = 1 / (1 + np.exp(-np.array([1.0, -2])))
    out = network.forward(x, output_operator=True)
    assert np.allclose(out, np.stack([p, 1 - p], 1)[:, :, None], rtol=1e-15, atol=0)
    assert network.forward(x).tolist() == [[1.0], [-2.0]]


def test_operators_alone():
    network = es.Network([es.Softmax()], (3,))
    assert kinds(network) == ([], ["Softmax"])
    assert network.forward([1.0, 2, 3]).tolist() == [1, 2, 3]
    assert network.forward([0.0, 0, 0], output_operator=True).tolist() == [1 / 3] * 3
    assert es.count_regions(network) == 1


def test_a_sigmoid_in_the_middle_is_no_output_operator():
    cases = [
        [es.Sigmoid(), es.ReLU()],
        [es.Sigmoid(), es.Dense([[1, 2], [0, 1]])],
        [es.Sigmoid(), es.BatchNorm([0, 0], [1, 1])],
        [es.Residual([es.Sigmoid()])],  # also reads what is in front of it
        [es.Branches([[es.Sigmoid()], []], es.Concat())],
        [es.Softmax(), es.Maxout(2)],
    ]
    for steps in cases:
        network = es.Network([es.Dense([[1, 2], [3, 4]]), *steps], (2,))
        assert network.output_operator == "", steps
        with pytest.raises(es.UnsupportedOperatorError, match="not piecewise affine"):
            es.count_regions(network)
    twice = es.Network([es.Sigmoid(), es.Sigmoid()], (1,))  # the last one only
    assert kinds(twice) == (["Sigmoid"], ["Sigmoid"])


def test_the_exact_forward_refuses_the_output_operator():
    network = es.Network([es.ReLU(), es.Softmax(name="probabilities")], (2,))
    x = [Fraction(1), Fraction(-1)]
    assert network.forward(x).tolist() == [1, 0]
    with pytest.raises(es.UnsupportedOperatorError, match="probabilities: Softmax has no exact"):
        network.forward(x, output_operator=True)
    with pytest.raises(es.UnsupportedOperatorError, match="no exact"):
        network.forward([1.0, -1.0], exact=True, output_operator=True)


@pytest.mark.parametrize("op", [es.Softmax(), es.Softmax(0), es.LogSoftmax(), es.Sigmoid()])
def test_output_operators_match_torch(op):
    import torch

    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((6, 4)), rng.standard_normal(6)
    network = es.Network([es.Dense(weight, bias), es.ReLU(), es.Reshape((2, 3)), op], (4,))
    x = np.concatenate([rng.standard_normal((20, 4)), 300 * rng.standard_normal((20, 4))])
    inside = torch.relu(torch.tensor(x) @ torch.tensor(weight).T + torch.tensor(bias))
    inside = inside.reshape(-1, 2, 3)
    if op.kind == "Sigmoid":
        expected = torch.sigmoid(inside)
    else:
        function = torch.softmax if op.kind == "Softmax" else torch.log_softmax
        expected = function(inside, dim=op.axis % 2 + 1)
    out = network.forward(x, output_operator=True)
    assert np.abs(out - expected.numpy()).max() <= 1e-12 * max(1, np.abs(expected.numpy()).max())
    assert np.array_equal(network.forward(x), es.Network(network.operators, (4,)).forward(x))


# --- Smooth operators ------------------------------------------------------------------------

TORCH = {
    es.Sigmoid(): ("sigmoid", {}), es.Tanh(): ("tanh", {}), es.Softplus(): ("softplus", {}),
    es.Softplus(2): ("softplus", {"beta": 2, "threshold": 1000}), es.SiLU(): ("silu", {}),
    es.GELU(): ("gelu", {}), es.GELU("tanh"): ("gelu", {"approximate": "tanh"}),
    es.HardSwish(): ("hardswish", {}),
    es.ELU(): ("elu", {}), es.ELU(0.3): ("elu", {"alpha": 0.3}),
    es.Softmax(): ("softmax", {"dim": -1}), es.LogSoftmax(): ("log_softmax", {"dim": -1}),
}  # fmt: skip


@pytest.mark.parametrize("op", TORCH, ids=repr)
def test_smooth_operators_match_torch(op):
    import torch

    name, options = TORCH[op]
    x = np.concatenate([np.linspace(-6, 6, 1001), [-800.0, -40, 0, 18, 800]]).reshape(2, -1)
    function = getattr(torch.nn.functional, name)
    expected = function(torch.tensor(x), **options).numpy()
    out = op.forward(x)
    assert np.all(np.isfinite(out))
    size = np.maximum(1.0, np.abs(expected))
    near = 1e-8 if op.kind == "Softplus" else 1e-12  # torch's threshold of 20 cuts off
    assert np.abs((out - expected) / size).max() <= near
    assert type(op)(**op.fields).forward(x).tolist() == out.tolist()


def test_all_smooth_operators_are_tested():
    assert {type(op) for op in TORCH} == set(SMOOTH)


@pytest.mark.parametrize("kind", [op for op in SMOOTH if op not in OUTPUT_ONLY])
def test_counting_refuses_smooth_operators_and_says_how_to_go_on(kind):
    network = es.Network([es.Dense([[1]]), kind(name="third"), es.Dense([[1]])], (1,))
    for ask in (es.count_regions, es.enumerate_regions, lambda net: net.program):
        with pytest.raises(es.UnsupportedOperatorError) as caught:
            ask(network)
        message = str(caught.value)
        assert message.startswith(f"operator 'third' ({kind.__name__}) is not piecewise affine")
        assert "exactspline.approximate(net, error=..., domain=...)" in message
    assert np.isfinite(network.forward([0.3])).all()


@pytest.mark.parametrize("kind", OUTPUT_ONLY)
def test_softmax_inside_is_refused(kind):
    network = es.Network([kind(), es.Dense([[1, 1]])], (2,))
    with pytest.raises(es.UnsupportedOperatorError, match=f"{kind.__name__} .*last operator"):
        es.count_regions(network)


# --- Random graphs ---------------------------------------------------------------------------


def random_graph(rng, dim):
    """A graph in which every node reads any of the earlier ones."""
    nodes, shapes = [], [(dim,)]
    for position in range(rng.randint(3, 10)):
        reads = [rng.randint(-1, position - 1) for _ in range(rng.choice((1, 1, 2, 3)))]
        size = shapes[reads[0] + 1][0]
        W = [[rng.randint(-2, 2) for _ in range(size)] for _ in range(rng.randint(1, 3))]
        op = rng.choice((es.ReLU(), es.Abs(), es.Dense(W), es.ReduceMax(keepdims=True)))
        if len(reads) > 1:
            same = [i for i in range(-1, position) if shapes[i + 1] == shapes[reads[0] + 1]]
            joins = (es.Add(), es.Maximum(), es.Minimum(), es.Add([2, *[-1] * (len(reads) - 1)]))
            op = rng.choice((*joins, es.Concat()))
            if op.kind != "Concat":
                reads = [rng.choice(same) for _ in reads]
        nodes.append((op, reads))
        shapes.append(op.output_shape(*[shapes[i + 1] for i in reads]))
    return nodes


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    """Forward in Fractions, node by node, and the program agree; dead nodes change nothing."""
    rng = random.Random(seed)
    nodes = random_graph(rng, 2)
    output = rng.randrange(len(nodes))
    network = es.Network.from_nodes(nodes, (2,), output=output)
    for _ in range(4):
        x = [Fraction(rng.randint(-3, 3), rng.choice((1, 3))) for _ in range(2)]
        values = [np.array([x], dtype=object)]
        for op, reads in nodes:
            values.append(op.forward(*[values[i + 1] for i in reads]))
        expected = values[output + 1][0].tolist()
        assert network.forward(x).tolist() == expected
        assert program_at(network.program, x)[1] == expected


@pytest.mark.parametrize(
    "join", [es.Add(), es.Add([1, -1]), es.Concat(), es.Maximum(), es.Minimum()]
)
def test_a_list_of_operators_loses_no_branch(join):
    """The operators of a network with branches do not say what is joined."""
    net = es.Network([es.Branches([[es.ReLU()], []], join), es.Abs()], (2,))
    with pytest.raises(es.ShapeError, match=r"operator 1 \(.*joins several values.*from_nodes"):
        es.Network(net.operators, (2,))
    again = es.Network.from_nodes([(n.operator, n.inputs) for n in net.nodes], net.input_shape)
    x = np.array([[1.0, -2.0]])
    assert np.array_equal(again.forward(x), net.forward(x))
    with pytest.raises(es.ShapeError, match="joins several values"):
        es.Network([es.Residual([es.ReLU(), join])], (2,))


def test_joins_of_one_value_that_are_meant():
    assert es.Network([es.Add([3])], (1,)).forward([2.0]).tolist() == [6]
    for join in (es.Add(), es.Concat(), es.Maximum()):
        one = es.Network([es.Branches([[es.ReLU()]], join)], (1,))
        assert one.forward([2.0]).tolist() == [2]
