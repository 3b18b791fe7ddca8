"""The forward core's compiled passes."""
