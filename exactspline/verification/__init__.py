"""Verdicts on properties of files: a counterexample, or a proof that there is none."""
