"""Approximation, learning and soft selections: checks 10, 16 and 17."""
