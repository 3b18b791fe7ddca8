"""Statements about networks: written as mathematics, proved over a domain or refuted by a point."""
