"""Networks some of whose parameters are free: polyhedra in inputs and parameters, and sweeps.

A bias enters a network as one more input does, so a network with free biases is itself a network,
over inputs and biases. Everything else (regions, exact rows, projections, counts as functions of a
bias) follows from that.
"""
