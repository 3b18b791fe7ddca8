"""Universality, made constructive: networks from convex functions, from pieces, from tangents."""
