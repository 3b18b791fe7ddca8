"""Lipschitz constants: check 14."""
