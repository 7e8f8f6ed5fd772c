"""The network simplex of POT, for thousands of points (torch-free until it is called).

A plan that cannot be improved is a spanning tree of the graph of both sides, n + m − 1 entries; the
potentials follow along its branches. The simplex exchanges one branch at a time (Bonneel et al.,
Displacement Interpolation Using Lagrangian Mass Transport, 2011; Flamary et al., POT: Python
Optimal Transport, 2021).
"""

from __future__ import annotations

from saddlepoint.errors import RunStopped
from saddlepoint.transport.problem import Problem
from saddlepoint.transport.solution import Transport, transport_of, unit

PIVOTS = 100_000_000  # a bound that is never met in practice; a thousand points take some 10,000


def by_network_simplex(problem: Problem) -> Transport:
    """The plan and the potential g of POT's `ot.emd`, which leaves out atoms without mass.

    Raises:
        RunStopped: The simplex gave up.
    """
    import ot

    mass, cost = unit(problem.total), unit(problem.largest)
    plan, log = ot.emd(
        problem.a / mass, problem.b / mass, problem.cost / cost, numItermax=PIVOTS, log=True
    )
    if log["warning"] is not None:
        raise RunStopped(f"The network simplex found no optimum: {log['warning']}")
    return transport_of(problem, plan * mass, log["v"] * cost, "network-simplex")
