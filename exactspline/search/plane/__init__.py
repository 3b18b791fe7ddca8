"""The search of two-dimensional domains: cells are polygons, known by their corners."""
