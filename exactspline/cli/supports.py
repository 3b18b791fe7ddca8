"""``exactspline supports``: what can be decided, as the VNN-LIB 2.0 standard asks for it."""

from __future__ import annotations

import argparse

from .streams import results

__all__ = ["supports"]


def supports(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    results().write("\n".join(_lines(arguments.capability)) + "\n")
    return 0


def _lines(capability: str) -> list[str]:
    if capability == "onnx-operators":
        from ..formats.onnx.claims import claimed_operators

        return claimed_operators()
    if capability == "onnx-opset-versions":
        from ..formats.onnx.claims import opset_range

        return [str(version) for version in opset_range()]
    return _STATED[capability]


_STATED = {
    "onnx-element-types": ["real"],
    "vnnlib-versions": ["1.0", "2.0"],
    "hidden-node-theories": ["NH", "H"],
    "multiple-input-output-theories": ["SIO", "MIO"],
    "multiple-network-theories": ["SNET", "MENET", "MINET", "MNET"],
    "multiple-node-comparison-theories": ["SNC", "MNC"],
    "arithmetic-complexity-theories": ["BND", "OUTC", "LIN"],
    "optimised-disjunctive-reasoning": ["true"],
    "serialise-assignments": ["true"],
    "unsat-proofs": ["false"],
}
