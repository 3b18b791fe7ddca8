"""Which regions are adjacent, and through which facets."""
