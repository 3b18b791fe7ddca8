"""Rational arithmetic on python-flint: linear programs, exact forms of a cell, exact verdicts."""
