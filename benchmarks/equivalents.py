"""Changes of the theory's formulas that are the same function, each with the reason.

A key is (module, function, text of the expression, change), as `mutations.py --survivors` prints
it: it holds whatever stands above the expression, and a test fails where it names nothing.
"""

from __future__ import annotations

__all__ = ["EQUIVALENT"]

Key = tuple[str, str, str, str]

_SIGN = "all of them change their sign, and what is asked does not depend on it"
_SHORT = "a short cut: what it misses is found in the long way, which follows"
_LONG = "no case is left out: the short cut is taken less often, and the long way gives the same"
_SCALE = "a positive factor of a direction, whose length is divided out"
_POSITIVE = "only the sign is asked, and it is the same"
_SHOWN = "it is only shown: a name in a report, or a number that decides nothing"
_LIMIT = "how much is held or tried; every value is the same"
_GUESS = "how near a guess has to come before it counts as poor; both are far from what it reaches"
_SPAN = "other points that span the same side"
_POINTS = "other points, at which both sides are compared as well"
_DEAD = "no network comes here: it has an output"

# per module and function: expression, change, reason
_LISTED: dict[str, dict[str, list[tuple[str, str, str]]]] = {
    "common/spectral.py": {"LargestRoot._above": [("c > 0", "> -> <=", _SIGN)]},
    "common/samples.py": {
        "maps_of": [
            (text, what, _LIMIT)
            for text, what in (
                ("len(partition) * net.output_dim", "* -> +"),
                ("len(partition) * net.output_dim * (net.input_dim + chart.dim + 2)", "* -> +"),
                ("net.input_dim + chart.dim + 2", "+ -> -"),
                ("net.input_dim + chart.dim + 2", "2 -> 3"),
                ("net.input_dim + chart.dim", "+ -> -"),
            )
        ],
        "_Source.__init__": [
            (text, what, _LIMIT)
            for text, what in (
                ("net.output_dim * (net.input_dim + k + 2)", "* -> +"),
                ("net.input_dim + k + 2", "+ -> -"), ("net.input_dim + k + 2", "2 -> 3"),
                ("net.input_dim + k", "+ -> -"),
            )
        ],
        "_Source.of": [("len(self.known) > self.most", "> -> <=", _LIMIT)],
    },
    "constants/constants.py": {
        "_up_to_signs": [
            ("lead > 0", "> -> <=", _SIGN),
            ("-v", "a minus is lost", "fewer equal norms are known beforehand: " + _SHORT),
        ],
        "_Points._steepest": [("[Fraction(0)] * len(t)", "* -> +", _DEAD)],
        "_Points.reaches": [
            ("2 ** 20", "2 -> 3", _GUESS), ("norm == '2'", "== -> !=", _SHOWN),
        ],
        "_top_direction": [
            ("best / np.abs(best).max()", "/ -> *", _SCALE),
            ("2 ** 40", "2 -> 3", _SCALE),
        ],
    },
    "counting/arrangement.py": {
        "zaslavsky": [
            ("n - next((d for d, c in enumerate(chi) if c))", "- -> +",
             "the rank is the exponent of -1 alone: n - d and n + d are both even or both odd"),
        ],
        "_oriented": [("next((v for v in row if v)) > 0", "> -> <=", _SIGN)],
    },
    "counting/counts.py": {
        "_relu_chain": [
            ("len(widths) * n0 * n0", "* -> +", _LIMIT), ("len(widths) * n0", "* -> +", _LIMIT),
        ],
        "_first_layer": [
            ("a + sign * v", "+ -> -", "the arrangement is reflected at the origin"),
        ],
    },
    "filters/collinear.py": {
        "_conditions": [
            ("p_y - 1", "1 -> 2", _POSITIVE), ("p_c * size", "* -> +", _POSITIVE),
            ("-gradient / (2 * factor)", "/ -> *", _POSITIVE),
            ("2 * factor", "2 -> 3", _POSITIVE),
        ],
    },
    "filters/gradients.py": {"_by_torch": [("off == 0", "== -> !=", _SHOWN)]},
    "filters/penalties.py": {
        "_values_disagree": [("1 / far", "/ -> *", _POINTS), ("scale * v", "* -> +", _POINTS)],
    },
    "filters/segment_check.py": {"check_path": [("ways += more", "+ -> -", _LIMIT)]},
    "geometry/coherent.py": {
        "_positive": [
            ("i < edges", "< -> >=", _SHORT), ("w * x", "* -> +", _SHORT),
            ("w < 0", "< -> >=", _LONG),
            ("sum((w * x for w, x in zip(weights, v, strict=True)), ZERO) == 0", "== -> !=",
             _SHORT),
        ],
        "proves": [("a + sign * b", "+ -> -", _SIGN)],
    },
    "geometry/cuts.py": {
        "_one_side": [
            ("2 * max(map(abs, normal))", "* -> +", _SPAN),
            ("2 * max(map(abs, normal))", "2 -> 3", _SPAN),
            ("v + step * (i == j)", "+ -> -", _SPAN),
        ],
    },
    "geometry/geometry.py": {"_metric": [("i == j", "== -> !=", _LONG)]},
    "geometry/power.py": {
        "layer_power_diagram": [
            ("int(network.program.unit_start[layer - 1]) + k", "+ -> -", _SHOWN),
        ],
    },
    "learning/soft.py": {
        "_stationary": [
            ("slope - multiplier", "- -> +", "the multiplier as its negative; no ratio has it"),
        ],
    },
    "operators/symbolic.py": {
        "_max_pool": [
            ("start + sum(steps[:i + 1])", "+ -> -", "the line runs the other way, in all orders"),
        ],
    },
    "operators/operators.py": {
        "_points": [
            (text, what, "numbers of inputs that the output does not read: any will do")
            for text, what in (
                ("(7 * j + 3 * i + k) % 11 - 5", "- -> +"), ("7 * j + 3 * i + k", "+ -> -"),
                ("7 * j + 3 * i", "+ -> -"), ("7 * j", "* -> +"), ("3 * i", "* -> +"),
            )
        ],
        "_spanning": [
            ("i == j", "== -> !=", "1 - e_j and (1, ..., 1) are affinely independent as well"),
        ],
    },
}  # fmt: skip

EQUIVALENT: dict[Key, str] = {
    (module, function, text, what): reason
    for module, functions in _LISTED.items()
    for function, rows in functions.items()
    for text, what, reason in rows
}
