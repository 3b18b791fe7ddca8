"""Losses for training in PyTorch: penalties on the templates A[x] of a module.

Every function takes and gives tensors that gradients flow through. Templates are those of the
module as it stands, by autograd in the module's own precision: nothing here is exact. The exact
templates of a trained network are `Network.templates`.
"""

from __future__ import annotations

from typing import Any

from .errors import ParameterError, ShapeError
from .formats.torch.reader import needs_torch
from .mode import guarded
from .theory.filters.matched import orthogonality_penalty

__all__ = [
    "collinear_distance", "collinear_penalty", "norm_penalty", "orthogonality_penalty",
    "template_cosines", "template_orthogonality", "templates",
]  # fmt: skip


@guarded
def templates(module: Any, x: Any, *, penalty: bool = True) -> Any:
    """The templates of a module at a batch of inputs: the rows of A[x], one an output.

    Parameters
    ----------
    module : torch.nn.Module or callable
        From (n, *input_shape) to (n, C), every sample by itself.
    x : torch.Tensor, shape (n, *input_shape)
    penalty : bool
        True (default): gradients flow on into the module's parameters.

    Returns
    -------
    torch.Tensor, shape (n, C, *input_shape)

    Raises
    ------
    ShapeError
        If x or the outputs have another shape.
    ParameterError
        If batch normalisation is in training mode: then the samples of a batch depend on each
        other, and no sample has templates of its own.

    Notes
    -----
    C backward passes. On boundaries autograd takes the piece that it takes.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: templates.

    Examples
    --------
    >>> import torch
    >>> from exactspline.torch import templates
    >>> net = torch.nn.Linear(2, 1, bias=False)
    >>> _ = torch.nn.init.ones_(net.weight)
    >>> templates(net, torch.tensor([[3.0, 4.0]])).tolist()
    [[[1.0, 1.0]]]
    """
    torch = needs_torch("exactspline.torch.templates")
    if not isinstance(x, torch.Tensor) or x.ndim < 2 or not x.is_floating_point():
        raise ShapeError("templates: give a floating-point tensor of shape (n, *input_shape)")
    if isinstance(module, torch.nn.Module):
        for name, part in module.named_modules():
            if isinstance(part, torch.nn.modules.batchnorm._BatchNorm) and (
                part.training or part.running_mean is None
            ):
                raise ParameterError(
                    f"templates: {name or 'the module'} normalises by the statistics of the "
                    "batch; call eval() first, so that every sample has templates of its own"
                )
    with torch.enable_grad():
        point = x.detach().clone().requires_grad_(True)
        out = module(point)
        if out.ndim != 2 or len(out) != len(x):
            raise ShapeError(
                f"templates: outputs of shape {tuple(out.shape)} for {len(x)} inputs; (n, C) is "
                "needed"
            )
        if not out.requires_grad:
            return torch.zeros(len(x), out.shape[1], *x.shape[1:], dtype=x.dtype, device=x.device)
        rows = []
        for column in range(out.shape[1]):
            (row,) = torch.autograd.grad(
                out[:, column].sum(), point, create_graph=penalty, retain_graph=True,
                allow_unused=True,
            )  # fmt: skip
            rows.append(torch.zeros_like(point) if row is None else row)
        return torch.stack(rows, dim=1)


@guarded
def template_orthogonality(A: Any) -> Any:
    """How far templates are from orthogonal: the mean over samples of sum_c!=c' <A_c, A_c'>^2.

    Parameters
    ----------
    A : torch.Tensor, shape (n, C, ...)
        As `templates` gives them.

    Returns
    -------
    torch.Tensor
        One number; 0 exactly where the templates of every sample are orthogonal, up to rounding.

    Notes
    -----
    `orthogonality_penalty` is the same for the last layer's weights W alone. With A = W A_h[x]
    both differ: orthogonal W make orthogonal templates only if A_h[x] keeps angles.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: orthogonal templates.

    Examples
    --------
    >>> import torch
    >>> from exactspline.torch import template_orthogonality
    >>> float(template_orthogonality(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])))  # 2 * 11^2
    242.0
    """
    flat = _flat(A, "template_orthogonality")
    gram = flat @ flat.transpose(1, 2)
    apart = gram - gram.diagonal(dim1=1, dim2=2).diag_embed()
    return apart.square().sum(dim=(1, 2)).mean()


@guarded
def norm_penalty(A: Any, alpha: float = 1.0) -> Any:
    """How far templates exceed a bound: the mean over samples of max(0, sum_c |A_c|^2 - alpha)^2.

    Parameters
    ----------
    A : torch.Tensor, shape (n, C, ...)
    alpha : float
        The bound of the theory's problem, positive.

    Examples
    --------
    >>> import torch
    >>> from exactspline.torch import norm_penalty
    >>> float(norm_penalty(torch.tensor([[[1.0, 2.0], [0.0, 1.0]]]), alpha=4.0))
    4.0
    """
    flat = _flat(A, "norm_penalty")
    excess = flat.square().sum(dim=(1, 2)) - _checked(alpha, "norm_penalty")
    return excess.clamp(min=0).square().mean()


@guarded
def collinear_penalty(A: Any, x: Any, *, relative: bool = False) -> Any:
    """How far templates are from multiples of their input: the mean of sum_c |A_c - P_x A_c|^2.

    Parameters
    ----------
    A : torch.Tensor, shape (n, C, ...)
    x : torch.Tensor, shape (n, ...)
        The inputs; of an input that is 0 all templates count whole.
    relative : bool
        True: every template's share, |A_c - P_x A_c|^2 / |A_c|^2 = 1 - cos^2, so that templates
        cannot get away by being small; one that is 0 counts nothing.

    Notes
    -----
    P_x is the projection on the line through x. It is 0 exactly where all templates are collinear
    with x, as those of the theory's optimum are (`theory.collinear_templates`).

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> import torch
    >>> from exactspline.torch import collinear_penalty
    >>> A = torch.tensor([[[2.0, 0.0], [3.0, 4.0]]])
    >>> float(collinear_penalty(A, torch.tensor([[5.0, 0.0]])))  # of the second one 4 is across
    16.0
    """
    flat, unit = _with_inputs(A, x, "collinear_penalty")
    if relative:
        flat = _normed(flat)
    along = (flat * unit[:, None]).sum(dim=2)
    across = flat - along[:, :, None] * unit[:, None]
    return across.square().sum(dim=(1, 2)).mean()


@guarded
def collinear_distance(A: Any, x: Any, labels: Any, alpha: float = 1.0) -> Any:
    """The mean of sum_c |A_c - A*_c|^2, A* the templates of least cross-entropy within alpha.

    Parameters
    ----------
    A : torch.Tensor, shape (n, C, ...)
    x : torch.Tensor, shape (n, ...)
    labels : integer torch.Tensor, shape (n,)
    alpha : float
        The bound on sum_c |A_c|^2.

    Notes
    -----
    A*_y = sqrt((C - 1) alpha / C) x / |x| and A*_c = -sqrt(alpha / (C (C - 1))) x / |x| for the
    other classes: the optimum that `theory.check_collinear` proves.

    Examples
    --------
    >>> import torch
    >>> from exactspline.torch import collinear_distance
    >>> x, y = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> best = torch.tensor([[[0.6, 0.8], [-0.6, -0.8]]])
    >>> bool(collinear_distance(best, x, y, alpha=2.0) < 1e-10)
    True
    """
    torch = needs_torch("exactspline.torch")
    flat, unit = _with_inputs(A, x, "collinear_distance")
    bound = _checked(alpha, "collinear_distance")
    n, classes, _ = flat.shape
    if classes < 2:
        raise ShapeError("collinear_distance: one class; at least two are needed")
    if (
        not isinstance(labels, torch.Tensor) or labels.shape != (n,) or labels.is_floating_point()
        or (n and (int(labels.min()) < 0 or int(labels.max()) >= classes))
    ):  # fmt: skip
        raise ParameterError(
            f"collinear_distance: give {n} labels from 0 to {classes - 1} as an integer tensor"
        )
    factors = torch.full_like(flat[:, :, 0], -((bound / (classes * (classes - 1))) ** 0.5))
    factors[torch.arange(n), labels.long()] = ((classes - 1) * bound / classes) ** 0.5
    return (flat - factors[:, :, None] * unit[:, None]).square().sum(dim=(1, 2)).mean()


@guarded
def template_cosines(A: Any, x: Any) -> Any:
    """Cosines of every template with its input, shape (n, C); 0 where one of them is 0.

    Parameters
    ----------
    A : torch.Tensor, shape (n, C, ...)
    x : torch.Tensor, shape (n, ...)

    Examples
    --------
    >>> import torch
    >>> from exactspline.torch import template_cosines
    >>> A = torch.tensor([[[2.0, 0.0], [-3.0, 4.0]]])
    >>> [round(v, 3) for v in template_cosines(A, torch.tensor([[5.0, 0.0]]))[0].tolist()]
    [1.0, -0.6]
    """
    flat, unit = _with_inputs(A, x, "template_cosines")
    return (_normed(flat) * unit[:, None]).sum(dim=2)


def _flat(A: Any, what: str) -> Any:
    torch = needs_torch(f"exactspline.torch.{what}")
    if not isinstance(A, torch.Tensor) or A.ndim < 3 or 0 in A.shape:
        shape = tuple(getattr(A, "shape", ()))
        raise ShapeError(f"{what}: templates of shape {shape}; give a tensor (n, C, *input_shape)")
    return A.flatten(2)


def _with_inputs(A: Any, x: Any, what: str) -> tuple[Any, Any]:
    """Templates (n, C, D), and inputs (n, D) divided by their norms."""
    flat = _flat(A, what)
    shape = tuple(getattr(x, "shape", ()))
    if shape != (len(A), *A.shape[2:]):
        raise ShapeError(
            f"{what}: inputs of shape {shape} do not fit templates of shape {tuple(A.shape)}"
        )
    return flat, _normed(x.flatten(1).to(flat.dtype))


def _normed(values: Any) -> Any:
    """Vectors divided by their norms; 0 stays 0, and its gradient is finite."""
    torch = needs_torch("exactspline.torch")
    square = values.square().sum(dim=-1, keepdim=True)
    some = square > 0
    return torch.where(some, values / torch.where(some, square, 1.0).sqrt(), 0.0)


def _checked(alpha: Any, what: str) -> float:
    try:
        value = float(alpha)
    except (TypeError, ValueError):
        raise ParameterError(f"{what}: alpha {alpha!r}; give a positive number") from None
    if not 0 < value < float("inf"):
        raise ParameterError(f"{what}: alpha {alpha!r}; give a positive number")
    return value
