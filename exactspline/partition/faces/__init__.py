"""Faces of every dimension, the Euler relation, and the decision boundary."""
