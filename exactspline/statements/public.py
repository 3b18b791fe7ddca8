"""What ``exactspline`` offers of this room, loaded when one is asked for."""

from .conditions import Condition, implies
from .prove import counterexamples, find, prove
from .quantified import Statement, exists, forall
from .ready import (
    always_on,
    at_most_apart,
    bounded,
    code_constant,
    convex,
    dead,
    equal,
    equivalent,
    homeomorphism,
    injective,
    lipschitz,
    monotone,
    never_class,
    redundant_unit,
    robust,
    symmetric,
)
from .terms import Term, argmax, maximum, minimum, relu
from .values import code, hidden, l1_norm, logits, max_norm, rational, unit_on
from .verdict import Verdict

__all__ = [
    "Condition", "Statement", "Term", "Verdict", "always_on", "argmax", "at_most_apart", "bounded",
    "code", "code_constant", "convex", "counterexamples", "dead", "equal", "equivalent", "exists",
    "find", "forall", "hidden", "homeomorphism", "implies", "injective", "l1_norm", "lipschitz",
    "logits", "max_norm", "maximum", "minimum", "monotone", "never_class", "prove", "rational",
    "redundant_unit", "relu", "robust", "symmetric", "unit_on",
]  # fmt: skip
