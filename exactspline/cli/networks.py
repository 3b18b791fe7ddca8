"""The network that the arguments name, and the domains to work on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..api import approximate, load
from ..errors import ExactSplineError
from .domains import read_domains

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network import Network

__all__ = ["read_network"]


def read_network(arguments: argparse.Namespace) -> tuple[Network, list[Domain]]:
    """The network, with --approximate its affine spline, and the domains.

    ``arguments.approximation`` says what was replaced; None without --approximate. Where there
    are several domains, the errors hold on the whole space.
    """
    network = load(arguments.network, output=arguments.output, batch=not arguments.no_batch)
    domains = read_domains(arguments, network)
    arguments.approximation = None
    if arguments.approximate is not None:
        where = domains[0] if len(domains) == 1 else None
        try:
            arguments.approximation = approximate(network, arguments.approximate, where)
        except ExactSplineError as error:
            raise type(error)(f"--approximate: {error}") from None
        arguments.smooth_sha256 = network.sha256
        network = arguments.approximation.network
    return network, domains
