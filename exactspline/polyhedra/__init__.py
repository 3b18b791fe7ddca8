"""Polyhedra in rational arithmetic: linear programs, vertices, faces, ranks.

Nothing here knows a network.
"""
