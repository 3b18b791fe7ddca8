"""One region: its inequalities, affine map, neighbours and geometry."""
